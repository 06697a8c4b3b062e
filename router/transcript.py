"""What the caller has said so far, phrase by phrase, redacted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from router.evidence import Words
from router.generation import Generation
from router.redact import redact
from router.understanding import NOTHING_HEARD, HardHit, Understanding


class Transcript:
    """The words of one call, and what they mean.

    Once the question was put, the answer is also read by itself: where it is the surer reading, it counts.

    What a sentence encoder makes of the texts comes later, if at all. It counts once it is there of all of them: the
    surer of two is the surer by the same measure.

    Parameters
    ----------
    generation : understands the words.
    language : of the call.

    Attributes
    ----------
    text : everything said so far, redacted; `understood` what it means by its words.
    hard : the hard word that may be acted on: final, or heard twice running.
    """

    def __init__(self, generation: Generation, language: str) -> None:
        self._generation = generation
        self._language = language
        self._finals: list[tuple[float | None, str]] = []
        self._answer_from = 0
        self._partial = ""
        self._asked = False
        self._read: tuple[str, str] = ("", "")
        self._by_words: dict[str, Understanding] = {}
        self._by_sentence: dict[str, Understanding] = {}
        self._phrase_before: str | None = None
        self.text = ""
        self.understood: Understanding = NOTHING_HEARD
        self.hard: HardHit | None = None

    @property
    def partial(self) -> bool:
        """Whether the last words are not final."""
        return bool(self._partial)

    @property
    def unread(self) -> tuple[str, ...]:
        """The texts that no sentence encoder has read."""
        return tuple([text for text in self._by_words if text not in self._by_sentence])

    @property
    def meant(self) -> Understanding | None:
        """What was said means by words and sentence; None where no encoder has read it, or not all of it."""
        if not self._by_sentence or self.unread:
            return None
        return _surer({text: self._by_sentence[text] for text in self._by_words})

    def read(self, text: str, scores: Mapping[str, float]) -> bool:
        """Take what a sentence encoder makes of a text; return whether that is still what was said."""
        if text not in self._by_words:
            return False
        self._by_sentence[text] = self._generation.understand(text, self._language, scores)
        return True

    def redacted(self, words: Words) -> Words:
        """Return what was heard without its digits, those included that go on from the phrase before."""
        before = self._finals[:-1] if self._again(words) else self._finals
        text = redact(words.text, " ".join(text for _, text in before))
        return words if text == words.text else replace(words, text=text)

    def hear(self, words: Words) -> bool:
        """Take what the recogniser heard, redacted; return whether there are any words after it."""
        if not words.final:
            self._partial = words.text
        else:
            self._partial = ""
            if self._again(words):
                self._finals.pop()
            if words.text.strip():
                self._finals.append((words.segment_start_s, words.text))
        self._understand()
        return bool(self.text)

    def _again(self, words: Words) -> bool:
        """Whether these words are the last final phrase, heard anew."""
        return (
            words.final
            and len(self._finals) > self._answer_from
            and words.segment_start_s is not None
            and self._finals[-1][0] == words.segment_start_s
        )

    def question_put(self) -> None:
        """What comes from here on answers the question."""
        if self._partial:
            self._finals.append((None, self._partial))
            self._partial = ""
        self._answer_from = len(self._finals)
        self._asked = True

    def _join(self, start: int) -> str:
        parts = [text.strip() for _, text in self._finals[start:]]
        said = [part for part in (*parts, self._partial.strip()) if part]
        return redact(" ".join(said)) if len(said) > 1 else "".join(said)

    def _understand(self) -> None:
        everything, answer = self._join(0), self._join(self._answer_from) if self._asked else ""
        if (everything, answer) != self._read:
            self._read = (everything, answer)
            self.text = everything
            read = {text: self._generation.understand(text, self._language) for text in self._read if text}
            self.understood = _surer(read) if read else NOTHING_HEARD
            self._by_words = {text: one for text, one in read.items() if one.words}
            self._by_sentence = {text: self._by_sentence[text] for text in self._by_words if text in self._by_sentence}
        hit = self.understood.hard
        stands = hit is not None and (not self._partial or hit.phrase == self._phrase_before)
        self.hard = hit if stands else None
        self._phrase_before = hit.phrase if hit is not None else None


def _surer(read: Mapping[str, Understanding]) -> Understanding:
    """Of all that was said and the answer by itself, what counts."""
    everything, *answers = read.values()
    for alone in answers:
        if alone.hard is not None or alone.strongest()[1] > everything.strongest()[1]:
            return alone
    return everything
