"""What a sentence encoder makes of the words of a recorded call, when it is decided again.

The very same model's reading is on the record, and comes when it came. Another model's own reading takes its place
where the recorded text is read again (`Read`): when it came where the record has one, and at once where the call was
read by words alone, as if the encoder had kept within the budget. A generation without sentences is told nothing of
them. Where nothing can read them again, and they would have counted, the call is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto

import msgspec

from config.schema import SentenceReading
from router.commands import Command
from router.entries import EntryLine, of_sentences, sentences_among, tone_in
from router.evidence import Event, Sentence
from router.generation import Generation
from router.recorded import RecordedCall
from router.session import Session

Read = Callable[[str, str], Mapping[str, float]]
"""Given a text and its language: what `Generation.scores` reads from the encoder's vector of it."""


class Source(Enum):
    """Where the readings of a call come from."""

    NOWHERE = auto()
    RECORD = auto()
    AGAIN = auto()
    AT_ONCE = auto()


@dataclass(frozen=True, slots=True)
class Resentenced:
    """The readings of one call that is decided again.

    Attributes
    ----------
    source : where they come from.
    read : reads a text again, or None where nothing can.
    language : of the call.
    """

    source: Source
    read: Read | None
    language: str

    @classmethod
    def of(cls, recorded: RecordedCall, generation: Generation, read: Read | None) -> Resentenced:
        """Return how a generation gets them."""
        language, made_by = recorded.call.language, recorded.line.generation
        reads = bool(generation.encoder_of(language))
        if made_by.intent_model == generation.intent_model.model_id:
            return cls(Source.RECORD if reads else Source.NOWHERE, read, language)
        if not reads:
            named = generation.config.intents.sentence_encoder is not SentenceReading.NONE
            if not named or any(map(generation.encoder_of, generation.config.languages)):
                return cls(Source.NOWHERE, None, language)
            read = None  # it is named, and not installed where this generation was fitted
        return cls(Source.AGAIN if made_by.sentence_encoder else Source.AT_ONCE, read, language)

    @property
    def wanted(self) -> bool:
        """Whether the call would be read by a sentence encoder."""
        return self.source is not Source.NOWHERE

    @property
    def lacking(self) -> bool:
        """Whether a reading that does not come is one that nobody can make, and not one that was late then."""
        return self.wanted and self.source is not Source.RECORD and (self.read is None or self.source is Source.AT_ONCE)

    def entries(self, recorded: RecordedCall) -> tuple[EntryLine, ...]:
        """Return the entries of a call up to its decision; what waited for a sentence then is told before, if none is.

        That is at most what `budget.sentence_ms` was, and nobody hears it.
        """
        entries = recorded.until_decided
        if self.wanted or not sentences_among(entries):
            return entries
        kept: list[EntryLine] = []
        for entry in entries:
            if not of_sentences(entry):
                kept.append(entry)
                continue
            place = next((n for n in reversed(range(len(kept))) if not tone_in(kept[n])), None)
            if entry.commands and place is not None:
                kept[place] = msgspec.structs.replace(kept[place], commands=kept[place].commands + entry.commands)
        return tuple(kept)

    def again(self, event: Event) -> Event | None:
        """Return an event as this generation is told it: its own reading of a sentence; None for not at all."""
        if not isinstance(event, Sentence) or self.source is Source.RECORD:
            return event
        return None if self.read is None else replace(event, scores=self.read(event.text, self.language))

    def at_once(self, session: Session, now_s: float) -> list[Command]:
        """Tell a session what the record does not have, where it wants that; return what is to be done."""
        commands: list[Command] = []
        if self.source is Source.AT_ONCE and self.read is not None:
            for text in session.unread:
                scores = self.read(text, self.language)
                commands += session.receive(Sentence(at_s=now_s, text=text, scores=scores), now_s)
        return commands
