"""One live call: a leg of the AudioSocket server, its announcement, its timer, and the delivery of its decision."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nabra.call import Call, Publish
from nabra.callers import Source
from nabra.ears import Ears
from nabra.generations import Loaded
from nabra.operations.bus import EventKind
from router.commands import Decision
from router.session import CallFacts
from telephony.errors import TelephonyError
from telephony.leg import CallLeg
from telephony.leg_types import CloseReason, Phase
from telephony.pairing import Announcement

Samples = NDArray[np.int16]
log = logging.getLogger(__name__)

EARLY_KEYS = 8
"""Keys kept while the announcement of a call is on its way."""

_CALLER_GONE = frozenset({CloseReason.HUNG_UP, CloseReason.LOST, CloseReason.PEER_ENDED, CloseReason.PEER_ERROR})


class Site(Protocol):
    """What a live call needs of the service it belongs to."""

    @property
    def ears(self) -> Ears: ...
    @property
    def loaded(self) -> Loaded: ...
    def clock(self) -> float: ...
    def wall(self) -> float: ...
    def language_of(self, announcement: Announcement) -> tuple[str, Source]: ...
    def publish(self, kind: EventKind, call: str, at_s: float, audio_s: float, data: Mapping[str, object]) -> None: ...
    def keep_record(self, record: Mapping[str, object]) -> None: ...
    def opened(self, record: Mapping[str, object]) -> None: ...
    def closed(self, call: LiveCall) -> None: ...
    def unrecorded(self, call: str) -> None: ...
    async def set_variables(self, pbx: str, channel: str, variables: Mapping[str, str]) -> None: ...


class LiveCall:
    """Handler of one leg and the phone of its call.

    Until the PBX has announced the call, its audio is let go: nothing may be analysed before the notice.
    """

    def __init__(self, site: Site, leg: CallLeg) -> None:
        self._site = site
        self._leg = leg
        self._call: Call | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_s: float | None = None
        self._delivery: asyncio.Task[None] | None = None
        self._recorded = False
        self._early_keys = ""
        self._opened_s = site.clock()
        self._opened_wall = site.wall()
        self._announcement: Announcement | None = None
        self._loaded = site.loaded
        self.id = str(leg.uuid)

    @property
    def announcement(self) -> Announcement | None:
        """What the PBX said of this call, once it has."""
        return self._announcement

    # --------------------------------------------------------------------------------- the start of a call

    def announced(self, announcement: Announcement) -> None:
        """Begin the call: its announcement is there."""
        self._announcement = announcement
        self._call = self._make_call(announcement)
        self._note_open(self._call)
        self._publish(EventKind.CALL_OPENED, self._site.clock(), 0.0, self._opening(announcement))
        self._call.start()
        for digit in self._early_keys:
            self._call.on_key(digit, self._site.clock())
        self._after()

    def unannounced(self) -> None:
        """Take that the announcement of this call is not there yet."""
        self._note_open()

    def give_back(self, reason: str) -> None:
        """Hand a call back that cannot be served, with a record that says why."""
        self._leg.hand_back()
        now_s = self._site.clock()
        try:
            if self._call is None:
                self._call = self._make_call(self._announcement or _unknown(self._leg))
            self._call.on_let_go()
            self._keep_record(now_s)
        except Exception as error:
            self.failed(error)
        self._not_served(reason)
        self._publish(EventKind.DEGRADED, now_s, 0.0, {"reason": reason})

    def shed_tone(self, reason: str) -> None:
        """Stop analysing the tone of this call, because the machine has no time for it."""
        if self._call is not None:
            self._call.shed_tone(reason, self._site.clock())

    def _make_call(self, announcement: Announcement) -> Call:
        language, source = self._site.language_of(announcement)
        facts = CallFacts(
            call=self.id,
            pbx=announcement.pbx,
            caller_number=announcement.caller_number,
            caller_name=announcement.caller_name,
            dialled=announcement.dialled,
            language=language,
            language_from=source.value,
            wall_anchor=self._opened_wall,
            last_agent=self._loaded.config.customers.book.last_agent_of(announcement.caller_number),
            language_asked="" if source is Source.DIALPLAN else announcement.language or "",
        )
        publish: Publish = self._publish
        site = self._site
        return Call(facts, self._loaded, site.ears, self, publish, site.clock, opened_s=self._opened_s)

    def _opening(self, announcement: Announcement) -> dict[str, object]:
        return {
            "pbx": announcement.pbx,
            "caller_number": announcement.caller_number,
            "caller_name": announcement.caller_name,
            "dialled": announcement.dialled,
            "language": self._site.language_of(announcement)[0],
        }

    def _publish(self, kind: EventKind, at_s: float, audio_s: float, data: Mapping[str, object]) -> None:
        self._site.publish(kind, self.id, at_s, audio_s, data)

    # ------------------------------------------------------------------------------------- LegHandler

    def on_audio(self, pcm: Samples, now_s: float) -> None:
        """Take audio from the caller."""
        if self._call is not None:
            self._call.on_audio(pcm, now_s)
            self._after()

    def on_key(self, digit: str, now_s: float) -> None:
        """Take a key from the caller."""
        if self._call is None:
            # The announcement may be late; what the caller pressed is not to be pressed again.
            self._early_keys = (self._early_keys + digit)[:EARLY_KEYS]
        else:
            self._call.on_key(digit, now_s)
            self._after()

    def on_closed(self, why: CloseReason, now_s: float) -> None:
        """Take the end of the connection."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        # First, so that nothing that fails below leaves a call among those that are there.
        self._site.closed(self)
        try:
            self._end(why, now_s)
        finally:
            if not self._recorded:
                self._site.unrecorded(self.id)

    def _end(self, why: CloseReason, now_s: float) -> None:
        if self._call is None:
            self._call = self._make_call(self._announcement or _unknown(self._leg))
        if why in _CALLER_GONE:
            self._call.on_hung_up(now_s)
        else:
            self._call.on_let_go()
        self._keep_record(now_s)
        handed_back = why in (CloseReason.HANDED_BACK, CloseReason.STOPPED)
        kind = EventKind.HANDED_BACK if handed_back else EventKind.HUNG_UP
        stats = self._leg.stats()
        self._publish(
            kind,
            now_s,
            self._call.audio_s,
            {
                "why": why.name.lower(),
                "frames_in": stats.frames_in,
                "dropped_in": stats.dropped_in,
                "max_gap_ms": round(stats.max_gap_ms, 1),
            },
        )

    # ------------------------------------------------------------------------------------------- Phone

    def play(self, pcm: Samples, on_done: Callable[[bool, float], None]) -> None:
        """Play a prompt to the caller."""

        def done(finished: bool, now_s: float) -> None:
            if self._leg.phase is not Phase.LIVE:
                # The line ended under the prompt: nothing begins after it.
                return
            on_done(finished, now_s)
            self._after()

        self._leg.play(pcm, done)

    def stop_playing(self) -> None:
        """Stop the prompt: the caller speaks."""
        self._leg.stop_playing()

    def carry_out(self, decision: Decision) -> None:
        """Write the decision down, then tell the PBX and hand the call back."""
        self._keep_record(self._site.clock())
        announcement = self._announcement
        # A call that was handed back meanwhile is in its queue: what is set now would be read by nobody, or too late.
        if announcement is None or self._loaded.config.shadow or self._leg.phase is not Phase.LIVE:
            self._leg.hand_back()
            return
        self._delivery = asyncio.get_running_loop().create_task(self._deliver(announcement, decision))

    def moved(self) -> None:
        """Set the timer again: the recogniser's answers come by themselves."""
        self._after()

    def failed(self, error: Exception) -> None:
        """Hand the call back: something in it is broken, and the PBX's default queue is not."""
        self._leg.hand_back()
        log.error("a call failed and is handed back", exc_info=error, extra={"data": {"call": self.id}})
        self._publish(EventKind.DEGRADED, self._site.clock(), 0.0, {"reason": "internal error"})
        self._not_served(f"internal error: {type(error).__name__}")

    def _not_served(self, problem: str) -> None:
        self._site.keep_record({"kind": "outcome", "call": self.id, "outcome": "not_served", "problem": problem})

    async def _deliver(self, announcement: Announcement, decision: Decision) -> None:
        started_s = self._site.clock()
        problem = ""
        try:
            variables = channel_variables(self.id, decision, self._site.language_of(announcement)[0])
            await self._site.set_variables(announcement.pbx, announcement.channel, variables)
        except TelephonyError as error:
            # The PBX's own default queue takes the caller; who hung up meanwhile needs no route.
            problem = str(error)
            log.warning("the PBX did not take the route: %s", problem, extra={"data": {"call": self.id}})
        except Exception:
            problem = "internal error"
            log.exception("delivery failed", extra={"data": {"call": self.id}})
        finally:
            self._leg.hand_back()
        now_s = self._site.clock()
        outcome = {
            "kind": "outcome",
            "call": self.id,
            "outcome": "not_delivered" if problem else "delivered",
            "after_decision_ms": round((now_s - started_s) * 1000.0, 2),
            "destination": decision.destination,
        }
        if problem:
            outcome["problem"] = problem
            self._publish(EventKind.DEGRADED, now_s, 0.0, {"reason": "not delivered", "problem": problem})
        self._site.keep_record(outcome)

    # ------------------------------------------------------------------------------------ time and records

    def _after(self) -> None:
        """Keep the one timer of this call at the session's next deadline."""
        call = self._call
        if call is None:
            return
        deadline_s = call.deadline() if self._leg.phase is Phase.LIVE else None
        if deadline_s == self._timer_s:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._timer_s = deadline_s
        if deadline_s is not None:
            delay_s = max(0.0, deadline_s - self._site.clock())
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._timer_s = None
        if self._call is not None and self._leg.phase is Phase.LIVE:
            self._call.on_timer(self._site.clock())
            self._after()

    def _note_open(self, call: Call | None = None) -> None:
        """Leave what is known of this call to be recorded should the engine die; where that fails, it goes on."""
        try:
            call = call or self._make_call(_unknown(self._leg))
            self._site.opened(call.record(self._site.clock()))
        except Exception:
            log.exception("a call that opens cannot be noted", extra={"data": {"call": self.id}})

    def _keep_record(self, now_s: float) -> None:
        if self._recorded or self._call is None:
            return
        record = self._call.record(now_s)
        self._site.keep_record(record)
        self._recorded = True
        self._publish(EventKind.RECORD, now_s, self._call.audio_s, {"record": record})


def channel_variables(call: str, decision: Decision, language: str) -> dict[str, str]:
    """Return what the dialplan reads; NABRA_ROUTE is last, for it is what commits the rest."""
    return {
        "NABRA_CALL": call,
        "NABRA_LANGUAGE": language,
        "NABRA_PRIORITY": str(decision.priority),
        "NABRA_INTENT": decision.intent or "",
        # An operator's phrase may run over two lines; the manager interface would refuse it, and the route with it.
        "NABRA_REASON": " ".join(decision.agent_line.replace("\0", " ").split()),
        "NABRA_NAME_PREFIX": decision.name_prefix,
        "NABRA_SKILLS": "&".join(decision.require),
        "NABRA_BETTER_SKILLS": "&".join(decision.prefer),
        "NABRA_PREFER_AGENT": decision.prefer_agent,
        "NABRA_PREFER_FOR_S": str(decision.prefer_for_s) if decision.prefer_agent else "",
        "NABRA_ROUTE": decision.destination,
    }


def _unknown(leg: CallLeg) -> Announcement:
    """Return what is known of a call that nothing announced."""
    return Announcement(
        call=leg.uuid,
        pbx="",
        channel="",
        uniqueid="",
        linkedid="",
        caller_number="",
        caller_name="",
        dialled="",
        language=None,
    )
