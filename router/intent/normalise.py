"""Text as a recogniser would have written it, so that examples, partials and finals look alike to the model.

One pipeline for every language, because callers mix them. For Arabic the order matters: NFKC first; then
harakat, tatweel and invisible marks go before anything is split into words; then letters that writers use
for one another become one.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

NUMBER = "#"
"""Stands for any number, however it was said."""

_MARKS = [
    *range(0x064B, 0x0660),  # harakat
    0x0670,  # superscript alef
    0x0640,  # tatweel
    0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF,  # zero width
    0x200E, 0x200F, 0x061C, *range(0x202A, 0x202F), *range(0x2066, 0x206A),  # direction
]  # fmt: skip
_APOSTROPHES = [ord("'"), 0x2019, 0x2018, 0x02BC]
_REMOVED = [*_MARKS, *_APOSTROPHES, ord("ء")]  # "don't" and "dont" are one word
_FOLDED = {
    "أ": "ا", "إ": "ا", "آ": "ا", "ٱ": "ا", "ى": "ي", "ة": "ه", "ؤ": "و", "ئ": "ي",
    "ک": "ك", "ی": "ي", "ھ": "ه", "گ": "ك",
}  # fmt: skip
_TABLE: dict[int, str | None] = {
    **dict.fromkeys(_REMOVED),
    **{ord(letter): plain for letter, plain in _FOLDED.items()},
    **{start + digit: str(digit) for start in (0x0660, 0x06F0) for digit in range(10)},
}
_SPOKEN_TABLE: dict[int, str | None] = {**dict.fromkeys(_MARKS), **dict.fromkeys(_APOSTROPHES, "'")}
_REDACTED = "[digits]"  # as router/redact.py leaves it
_SPACED = re.compile(r"(?:[^\w#]|_)+")
_UNSPOKEN = re.compile(r"(?:[^\w#']|_)+")
_DIGITS = re.compile(r"[0-9]+(?: [0-9]+)*")

_NUMBER_WORDS = """
    zero oh one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
    seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand
    double triple
    صفر واحد اثنين اثنان تنين ثلاثه تلاته ثلاث اربعه اربع خمسه خمس سته ست سبعه سبع ثمانيه ثماني تمانيه تسعه
    تسع عشره عشر عشرين ثلاثين تلاتين اربعين خمسين ستين سبعين ثمانين تمانين تسعين ميه مايه ميتين الف
"""
_SPOKEN = frozenset(_NUMBER_WORDS.split())
_ONE = "(?:" + "|".join(sorted(sorted(_SPOKEN), key=len, reverse=True)) + ")"
# One such word alone may be no number ("this one", "a second"): only two or more in a row count.
_SPOKEN_RUN = re.compile(rf"\b{_ONE}(?: و ?{_ONE}| {_ONE})+\b")
_NUMBERS = re.compile(r"#(?: ?#)*")


def normalise(text: str) -> str:
    """Words in lower case with single spaces; no punctuation, no marks, numbers as `#`.

    Idempotent. Costs some 5 us for a sentence.
    """
    text = " ".join(filter(None, map(_plain, text.split())))
    text = _DIGITS.sub(NUMBER, text)
    if not _SPOKEN.isdisjoint(text.split()):
        text = _SPOKEN_RUN.sub(NUMBER, text)
    return _NUMBERS.sub(NUMBER, text) if NUMBER in text else text


@lru_cache(maxsize=20_000)
def _plain(word: str) -> str:
    """One word, or what stands between spaces, without looking at its numbers; no step before that looks past one."""
    word = unicodedata.normalize("NFKC", word).replace(_REDACTED, f" {NUMBER} ")
    return _SPACED.sub(" ", word.translate(_TABLE).lower()).strip()


def spoken(text: str) -> str:
    """Words in lower case with single spaces, spelt as they were: what a model of whole sentences is given.

    No punctuation but apostrophes, no marks. `normalise` makes the same of it as of the text itself.
    """
    text = unicodedata.normalize("NFKC", text).replace(_REDACTED, f" {NUMBER} ").translate(_SPOKEN_TABLE)
    return _UNSPOKEN.sub(" ", text.lower()).strip()
