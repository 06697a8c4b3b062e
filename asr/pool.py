"""The calls that recogniser processes serve: where each is placed, and what it is listened to with.

A call keeps the audio of its open segments; when its process is lost it moves to another one and that audio is
replayed there, with the finals that were awaited. Nothing here waits for a process: messages go into the
transport's buffer, partial requests are dropped when that fills, and a process whose buffer keeps growing counts
as hung (``asr.crew``).

What there is room for is decided in ``asr.admission``, for the process with most room: everything, key phrases only
where the engine has a grammar, or nothing. Partials are shed by the processes themselves. A call climbs when there
is plenty of room: between two of its segments, or, where nothing of it was heard so far, at any time.
"""

import contextlib
import logging
import time
from collections import deque
from collections.abc import Iterator, Mapping

from asr.admission import Admission, TalkShare
from asr.crew import Crew
from asr.engine import EngineFacts
from asr.engines import EngineSpec
from asr.errors import WireError
from asr.pool_types import PoolHealth, PoolSettings, Refusal, Rung
from asr.pooled import PooledDecoder
from asr.slot import Slot
from asr.wire import Message

_LOG = logging.getLogger(__name__)
_NOT_READY = "no recogniser process is ready"


class RecogniserPool:
    """Recogniser processes of one service, and their calls.

    Parameters
    ----------
    specs : mapping of str to EngineSpec
        Engine for each language.
    settings : PoolSettings
        See there.
    """

    def __init__(self, specs: Mapping[str, EngineSpec], settings: PoolSettings | None = None) -> None:
        self._specs = dict(specs)
        self._settings = settings or PoolSettings()
        self._admission = Admission(self._settings)
        self._crew = Crew(specs, self._settings, self)
        self._homeless: dict[int, PooledDecoder] = {}
        self._unheard: dict[int, PooledDecoder] = {}
        self._numbers = 0
        self._refused = self._climbs = self._descents = 0
        self.partials_dropped = 0
        self.refusals: deque[Refusal] = deque(maxlen=1000)

    async def start(self) -> None:
        """Start every process and wait until all are warm, or the time for that is over.

        Raises
        ------
        WorkerStartFailed
            Where not a single one came up; the pool goes on trying until ``stop``.
        """
        await self._crew.start()

    async def stop(self) -> None:
        """Kill every process and wait for the end of each."""
        await self._crew.stop()
        self._homeless.clear()
        self._unheard.clear()

    def decoder(self, call_id: str, language: str) -> PooledDecoder | None:
        """Take a call on, on the best rung that there is room for.

        Parameters
        ----------
        call_id : str
            For the log and the refusals.
        language : str
            Language code.

        Returns
        -------
        PooledDecoder or None
            The call's own decoder, for a Listener. On a lower rung than the full one its client is told why, and of
            every step after that; on ``Rung.NONE`` it is told that its recogniser is gone until there is room. Where
            all processes are just being started again it is told that, and its audio waits for them. None
            where that language will never be heard here: the reason is the last of ``refusals``.
        """
        never = self._why_never(language)
        if never is not None:
            self._refuse(Refusal(call_id, language, never))
            return None
        rung, reason = self._rung(language)
        now_s = time.monotonic()
        self._numbers += 1
        talk = TalkShare(now_s, self._settings.settle_s / 2)
        call = PooledDecoder(self, self._numbers, call_id, language, rung, reason, talk)
        if rung is not Rung.FULL:
            self._refuse(Refusal(call_id, language, reason, rung))
        if rung is Rung.NONE:
            self._unheard[call.number] = call
        else:
            self.place(call)
        return call

    def facts(self, language: str) -> EngineFacts | None:
        """Return what the engine for a language is, or None where no ready process has one."""
        return next((s.facts[language] for s in self._crew.slots if s.ready and language in s.facts), None)

    def health(self) -> PoolHealth:
        """Return the state of every process and what happened so far."""
        slots, now_s = self._crew.slots, time.monotonic()
        phrases = sum(call.rung is Rung.PHRASES for slot in slots for call in slot.calls.values())
        return PoolHealth(
            workers=tuple(slot.health(now_s) for slot in slots),
            languages=tuple(sorted({language for slot in slots if slot.ready for language in slot.facts})),
            starts=self._crew.starts,
            crashes=self._crew.crashes,
            hangs=self._crew.hangs,
            recycles=self._crew.recycles,
            refused=self._refused,
            partials_dropped=self.partials_dropped,
            climbs=self._climbs,
            descents=self._descents,
            on_phrases=phrases,
            on_nothing=len(self._unheard),
            costs=self._admission.costs(),
        )

    # For the calls.

    def place(self, call: PooledDecoder) -> None:
        """Give a call to the ready process with most room, or keep it until there is one."""
        if call.slot is not None:
            call.slot.calls.pop(call.number, None)
        if call.closed:
            # It was given up on hearing that its worker is lost: nobody would ever take it out again.
            return
        able = self._able(call.language)
        if not able:
            self._homeless[call.number] = call
            return
        now_s = time.monotonic()
        slot = min(able, key=lambda s: (self._load(s, now_s), len(s.calls), s.index))
        self._homeless.pop(call.number, None)
        slot.calls[call.number] = call
        call.move_to(slot)

    def forget(self, call: PooledDecoder) -> None:
        """Let go of a call that was closed."""
        self._homeless.pop(call.number, None)
        self._unheard.pop(call.number, None)
        if call.slot is not None:
            call.slot.calls.pop(call.number, None)

    def crowded(self, slot: Slot) -> bool:
        """True where partial requests are better not sent; they are counted as dropped."""
        if slot.buffered > self._settings.soft_buffer:
            self.partials_dropped += 1
            return True
        return False

    def between_segments(self, call: PooledDecoder) -> None:
        """Let a call step up where there is plenty of room, and down where its process is behind."""
        slot, now_s = call.slot, time.monotonic()
        if slot is None or now_s - call.stepped_s < self._settings.settle_s:
            return
        grammar = slot.facts[call.language].grammar
        if call.rung is Rung.FULL and grammar and slot.backlog_s > self._settings.max_backlog_s:
            self._descents += 1
            self._step(call, Rung.PHRASES, f"the machine is full: words wait {slot.backlog_s:.1f} s")
        elif call.rung is Rung.PHRASES:
            load = self._load(slot, now_s, without=call)
            if self._admission.climb(call.language, grammar, call.rung, load, slot.backlog_s) is Rung.FULL:
                self._climbs += 1
                self._step(call, Rung.FULL, "there is room again")

    # Admission.

    def _why_never(self, language: str) -> str | None:
        if not self._crew.running:
            return "the recognisers are stopped"
        if language not in self._specs:
            return self._crew.say_once(language, f"no model for the language {language!r} is configured")
        if language in self._crew.problems and not self._able(language):
            return self._crew.problems[language]
        return None

    def _able(self, language: str) -> list[Slot]:
        """Return the processes that can take a call; one that is leaving only where there is no other."""
        able = [slot for slot in self._crew.slots if slot.ready and language in slot.facts]
        return [slot for slot in able if not slot.leaving] or able

    def _load(self, slot: Slot, now_s: float, without: PooledDecoder | None = None) -> float:
        """Return the share of its time that a process needs for its calls."""
        return sum(
            call.talk.share(now_s) * self._admission.cost(call.language, call.rung)
            for call in slot.calls.values()
            if call is not without
        )

    def _rung(self, language: str) -> tuple[Rung, str]:
        able, now_s = self._able(language), time.monotonic()
        if not able:
            # A process that was lost is back in a few seconds: until then its calls keep what they hear, as far as
            # there will be room for them.
            load = sum(
                call.talk.share(now_s) * self._admission.cost(call.language, call.rung)
                for call in self._homeless.values()
            )
            rung, _ = self._admission.rung(language, False, load / self._settings.workers, 0.0)
            known = self.cost_known(language) and self._settings.best_rung is Rung.FULL
            return rung if known else Rung.NONE, _NOT_READY
        slot = min(able, key=lambda s: self._load(s, now_s))
        grammar = slot.facts[language].grammar
        return self._admission.rung(language, grammar, self._load(slot, now_s), slot.backlog_s)

    def _refuse(self, refusal: Refusal) -> None:
        self._refused += 1
        self.refusals.append(refusal)
        _LOG.info("call %s is listened to with %s: %s", refusal.call_id, refusal.rung.value, refusal.reason)

    def _step(self, call: PooledDecoder, rung: Rung, reason: str) -> None:
        _LOG.info("call %s is listened to with %s: %s", call.call_id, rung.value, reason)
        call.step_to(rung, reason)

    # What the processes say; see CrewClient.

    def on_ready(self, slot: Slot) -> None:
        """Place the calls that have no process, those first that wait longest: they are also served first there."""
        for call in sorted(self._homeless.values(), key=lambda each: each.waits_since_s):
            with self._alone(call):
                self.place(call)

    def on_gone(self, slot: Slot, reason: str | None, suspect: tuple[int, int] | None) -> None:
        """Take a lost process's calls elsewhere."""
        calls, slot.calls = slot.calls, {}
        for call in sorted(calls.values(), key=lambda each: each.waits_since_s):
            with self._alone(call):
                call.lose(suspect[1] if suspect is not None and suspect[0] == call.number else None)
                self.place(call)
                if call.number in self._homeless and reason is not None:
                    call.tell_lost(reason)

    def on_leaving(self, slot: Slot) -> None:
        """Move the calls on which nobody speaks."""
        for call in [call for call in slot.calls.values() if not call.busy]:
            with self._alone(call):
                self.place(call)

    def on_cost(self, language: str, rung: Rung, busy_s: float | None, speech_s: float) -> None:
        """Hand on what speech cost."""
        if busy_s is None:
            self._admission.measured_at_start(language, rung, speech_s)
        else:
            self._admission.measured(language, rung, busy_s, speech_s)

    def cost_known(self, language: str) -> bool:
        """Return whether a process measured the cost of a language before."""
        return self._admission.cost(language, Rung.FULL) > 0

    def on_message(self, slot: Slot, message: Message) -> None:
        """Hand a process's answer to its call; one that has moved away since takes none."""
        call = slot.calls.get(message.call)
        if call is not None:
            with self._alone(call):
                call.receive(message)

    def on_tick(self, now_s: float) -> None:
        """Let one call that is not heard climb where there is plenty of room: the one that waits longest."""
        for call in self._unheard.values():
            able = self._able(call.language)
            if not able:
                continue
            slot = min(able, key=lambda s: self._load(s, now_s))
            grammar, load = slot.facts[call.language].grammar, self._load(slot, now_s)
            rung = self._admission.climb(call.language, grammar, Rung.NONE, load, slot.backlog_s)
            if rung is Rung.NONE:
                continue
            del self._unheard[call.number]
            self._climbs += 1
            call.talk = TalkShare(now_s, self._settings.settle_s / 2)
            with self._alone(call):
                self._step(call, rung, "there is room again" if rung is Rung.FULL else "there is room for key phrases")
                self.place(call)
            return

    @contextlib.contextmanager
    def _alone(self, call: PooledDecoder) -> Iterator[None]:
        """Let a call that cannot take its words lose them alone: the process serves others too."""
        try:
            yield
        except WireError:
            raise
        except Exception:
            _LOG.exception("a call could not take its words; it goes on without a recogniser")
            call.close()
