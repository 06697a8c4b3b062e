"""From the operator's key phrases to the phrases that a model can hear, in the model's own spelling.

A phrase as an operator writes it has capitals, punctuation, vowel marks; an Arabic word is written with or
without hamza, with final yaa or alif maqsura, with taa marbuta or haa. A model knows each word in one spelling
or a few, so each word is looked up in all that are likely. A phrase with a word that is unknown in each is left
out, and the word reported: native code would drop the word and hear the rest of the phrase instead.
"""

import itertools
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

MOST_PHRASES = 5000
LONGEST_PHRASE = 200
_MOST_SPELLINGS = 8

OTHER_WORDS = ("[unk]", "<unk>", "[UNK]", "<UNK>", "<SPOKEN_NOISE>")
"""What models call a word that they do not know; the one a model has takes what is no phrase."""

_JOINERS = "'’-"
_WORD = re.compile(rf"[\w\u0640]+(?:[{_JOINERS}][\w\u0640]+)*")
_ALIFS = "اأإآ"


@dataclass(frozen=True, slots=True)
class Hearable:
    """What of some phrases a model can hear.

    Attributes
    ----------
    phrases : tuple of str
        In the model's spelling, none twice.
    unknown_words : tuple of str
        Words that it does not know, as the operator wrote them, sorted.
    left_out : tuple of str
        Phrases that were left out, as the operator wrote them, in their order.
    """

    phrases: tuple[str, ...]
    unknown_words: tuple[str, ...]
    left_out: tuple[str, ...]


def hearable(phrases: Iterable[str], knows: Callable[[str], bool]) -> Hearable:
    """Sort phrases by whether a model knows all their words.

    Parameters
    ----------
    phrases : iterable of str
        As the operator wrote them; any text.
    knows : callable
        Returns whether a word, never empty, is in the model's vocabulary.
    """
    heard: dict[str, None] = {}
    unknown: set[str] = set()
    left_out: list[str] = []
    for phrase in phrases:
        words = words_of(phrase)
        choices = [[spelling for spelling in spellings(word) if knows(spelling)] for word in words]
        unknown.update(word for word, choice in zip(words, choices, strict=True) if not choice)
        if not words or not all(choices) or len(phrase) > LONGEST_PHRASE or len(heard) >= MOST_PHRASES:
            left_out.append(phrase)
            continue
        for together in itertools.islice(itertools.product(*choices), _MOST_SPELLINGS):
            if len(heard) < MOST_PHRASES:
                heard[" ".join(together)] = None
    return Hearable(tuple(heard), tuple(sorted(unknown)), tuple(left_out))


def words_of(phrase: str) -> list[str]:
    """Return the words of a phrase without punctuation and vowel marks."""
    text = unicodedata.normalize("NFC", "".join(c for c in phrase if c.isprintable() or c.isspace()))
    return _WORD.findall("".join(c for c in text if not _is_arabic_mark(c)))


def _is_arabic_mark(character: str) -> bool:
    return "\u0600" <= character <= "\u06ff" and unicodedata.category(character) == "Mn"


def spellings(word: str) -> Iterator[str]:
    """Yield the ways a model may spell a word, the likeliest first; each once."""
    plain = word.replace("\u0640", "").replace("’", "'")
    seen: dict[str, None] = {}
    for form in (plain, plain.lower()):
        seen[form] = None
    if any("\u0600" <= character <= "\u06ff" for character in plain):
        for form in _arabic_spellings(plain):
            seen[form] = None
    yield from (form for form in seen if form)


def _arabic_spellings(word: str) -> Iterator[str]:
    """Yield a word with each alif in front (also behind the article) and each ending that sounds the same."""
    bare = re.sub(f"[{_ALIFS}]", "ا", word)
    at = next((len(prefix) for prefix in ("وال", "بال", "ال", "و", "ب", "ل") if bare.startswith(prefix + "ا")), 0)
    stems = [word, bare]
    for place in dict.fromkeys((0, at)):
        if bare[place : place + 1] == "ا":
            stems += [bare[:place] + alif + bare[place + 1 :] for alif in _ALIFS[1:]]
    endings = {"ي": "ى", "ى": "ي", "ة": "ه", "ه": "ة"}
    for stem in stems:
        yield stem
        if stem[-1:] in endings:
            yield stem[:-1] + endings[stem[-1]]
