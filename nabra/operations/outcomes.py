"""What became of a call after its decision: queue join, answer, abandon, transfer and hang-up.

Theory of operation: the service names each call whose channel it knows (`follow`), and hands every manager
event on (`receive`). An event belongs to a call when it names the call's channel by Uniqueid; transfers may
also name it by Linkedid, because the channel that is transferred can be another leg of the same conversation.
Asterisk raises QueueCallerLeave for answered, abandoned and timed-out calls alike, before it says which, so a
leave is only told once nothing better came.

Pure: no clock, no I/O. Memory is bounded: calls over `max_calls` push the oldest out, a call is forgotten a
little after its hang-up, and one whose hang-up was never seen (the manager connection was down) after
`keep_s`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from nabra.operations.bus import EventKind

LINE_KIND = "outcome"

_LINGER_S = 10.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """One thing that happened to a call behind its decision.

    Attributes
    ----------
    call
        The call's id.
    pbx
        Name of the PBX in the config.
    kind
        One of the queue events, `TRANSFERRED` or `HUNG_UP`.
    at_s
        Monotonic time of the event in seconds.
    data
        By kind. pbx_route (what the dialplan did, whatever we asked for): route, why ("routed", "watchdog",
        "no-engine", ...). queue_join: queue, position. queue_answer: queue, agent, waited_s. queue_abandon and
        queue_leave (the queue gave up on its own time-out): queue, waited_s. queue_complete: queue, agent,
        talked_s, ended_by ("caller", "agent", "transfer"). transferred: how ("blind", "attended"), to.
        hung_up: cause, text.
    """

    call: str
    pbx: str
    kind: EventKind
    at_s: float
    data: Mapping[str, object]

    def line(self, unix_s: float) -> dict[str, object]:
        """Return the line for the record store; `unix_s` is the wall-clock time of the event."""
        return {
            "kind": LINE_KIND,
            "call": self.call,
            "pbx": self.pbx,
            "outcome": self.kind.value,
            "time": datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="milliseconds"),
            **self.data,
        }


@dataclass(slots=True)
class _Followed:
    call: str
    pbx: str
    uniqueid: str
    linkedid: str
    since_s: float
    queue: str | None = None
    joined_s: float | None = None
    left_s: float | None = None
    gone_s: float | None = None
    told: set[EventKind] = field(default_factory=set)


class Outcomes:
    """Follows calls through the queues of any number of PBXs.

    Parameters
    ----------
    max_calls
        How many calls are followed at once; the oldest is forgotten for a new one.
    keep_s
        A call whose hang-up is not seen is forgotten after this many seconds.
    """

    def __init__(self, max_calls: int = 20_000, keep_s: float = 4 * 3600.0) -> None:
        self._max_calls = max_calls
        self._keep_s = keep_s
        self._by_channel: dict[tuple[str, str], _Followed] = {}
        self._by_link: dict[tuple[str, str], _Followed] = {}
        self.forgotten = 0
        """Calls pushed out or timed out before their hang-up was seen."""

    def __len__(self) -> int:
        return len(self._by_channel)

    def follow(self, call: str, pbx: str, uniqueid: str, linkedid: str, now_s: float) -> None:
        """Begin to follow a call, as soon as its channel is known."""
        self._expire(now_s)
        if not uniqueid:
            return
        before = self._by_channel.get((pbx, uniqueid))
        if before is not None:
            self._forget(before)
        while len(self._by_channel) >= self._max_calls:
            self._forget(next(iter(self._by_channel.values())))
            self.forgotten += 1
        followed = _Followed(call, pbx, uniqueid, linkedid, now_s)
        self._by_channel[pbx, uniqueid] = followed
        if linkedid:
            self._by_link.setdefault((pbx, linkedid), followed)

    def receive(self, pbx: str, name: str, fields: Mapping[str, str], now_s: float) -> list[Outcome]:
        """Return what a manager event tells about the calls that are followed; mostly nothing.

        Parameters
        ----------
        pbx
            Name of the PBX that raised the event.
        name, fields
            The manager event.
        now_s
            Monotonic time in seconds.
        """
        if name in {"BlindTransfer", "AttendedTransfer"}:
            return self._transfer(pbx, name, fields, now_s)
        followed = self._by_channel.get((pbx, fields.get("Uniqueid", "")))
        if followed is None:
            return []
        match name:
            case "UserEvent" if fields.get("UserEvent") == "NabraRoute":
                route = {"route": fields.get("Route", ""), "why": fields.get("Why", "")}
                return [self._tell(followed, EventKind.PBX_ROUTE, route, now_s)]
            case "QueueCallerJoin":
                return self._join(followed, fields, now_s)
            case "AgentConnect":
                data = self._in_queue(followed, fields, now_s, agent=fields.get("MemberName", ""))
                return [self._tell(followed, EventKind.QUEUE_ANSWER, data, now_s)]
            case "QueueCallerAbandon":
                data = self._in_queue(followed, fields, now_s)
                return [self._tell(followed, EventKind.QUEUE_ABANDON, data, now_s)]
            case "QueueCallerLeave":
                followed.left_s = now_s
            case "AgentComplete":
                data = {
                    "queue": fields.get("Queue", followed.queue or ""),
                    "agent": fields.get("MemberName", ""),
                    "talked_s": _seconds(fields.get("TalkTime")),
                    "ended_by": fields.get("Reason", ""),
                }
                return [self._tell(followed, EventKind.QUEUE_COMPLETE, data, now_s)]
            case "Hangup":
                return self._hang_up(followed, fields, now_s)
        return []

    def _join(self, followed: _Followed, fields: Mapping[str, str], now_s: float) -> list[Outcome]:
        told = self._timed_out(followed)
        followed.queue = fields.get("Queue", "")
        followed.joined_s = now_s
        followed.left_s = None
        followed.told.clear()
        data = {"queue": followed.queue, "position": int(_seconds(fields.get("Position")) or 0)}
        return [*told, self._tell(followed, EventKind.QUEUE_JOIN, data, now_s)]

    def _hang_up(self, followed: _Followed, fields: Mapping[str, str], now_s: float) -> list[Outcome]:
        if followed.gone_s is not None:
            return []
        told = self._timed_out(followed)
        followed.gone_s = now_s
        data = {"cause": int(_seconds(fields.get("Cause")) or 0), "text": fields.get("Cause-txt", "")}
        return [*told, self._tell(followed, EventKind.HUNG_UP, data, now_s)]

    def _transfer(self, pbx: str, name: str, fields: Mapping[str, str], now_s: float) -> list[Outcome]:
        if fields.get("Result", "Success") != "Success":
            return []
        followed = None
        for key in (
            "TransfereeUniqueid",
            "TransfererUniqueid",
            "OrigTransfererUniqueid",
            "SecondTransfererUniqueid",
        ):
            followed = followed or self._by_channel.get((pbx, fields.get(key, "")))
        for key in (
            "TransfereeLinkedid",
            "TransfererLinkedid",
            "OrigTransfererLinkedid",
            "SecondTransfererLinkedid",
        ):
            followed = followed or self._by_link.get((pbx, fields.get(key, "")))
        if followed is None:
            return []
        blind = name == "BlindTransfer"
        to = fields.get("Extension", "") if blind else fields.get("TransferTargetCallerIDNum", "")
        data = {"how": "blind" if blind else "attended", "to": to}
        return [self._tell(followed, EventKind.TRANSFERRED, data, now_s)]

    def _in_queue(
        self, followed: _Followed, fields: Mapping[str, str], now_s: float, **more: object
    ) -> dict[str, object]:
        waited_s = (
            now_s - followed.joined_s if followed.joined_s is not None else _seconds(fields.get("HoldTime"))
        )
        return {
            "queue": fields.get("Queue", followed.queue or ""),
            **more,
            "waited_s": None if waited_s is None else round(waited_s, 3),
        }

    def _timed_out(self, followed: _Followed) -> list[Outcome]:
        """Tell a leave that turned out to be neither an answer nor an abandon."""
        if (
            followed.left_s is None
            or followed.joined_s is None
            or followed.told
            & {
                EventKind.QUEUE_ANSWER,
                EventKind.QUEUE_ABANDON,
                EventKind.QUEUE_LEAVE,
            }
        ):
            return []
        data = {"queue": followed.queue or "", "waited_s": round(followed.left_s - followed.joined_s, 3)}
        return [self._tell(followed, EventKind.QUEUE_LEAVE, data, followed.left_s)]

    def _tell(self, followed: _Followed, kind: EventKind, data: Mapping[str, object], at_s: float) -> Outcome:
        followed.told.add(kind)
        return Outcome(followed.call, followed.pbx, kind, at_s, data)

    def _expire(self, now_s: float) -> None:
        # Calls are kept in the order they came: only the front can be too old, and a hung-up one goes when it
        # gets there.
        while self._by_channel:
            first = next(iter(self._by_channel.values()))
            if first.gone_s is not None and now_s - first.gone_s >= _LINGER_S:
                self._forget(first)
            elif now_s - first.since_s >= self._keep_s:
                self._forget(first)
                self.forgotten += first.gone_s is None
            else:
                return

    def _forget(self, followed: _Followed) -> None:
        del self._by_channel[followed.pbx, followed.uniqueid]
        if self._by_link.get((followed.pbx, followed.linkedid)) is followed:
            del self._by_link[followed.pbx, followed.linkedid]


def _seconds(text: str | None) -> float | None:
    try:
        value = float(text) if text is not None else None
    except ValueError:
        return None
    return value if value is not None and math.isfinite(value) else None
