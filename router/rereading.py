"""A generation that reads recorded words again, and need not where the record says what its very model made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from router.entries import EntryLine, text_of, words_in
from router.errors import RecordError
from router.generation import Generation, IntentReader, Posterior, SentenceReader
from router.later import Later
from router.reasons import Code, Parameter, Reason, Speaker
from router.recorded import RecordedCall
from router.understanding import HardHit, Understanding

REMEMBERED_TEXTS = 10_000
_APART = " qxq "
"""A word that no phrase holds: texts with it between them are read as one, and none runs into the next."""


class Recall:
    """What is on record of the call at hand.

    Attributes
    ----------
    same_model : the model that read its words then is the one that would read them now.
    entry : the event that is told; `asked` that the question was put before.
    found, missed : whether what it says was understood was of the words that were read since, or of others.
    """

    def __init__(self) -> None:
        self.same_model = self.asked = self.found = self.missed = False
        self.entry: EntryLine | None = None
        self._call: RecordedCall | None = None
        self._reader: IntentReader | None = None
        self._plain: bool | None = None

    def of(self, recorded: RecordedCall, reader: IntentReader) -> None:
        """Turn to another call, and who would read its words."""
        self.same_model = recorded.line.generation.intent_model == reader.model_id
        self.asked = False
        self.entry = self._plain = None
        self._call, self._reader = recorded, reader

    @property
    def plain(self) -> bool:
        """Whether no key phrase and no hard word is in any of the words of the call."""
        if self._plain is None:
            assert self._call is not None
            assert self._reader is not None
            texts = [text_of(entry) for entry in self._call.until_decided if words_in(entry)]
            found = self._reader.predict(_APART.join(texts), self._call.call.language)
            self._plain = self._call.has_text and found.hard is None and not found.key_phrase
        return self._plain

    def turn_to(self, entry: EntryLine) -> None:
        """Turn to an event."""
        self.entry = entry if self.same_model and entry.destinations is not None else None
        self.found = self.missed = False

    def check(self) -> None:
        """RecordError where what the entry says was understood is of none of the words that it says were heard."""
        if self.missed and not self.found:
            raise RecordError("what was understood is not of the words that were heard")


@dataclass(frozen=True, slots=True)
class Rereading(Generation):
    """A generation that need not read again what the very same model has read: the record says what it made of it.

    Attributes
    ----------
    recall : the call at hand.
    strongest_only : no rule turns a call away from where its words point most.
    """

    recall: Recall = field(repr=False, compare=False, default_factory=Recall)
    strongest_only: bool = False

    @classmethod
    def rereading(cls, generation: Generation, *, brief: bool) -> Rereading:
        """Return the generation as one that rereads; without sentences where `brief`."""
        given = {one.name: getattr(generation, one.name) for one in fields(generation)}
        given["intent_model"] = _Remembering(generation.intent_model)
        given["strongest_only"] = all(rule.rule.then.never is None for rule in generation.rules.rules)
        if brief:
            given["speaker"] = _Silent(generation.config.destinations, generation.config.skills)
        return cls(**given)

    def understand(self, text: str, language: str, scores: Mapping[str, float] | None = None) -> Understanding:
        """Return what a text means."""
        if scores is not None:
            try:
                return Generation.understand(self, text, language, scores)
            except KeyError as error:
                raise RecordError(f"a sentence was read, but not for the intent {error}") from None
        recall, entry = self.recall, self.recall.entry
        if entry is None or entry.destinations is None:
            return Generation.understand(self, text, language)
        posterior = self.intent_model.predict(text, language)
        by_destination: Mapping[str, float] = entry.destinations
        if posterior.words == entry.words:
            recall.found = True
        elif recall.asked:
            # Of all that was said and the answer by itself, the record has the surer: this is the other.
            recall.missed, by_destination = True, {}
        else:
            return Generation.understand(self, text, language)
        hard = posterior.hard
        return Understanding(
            by_intent=Later(lambda: self._by_intent(entry.intents or {}, posterior, by_destination, language)),
            by_destination=by_destination,
            words=posterior.words,
            hard=None if hard is None else HardHit(hard.phrase, hard.intent, hard.destination),
            key_phrase=posterior.key_phrase,
        )

    def _by_intent(
        self, recorded: Mapping[str, float], posterior: Posterior, by_destination: Mapping[str, float], language: str
    ) -> Mapping[str, float]:
        """The likeliest intents as recorded, where they say what leads to the strongest destination; else all, read."""
        if self.strongest_only and recorded and by_destination:
            strongest = min(by_destination, key=lambda name: (-by_destination[name], name))
            if any(self.destination_of(name, language) == strongest for name in recorded):
                return recorded
        return dict(posterior.by_intent)


class _Silent(Speaker):
    """Gives reasons without their sentences."""

    def reason(self, code: Code, **parameters: Parameter) -> Reason:
        """Return a reason's code and parameters."""
        return Reason(code, "", "", parameters)

    def agent_line(self, reasons: Sequence[Reason], language: str = "en") -> str:
        """Return nothing."""
        return ""

    def caller_sentences(self, reasons: Sequence[Reason], language: str = "en") -> tuple[str, ...]:
        """Return nothing."""
        return ()


class _Remembering:
    """A reader of intents that reads each text once."""

    def __init__(self, reader: IntentReader) -> None:
        self.model_id = reader.model_id
        self._reader = reader
        self._read = lru_cache(maxsize=REMEMBERED_TEXTS)(reader.predict)

    def predict(self, text: str, language: str) -> Posterior:
        """Return what the reader makes of the text."""
        return self._read(text, language)

    def encoder_of(self, language: str) -> str:
        """Return the id of the sentence encoder whose vectors the reader reads."""
        return self._reader.encoder_of(language) if isinstance(self._reader, SentenceReader) else ""

    def scores(self, vector: NDArray[np.float32], language: str) -> Mapping[str, float]:
        """Return what the reader reads from a vector; where `encoder_of` names an encoder."""
        assert isinstance(self._reader, SentenceReader)
        return self._reader.scores(vector, language)

    def fused(self, text: str, language: str, scores: Mapping[str, float]) -> Posterior:
        """Return what the reader makes of a text by its words and by these scores."""
        assert isinstance(self._reader, SentenceReader)
        return self._reader.fused(text, language, scores)
