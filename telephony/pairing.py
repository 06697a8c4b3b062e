"""Which channel of which PBX does a socket belong to?

A call reaches us twice: as an AudioSocket connection that knows nothing but a UUID, and as the manager
interface's event that knows the channel and the caller. Either may come first, by a few milliseconds or, on a
busy machine, by more. `Pairing` brings them together by the UUID, is told the time, and gives up after a
grace time: a socket that nothing announced has to be handed back, and an announcement without a socket is a
call that another engine took.

Both waiting rooms are bounded, against a flood on either side: the one who has waited longest has to go.
"""

import re
import unicodedata
from collections import OrderedDict
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from telephony.ami_packets import AmiEvent

MAX_WAITING = 2_000
CALL_EVENT = "NabraCall"
_MAX_TEXT = 128
_ESCAPE = re.compile(r"\\(.)")
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_UNKNOWN = frozenset({"<unknown>", "unknown", "anonymous"})

Leg = TypeVar("Leg")


@dataclass(frozen=True, slots=True)
class Announcement:
    """What the PBX said about a call that it sends us.

    Attributes
    ----------
    call : UUID
        The call, as on its socket.
    pbx : str
        Our name of the PBX.
    channel, uniqueid, linkedid : str
        The caller's channel, and Asterisk's identities of it and of the calls linked with it.
    caller_number, caller_name, dialled : str
        As the PBX has them, without control characters; empty where unknown. They are the caller's word:
        nothing may be taken from them as a command.
    language : str or None
        Language that the dialplan wants, None where it leaves that to us.
    """

    call: UUID
    pbx: str
    channel: str
    uniqueid: str
    linkedid: str
    caller_number: str
    caller_name: str
    dialled: str
    language: str | None


@dataclass(frozen=True, slots=True)
class Pair(Generic[Leg]):
    """A call whose both halves are there."""

    announcement: Announcement
    leg: Leg


@dataclass(frozen=True, slots=True)
class Expired(Generic[Leg]):
    """Halves that wait no longer.

    Attributes
    ----------
    legs : tuple of (UUID, leg)
        Sockets that nothing announced, or that said the same UUID as one before them: hand them back.
    announcements : tuple of Announcement
        Calls whose socket never came: no matter, another engine has them or the caller is gone.
    """

    legs: tuple[tuple[UUID, Leg], ...]
    announcements: tuple[Announcement, ...]


class Pairing(Generic[Leg]):
    """Bring sockets and announcements together.

    Parameters
    ----------
    grace_s : float
        How long a half waits for the other, from when it came.
    max_waiting : int
        Limit of the halves that wait, for each kind.
    """

    def __init__(self, grace_s: float, max_waiting: int = MAX_WAITING) -> None:
        if grace_s <= 0 or max_waiting < 1:
            raise ValueError("the grace time and the number that may wait have to be positive")
        self._grace_s = grace_s
        self._max_waiting = max_waiting
        # In the order of arrival, which is the order of the deadlines.
        self._legs: OrderedDict[UUID, tuple[float, Leg]] = OrderedDict()
        self._announcements: OrderedDict[UUID, tuple[float, Announcement]] = OrderedDict()
        self._gone_legs: list[tuple[UUID, Leg]] = []
        self._gone_announcements: list[Announcement] = []

    @property
    def waiting(self) -> int:
        """How many halves wait."""
        return len(self._legs) + len(self._announcements)

    def announced(self, announcement: Announcement, now_s: float) -> Pair[Leg] | None:
        """Take an announcement; the pair where its socket is already there.

        Of two announcements of one call the first counts.
        """
        waiting = self._legs.pop(announcement.call, None)
        if waiting is not None:
            return Pair(announcement, waiting[1])
        if announcement.call in self._announcements:
            self._give_up(announcement)
            return None
        self._announcements[announcement.call] = (now_s + self._grace_s, announcement)
        if len(self._announcements) > self._max_waiting:
            _, (_, oldest) = self._announcements.popitem(last=False)
            self._give_up(oldest)
        return None

    def connected(self, call: UUID, leg: Leg, now_s: float) -> Pair[Leg] | None:
        """Take a socket; the pair where its announcement is already there.

        Of two sockets of one call the first counts, and the other is in the next `expired`.
        """
        waiting = self._announcements.pop(call, None)
        if waiting is not None:
            return Pair(waiting[1], leg)
        if call in self._legs:
            self._gone_legs.append((call, leg))
            return None
        self._legs[call] = (now_s + self._grace_s, leg)
        if len(self._legs) > self._max_waiting:
            oldest, (_, gone) = self._legs.popitem(last=False)
            self._gone_legs.append((oldest, gone))
        return None

    def closed(self, call: UUID, leg: Leg) -> None:
        """Forget a socket that closed while it waited."""
        waiting = self._legs.get(call)
        if waiting is not None and waiting[1] is leg:
            del self._legs[call]
        self._gone_legs = [item for item in self._gone_legs if item[1] is not leg]

    def expired(self, now_s: float) -> Expired[Leg]:
        """Take out what waits no longer at `now_s`."""
        while self._legs and (first := next(iter(self._legs.items())))[1][0] <= now_s:
            self._gone_legs.append((first[0], first[1][1]))
            del self._legs[first[0]]
        while self._announcements and (head := next(iter(self._announcements.values())))[0] <= now_s:
            self._gone_announcements.append(head[1])
            del self._announcements[head[1].call]
        gone = Expired(tuple(self._gone_legs), tuple(self._gone_announcements))
        self._gone_legs, self._gone_announcements = [], []
        return gone

    def _give_up(self, announcement: Announcement) -> None:
        self._gone_announcements.append(announcement)
        del self._gone_announcements[: -self._max_waiting]

    def next_deadline(self) -> float | None:
        """When `expired` will next have something to say, in the clock of `now_s`; None when nothing waits.

        Minus infinity when it has something at once.
        """
        if self._gone_legs or self._gone_announcements:
            return float("-inf")
        heads = [next(iter(room.values()))[0] for room in (self._legs, self._announcements) if room]
        return min(heads) if heads else None


def announcement_from(event: AmiEvent, pbx: str) -> Announcement | None:
    """Read the dialplan's announcement of a call; None where the event is something else or makes no sense.

    The event is ``UserEvent(NabraCall)`` with the headers CallUUID, Dialled and CallLanguage, which the files
    of `nabra pbx-files` send. (The header Language of the same event is Asterisk's own, of the channel.)
    """
    fields = event.fields
    if event.name != "UserEvent" or fields.get("UserEvent") != CALL_EVENT or not fields.get("Channel"):
        return None
    text = fields.get("CallUUID", "")
    try:
        call = UUID(text)
    except ValueError:
        return None
    if str(call) != text.lower():
        return None
    return Announcement(
        call=call,
        pbx=pbx,
        channel=fields["Channel"],
        uniqueid=fields.get("Uniqueid", ""),
        linkedid=fields.get("Linkedid", ""),
        caller_number=_known(fields.get("CallerIDNum", "")),
        caller_name=_known(_unescaped(fields.get("CallerIDName", ""))),
        dialled=_plain(fields.get("Dialled", "")),
        language=_plain(fields.get("CallLanguage", "")) or None,
    )


def _plain(text: str) -> str:
    """Text without control and format characters, at most 128 long: it will be shown and logged."""
    cut = text[: 4 * _MAX_TEXT]
    return "".join(c for c in cut if unicodedata.category(c)[0] != "C" and c not in "\u2028\u2029")[
        :_MAX_TEXT
    ].strip()


def _unescaped(text: str) -> str:
    """Undo what the manager interface does to caller names, and to nothing else: the escapes of C."""
    return _ESCAPE.sub(lambda match: _ESCAPES.get(match.group(1), match.group(1)), text)


def _known(text: str) -> str:
    plain = _plain(text)
    return "" if plain.lower() in _UNKNOWN else plain
