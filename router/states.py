"""Where a call can stand, how it gets from one state to the next, and what it heeds in each.

WAITING_NOTICE --> ANNOUNCING --> LISTENING <--> ASKING        and from each of these --> DECIDED --> ENDED
"""

from __future__ import annotations

from enum import StrEnum

from router.evidence import (
    EncoderLost,
    EndOfUtterance,
    Event,
    HungUp,
    Key,
    NoticeEnded,
    NoticeStarted,
    PromptEnded,
    RecogniserBack,
    RecogniserLimited,
    RecogniserLost,
    Sentence,
    SpeechPaused,
    SpeechStarted,
    Tick,
    Tone,
    Words,
)


class State(StrEnum):
    """Where a call stands."""

    WAITING_NOTICE = "waiting_notice"
    ANNOUNCING = "announcing"
    LISTENING = "listening"
    ASKING = "asking"
    DECIDED = "decided"
    ENDED = "ended"


OPEN = frozenset({State.WAITING_NOTICE, State.ANNOUNCING, State.LISTENING, State.ASKING})
"""The states before the decision."""

ANALYSING = frozenset({State.LISTENING, State.ASKING})
"""The states in which words and tone are analysed."""

TRANSITIONS: dict[State, frozenset[State]] = {
    State.WAITING_NOTICE: frozenset({State.ANNOUNCING, State.LISTENING, State.DECIDED, State.ENDED}),
    State.ANNOUNCING: frozenset({State.LISTENING, State.DECIDED, State.ENDED}),
    State.LISTENING: frozenset({State.ASKING, State.DECIDED, State.ENDED}),
    State.ASKING: frozenset({State.LISTENING, State.DECIDED, State.ENDED}),
    State.DECIDED: frozenset({State.ENDED}),
    State.ENDED: frozenset(),
}
"""Every change of state there is; anything else is a bug."""

HEEDED_IN: dict[type[Event], frozenset[State]] = {
    NoticeStarted: frozenset({State.WAITING_NOTICE, State.ANNOUNCING}),
    NoticeEnded: frozenset({State.WAITING_NOTICE, State.ANNOUNCING}),
    PromptEnded: frozenset({State.WAITING_NOTICE, State.ANNOUNCING, State.ASKING}),
    SpeechStarted: ANALYSING,
    SpeechPaused: ANALYSING,
    EndOfUtterance: ANALYSING,
    Words: ANALYSING,
    Sentence: ANALYSING,
    EncoderLost: OPEN,
    Tone: ANALYSING,
    Key: OPEN,
    RecogniserLost: OPEN,
    RecogniserBack: OPEN,
    RecogniserLimited: OPEN,
    HungUp: OPEN | {State.DECIDED},
    Tick: OPEN,
}
"""The states in which an event is heeded; elsewhere it is counted, and its content forgotten."""
