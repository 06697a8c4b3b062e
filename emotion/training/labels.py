"""What people call feelings, in English and Arabic, brought to the names that training knows."""

from __future__ import annotations

import unicodedata

HIGH, LOW = 1.0, 0.0

CALLED = {
    "anger": "anger angry ang rage furious fury mad غضب غاضب غاضبة عصبي عصبية معصب معصبة",
    "happiness": "happiness happy hap joy joyful cheerful glad فرح فرحان فرحانة سعيد سعيدة سعادة مبسوط مبسوطة",
    "sadness": "sadness sad unhappy حزن حزين حزينة",
    "fear": "fear fearful afraid scared anxiety anxious خوف خايف خائف خائفة قلق قلقان",
    "disgust": "disgust disgusted قرف قرفان اشمئزاز",
    "surprise": "surprise surprised pleasant_surprise ps دهشة مندهش مفاجأة متفاجئ",
    "neutral": "neutral neu normal none محايد محايدة حياد عادي طبيعي",
    "calm": "calm relaxed quiet هادئ هادئة هادي هدوء",
    "boredom": "boredom bored ملل",
    "frustration": "frustration frustrated annoyed irritated upset محبط محبطة إحباط منزعج منزعجة انزعاج متضايق",
}
"""What each feeling may be called."""
EMOTIONS = tuple(CALLED)
"""Every name of a feeling that a clip may carry; frustration stands between, and is neither angry nor not."""


def plain(word: str) -> str:
    """Fold a label: lower case, no vowel marks and hamzas, one kind of alef, yeh and heh, spaces and hyphens as `_`."""
    letters = unicodedata.normalize("NFKD", word.strip().casefold())
    folded = "".join(letter for letter in letters if letter != "\u0640" and not unicodedata.combining(letter))
    for old, new in (("ى", "ي"), ("ة", "ه"), ("-", "_"), (" ", "_")):
        folded = folded.replace(old, new)
    return folded


def _folded(words: str) -> frozenset[str]:
    return frozenset(plain(word) for word in words.split())


_EMOTION = {word: name for name, words in CALLED.items() for word in _folded(words)}
_AROUSAL_OF = dict.fromkeys(("anger", "happiness", "fear", "surprise"), HIGH)
_AROUSAL_OF |= dict.fromkeys(("sadness", "neutral", "calm", "boredom"), LOW)
_VALENCE_OF = {"happiness": 1.0, "neutral": 0.5, "calm": 0.5}
_VALENCE_OF |= dict.fromkeys(("anger", "sadness", "fear", "disgust", "frustration"), 0.0)

ENDS = {
    "1": "yes y true high strong positive pleasant pos angry anger نعم عال عالي عالية مرتفع إيجابي غاضب",
    "0": "no n false low weak negative unpleasant neg calm none لا منخفض منخفضة سلبي هادئ",
    "0.5": "medium mid middle moderate neutral mixed متوسط محايد",
}
"""What an end of a scale, and the middle, may be called."""
_SIDE = {word: float(value) for value, words in ENDS.items() for word in _folded(words)}
GENDERS = {"f": "f female woman w أنثى امرأة", "m": "m male man ذكر رجل"}
_GENDER = {word: name for name, words in GENDERS.items() for word in _folded(words)}


def emotion_of(word: str) -> str | None:
    """Return which of EMOTIONS a label names, empty for an empty one, None for one that is not known."""
    folded = plain(word)
    return "" if not folded else _EMOTION.get(folded)


def arousal_of(emotion: str) -> float | None:
    """Arousal that goes with a feeling, where it is plain: 1 high, 0 low."""
    return _AROUSAL_OF.get(emotion)


def valence_of(emotion: str) -> float | None:
    """Valence that goes with a feeling, where it is plain: 1 pleasant, 0.5 neutral, 0 unpleasant."""
    return _VALENCE_OF.get(emotion)


def side(word: str) -> float | None:
    """Read which end of a scale a label names: 1, 0, 0.5 between the two.

    Words (high, low, yes, no, positive, negative, عالي, منخفض, ...), or a number from 0 to 1, of which what lies
    within 0.1 of the middle is between.

    Raises
    ------
    ValueError
        If it is neither.
    """
    folded = plain(word)
    if folded in _SIDE:
        return _SIDE[folded]
    number = float(folded)
    if not 0.0 <= number <= 1.0:
        raise ValueError(word)
    return 0.5 if abs(number - 0.5) < 0.1 else float(number > 0.5)


def gender_of(word: str) -> str:
    """Return f, m, or empty where the label says neither."""
    return _GENDER.get(plain(word), "")
