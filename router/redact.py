"""Digits are taken out of what callers say before anything else sees it: card, account and telephone numbers.

A run of three or more digits goes, however it was written or spoken: digits of any script, and number
words in English and Arabic ("four oh double five", "خمسة ستة سبعة", "twenty one sixteen"). Words are
counted as the digits they stand for, so "twenty five" are two and stay, as does a lone "one". A run
already taken out counts as digits, so that a number split over two phrases goes too, and redacting twice
changes nothing.
"""

from __future__ import annotations

import re
import unicodedata
from enum import Enum, auto
from functools import lru_cache

MASK = "[digits]"
"""What stands in for a run."""

SHORTEST_RUN = 3
"""Fewer digits than this identify nobody."""


class _Part(Enum):
    """What a word contributes to a number."""

    UNIT = auto()
    TEEN = auto()
    TENS = auto()
    TEN_SUFFIX = auto()
    SCALE = auto()
    TIMES = auto()
    FILLER = auto()


def _fold(word: str) -> str:
    """Bring a word to the form of the tables below: lower case, Arabic letters without their variants."""
    folded = unicodedata.normalize("NFKC", word).casefold()
    folded = "".join(c for c in folded if not unicodedata.combining(c) and c not in "\u0640'’")
    return folded.translate(_LETTERS)


_LETTERS = str.maketrans({"أ": "ا", "إ": "ا", "آ": "ا", "ٱ": "ا", "ى": "ي", "ة": "ه", "ؤ": "و", "ئ": "ي", "ی": "ي"})

_WORDS: dict[str, _Part] = {
    _fold(word): part
    for part, words in {
        _Part.UNIT: "zero oh o nought naught nil one two three four five six seven eight nine niner "
        "صفر زيرو واحد واحدة وحدة اثنين اثنان اثنتين اتنين ثنين تنين ثلاثة ثلاث تلاتة تلات تلاته "
        "أربعة أربع خمسة خمس ستة ست سبعة سبع ثمانية ثماني ثمان تمانية تمنية تمان تسعة تسع",
        _Part.TEEN: "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen "
        "عشرة حداشر احداشر احدعش حدعش اتناشر اثناشر اثنعش تناعش "
        "تلتاشر ثلاثتاشر تلتعش ثلطعش اربعتاشر اربعطاشر اربعتعش خمستاشر خمسطاشر خمستعش "
        "ستاشر سطاشر ستعش سبعتاشر سبعطاشر سبعتعش "
        "تمنتاشر تمانتاشر ثمنتعش تمنتعش "
        "تسعتاشر تسعطاشر تسعتعش",
        _Part.TENS: "twenty thirty forty fourty fifty sixty seventy eighty ninety "
        "عشرين عشرون ثلاثين ثلاثون تلاتين أربعين أربعون خمسين خمسون ستين ستون سبعين سبعون ثمانين ثمانون "
        "تمانين تسعين تسعون",
        _Part.TEN_SUFFIX: "عشر",
        _Part.SCALE: "hundred thousand million مية مئة مائة ميه ميتين مئتين ألف ألفين آلاف مليون",
        _Part.TIMES: "double triple treble دبل دوبل تربل",
        _Part.FILLER: "and dash hyphen space um uh er ثم شرطة و",
    }.items()
    for word in words.split()
}
_REPEATS = {"double": 2, "دبل": 2, "دوبل": 2}
_AND = "و"

_LONGEST_KEPT = 64
"""Letters of a word whose part is kept; longer ones are looked up anew."""

_TOKEN = re.compile(r"\[digits\]|\d+|(?:[^\W\d_]|[\u0300-\u036f\u064b-\u065f\u0670\u0640'’])+")
_INVISIBLE = "\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff"
_GAP = re.compile(rf"[\s.,:;_،؛٫٬\-\u2010-\u2015\u2212/|()+*#{_INVISIBLE}]*")


def redact(text: str, after: str = "") -> str:
    """Return the text with every run of digits, written or spoken, replaced by MASK.

    Parameters
    ----------
    text : a phrase.
    after : what was said before it, redacted: a number that began there goes on here, however short the rest.
    """
    if not any(map(_has_number, text.split())):
        return text
    start = len(after) + 1 if after else 0
    whole = f"{after} {text}" if after else text
    for first, last in reversed(_runs(whole)):
        if last > start:
            whole = whole[: max(first, start)] + MASK + whole[last:]
    return whole[start:]


def _runs(text: str) -> list[tuple[int, int]]:
    """Where every run begins and ends."""
    runs: list[tuple[int, int]] = []
    run = _Run()
    for token in _TOKEN.finditer(text):
        if run.end >= 0 and not _GAP.fullmatch(text, run.reach, token.start()):
            run.close(runs)
        if not run.take(token.group(), token.start(), token.end()):
            run.close(runs)
    run.close(runs)
    return runs


def _read(token: str) -> tuple[str, _Part | None, bool]:
    """Return a word folded, what it contributes, and whether it was joined to the word before by `و`."""
    # What is kept outlives its call: words of letters alone, never a digit, nor digits spoken in one breath.
    return _kept(token) if token.isalpha() and len(token) <= _LONGEST_KEPT else _looked_up(token)


def _looked_up(token: str) -> tuple[str, _Part | None, bool]:
    word = _fold(token)
    part = _WORDS.get(word)
    if part is None and word.startswith(_AND):
        return word, _WORDS.get(word[1:]), True
    return word, part, False


_kept = lru_cache(maxsize=20_000)(_looked_up)


def _has_number(between_spaces: str) -> bool:
    """Whether any word in it may be counted as digits: where none is, there is nothing to take out."""
    if between_spaces.isalpha():
        return _read(between_spaces)[1] not in _NO_NUMBER
    return any(map(_is_number, _TOKEN.findall(between_spaces)))


def _is_number(token: str) -> bool:
    return token == MASK or token[0].isdigit() or _read(token)[1] not in _NO_NUMBER


_NO_NUMBER = (None, _Part.FILLER, _Part.TIMES)


class _Run:
    """The number being read, if any: `reach` is the end of its last word, `end` of its last number."""

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self.start = self.end = self.reach = -1
        self.digits = 0
        self.before: _Part | None = None
        self.repeat = 1
        self.repeat_start = -1

    def close(self, runs: list[tuple[int, int]]) -> None:
        """End the run, and keep it if it is long enough."""
        if self.digits >= SHORTEST_RUN:
            runs.append((self.start, self.end))
        self._clear()

    def take(self, token: str, start: int, end: int) -> bool:
        """Take the next word; return whether it belongs to a number."""
        if token == MASK:
            return self._count(SHORTEST_RUN, None, start, end)
        if token[0].isdigit():
            return self._count(len(token) * self._times(), None, start, end)
        word, part, joined = _read(token)
        match part:
            case None:
                return False
            case _Part.FILLER:
                if self.end < 0:
                    return False
                self.reach = end
                return True
            case _Part.TIMES:
                self.repeat = _REPEATS.get(word, 3)
                self.repeat_start = start if self.repeat_start < 0 else self.repeat_start
                if self.end >= 0:
                    self.reach = end
                return True
            case _Part.SCALE:
                if self.end < 0:
                    return False
                return self._count(2, part, start, end)
            case _Part.UNIT:
                return self._count(0 if self.before is _Part.TENS else self._times(), part, start, end)
            case _Part.TEN_SUFFIX:
                return self._count(1 if self.before is _Part.UNIT else 2, _Part.TEEN, start, end)
            case _Part.TENS:
                return self._count(1 if joined and self.before is _Part.UNIT else 2, part, start, end)
            case _Part.TEEN:
                return self._count(2, part, start, end)

    def _times(self) -> int:
        times, self.repeat = self.repeat, 1
        return times

    def _count(self, digits: int, part: _Part | None, start: int, end: int) -> bool:
        if self.end < 0:
            self.start = self.repeat_start if self.repeat_start >= 0 else start
        self.repeat, self.repeat_start = 1, -1
        self.digits += digits
        self.before = part
        self.end = self.reach = end
        return True
