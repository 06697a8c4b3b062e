"""Recordings through the same call as live ones, on a clock made of their samples.

The caller on a recording hears the notice and the question in no time, and stays on the line in silence when the
recording ends. Work costs no time on this clock, so a slow machine decides as a fast one does; what the recogniser
needed for the text that was decided on is added to the latency that is reported.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from asr.events import Endpoint, SpeechEvent
from asr.listener import Listener
from nabra.call import Call
from nabra.caller_line import SAMPLES_PER_SECOND
from nabra.ears import Deaf, Ears
from nabra.generations import Loaded
from nabra.operations.bus import EventKind
from router.commands import Decision
from router.session import CallFacts

Samples = NDArray[np.int16]
FRAME = 160


@dataclass(frozen=True, slots=True)
class Heard:
    """Something that happened on a recording: kind, audio time in seconds, details as in the event bus."""

    kind: EventKind
    audio_s: float
    data: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Routed:
    """How one recording was decided.

    Attributes
    ----------
    decision, record : the decision and its record.
    events : everything that happened, in order.
    speech_end_s : audio time of the last sample of speech on the whole recording; None where nobody speaks.
    decided_at_s : audio time of the decision, and the recogniser's work on the text it rests on.
    """

    decision: Decision
    record: dict[str, object]
    events: tuple[Heard, ...]
    speech_end_s: float | None
    decided_at_s: float

    @property
    def latency_ms(self) -> float | None:
        """Milliseconds from the end of speech to the decision; negative where it was decided before."""
        if self.speech_end_s is None:
            return None
        return (self.decided_at_s - self.speech_end_s) * 1000.0


@dataclass(slots=True)
class Tape:
    """The line of a recorded caller: prompts take no time, the clock is the audio."""

    samples: int = 0
    decision: Decision | None = None
    waiting: list[Callable[[bool, float], None]] = field(default_factory=list)

    def clock(self) -> float:
        """Seconds of audio so far."""
        return self.samples / SAMPLES_PER_SECOND

    def play(self, pcm: Samples, on_done: Callable[[bool, float], None]) -> None:
        """Keep whom to tell; `finish_prompts` does."""
        self.waiting.append(on_done)

    def stop_playing(self) -> None:
        """End what is playing."""
        self.finish_prompts(finished=False)

    def finish_prompts(self, finished: bool = True) -> None:
        """Let every prompt be over."""
        waiting, self.waiting = self.waiting, []
        for on_done in waiting:
            on_done(finished, self.clock())

    def carry_out(self, decision: Decision) -> None:
        """Keep the decision."""
        self.decision = decision

    def moved(self) -> None:
        """Nothing: the deadline is looked at after every frame."""

    def failed(self, error: Exception) -> None:
        """Let whoever runs the recording see what went wrong."""
        raise error


def route_recording(
    pcm: Samples,
    loaded: Loaded,
    ears: Ears,
    *,
    language: str,
    name: str = "",
    wall_anchor: float = 0.0,
    each_frame: Callable[[], None] | None = None,
) -> Routed:
    """Decide a recording as if it were a live call.

    Parameters
    ----------
    pcm : int16, 8 kHz, the caller's side.
    loaded, ears : what decides, and what listens (with a decoder that answers at once).
    language : of the caller.
    name : told in the record as the caller's name.
    wall_anchor : Unix seconds at which the call is said to begin.
    each_frame : called before each 20 ms of audio; a paced run waits in it.
    """
    tape = Tape()
    events: list[Heard] = []

    def publish(kind: EventKind, _at_s: float, audio_s: float, data: Mapping[str, object]) -> None:
        events.append(Heard(kind, audio_s, data))

    facts = CallFacts(
        call=str(uuid.uuid5(uuid.NAMESPACE_URL, f"nabra:{name}:{len(pcm)}")),
        pbx="recording",
        caller_number="",
        caller_name=name,
        dialled="",
        language=language,
        wall_anchor=wall_anchor,
    )
    call = Call(facts, loaded, ears, tape, publish, tape.clock)
    call.start()
    silence = np.zeros(FRAME, dtype=np.int16)
    last_frame = int(loaded.config.budget.total_s * SAMPLES_PER_SECOND) // FRAME + len(pcm) // FRAME
    for index in range(last_frame + 1):
        tape.finish_prompts()
        if tape.decision is not None:
            break
        if each_frame is not None:
            each_frame()
        frame = pcm[index * FRAME : (index + 1) * FRAME]
        tape.samples += FRAME
        call.on_audio(frame if len(frame) == FRAME else _padded(frame, silence), tape.clock())
        deadline = call.deadline()
        if deadline is not None and deadline <= tape.clock():
            call.on_timer(tape.clock())
    call.on_hung_up(tape.clock())
    decision = tape.decision
    if decision is None:
        raise AssertionError(f"the session of {name or 'a recording'} passed every deadline without a decision")
    work_s = next((_decode_s(event) for event in reversed(events) if event.kind in _TEXT), 0.0)
    return Routed(
        decision=decision,
        record=call.record(tape.clock()),
        events=tuple(events),
        speech_end_s=end_of_speech(pcm, ears),
        decided_at_s=decision.decided_audio_s + work_s,
    )


def end_of_speech(pcm: Samples, ears: Ears) -> float | None:
    """Return the audio time of the last sample of speech on a recording, in seconds, or None where nobody speaks."""
    ends: list[float] = []

    def hear(event: SpeechEvent) -> None:
        if isinstance(event, Endpoint):
            ends.append(event.speech_end_s)

    listener = Listener(Deaf(), ears.listener, hear)
    listener.push(pcm)
    listener.push(np.zeros(2 * SAMPLES_PER_SECOND, dtype=np.int16))
    listener.close()
    return ends[-1] if ends else None


_TEXT = (EventKind.FINAL, EventKind.PARTIAL)


def _decode_s(event: Heard) -> float:
    value = event.data.get("decode_s", 0.0)
    return value if isinstance(value, float) else 0.0


def _padded(frame: Samples, silence: Samples) -> Samples:
    """Return the last piece of a recording, and the quiet line that follows it, as one frame."""
    return np.concatenate([frame, silence[: FRAME - len(frame)]])
