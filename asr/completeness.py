"""Does this text end like a finished thought, or like one that goes on?

A pure reading of the last words, by lists for each language; it knows nothing of grammar. What ends in a
word that wants another one ("because", "my", "I would like", عشان, اللي, بدي) or in a hesitation ("um", امم) goes
on. What ends in anything else is finished where enough was said, or where so short an answer is usual
("yes", "agent", نعم). A greeting, digits (a number is dictated in groups) and languages without lists are
neither.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto


class Ending(Enum):
    """How a text ends."""

    FINISHED = auto()
    HESITANT = auto()
    NEITHER = auto()


_FEWEST_WORDS = 3
"""Fewer are a finished thought only where they are a usual answer."""


@dataclass(frozen=True, slots=True)
class _Language:
    """Words and phrases after :func:`_words`.

    Attributes
    ----------
    wants_more : last words, or last few, that want another.
    complete : ends of those that do not after all: "what it is" beside "my name is".
    short : whole texts that are an answer.
    opening : words that begin a request and say nothing of it; a text of nothing else is neither.
    prefixes : letters written onto a word that it is looked up without, too.
    """

    wants_more: frozenset[tuple[str, ...]]
    complete: frozenset[tuple[str, ...]]
    short: frozenset[tuple[str, ...]]
    opening: frozenset[str]
    prefixes: str = ""


def ending(text: str, language: str) -> Ending:
    """Say how a text ends.

    Parameters
    ----------
    text : str
        Words as a recogniser gives them, with or without punctuation.
    language : str
        Code; of ``en`` and ``ar`` something is known, every other is NEITHER.
    """
    lists = _LANGUAGES.get(language)
    if lists is None:
        return Ending.NEITHER
    words = _words(text)
    if not words:
        return Ending.NEITHER
    goes_on = text.rstrip().endswith(_GOES_ON) or _ends_in(words, lists.wants_more, lists.prefixes)
    if goes_on and not _ends_in(words, lists.complete):
        return Ending.HESITANT
    if tuple(words) in lists.short:
        return Ending.FINISHED
    if any(letter.isdigit() for letter in words[-1]) or words[-1] in _DIGITS:
        return Ending.NEITHER
    said = [word for word in words if word not in lists.opening]
    return Ending.FINISHED if len(words) >= _FEWEST_WORDS and said else Ending.NEITHER


_LONGEST = 4
_GOES_ON = ("...", "…", "-", "—", ",", "،")
_APART = re.compile(r"[^\w']+")
_ALIKE = str.maketrans("أإآٱةىؤئکیھگ’", "ااااهيويكيهك'", "ـء\u200b\u200c\u200d\u200e\u200f\u2060\u061c\ufeff")


def _words(text: str) -> list[str]:
    """Lower case, no marks on letters, letters that are written for one another and compatible forms made one."""
    plain = "".join(c for c in unicodedata.normalize("NFKC", text.lower()) if not unicodedata.combining(c))
    return [word.strip("'_") for word in _APART.split(plain.translate(_ALIKE)) if word.strip("'_")]


def _ends_in(words: list[str], ends: frozenset[tuple[str, ...]], prefixes: str = "") -> bool:
    last = words[-1]
    if any((last[1:],) in ends for prefix in prefixes if last.startswith(prefix) and len(last) > 2):
        return True
    return any(tuple(words[-size:]) in ends for size in range(1, min(_LONGEST, len(words)) + 1))


def _phrases(*lines: str) -> frozenset[tuple[str, ...]]:
    """Read phrases written with commas between them."""
    return frozenset(tuple(_words(phrase)) for line in lines for phrase in line.split(",") if phrase.strip())


def _vocabulary(line: str) -> frozenset[str]:
    return frozenset(_words(line))


_DIGITS = _vocabulary(
    "zero one two three four five six seven eight nine ten "
    "صفر واحد اثنين اتنين ثلاثه تلاته اربعه خمسه سته سبعه ثمانيه تمانيه تسعه عشره"
)

_ENGLISH = _Language(
    wants_more=_phrases(
        "um, uh, uhm, er, erm, ah, hmm, hm, mm, like, well, so, you know, i mean, let me see",
        "let's see, what's it called",
        "a, an, the, my, your, our, their, his, every, any, which, whose, very, really, quite, more, also, just, still",
        "and, or, but, because, cause, cos, if, when, while, since, until, unless, although, whether, than, as, that's",
        "to, of, for, with, from, into, onto, about, at, by, between, against, without, regarding, concerning, in my",
        "am, is, are, was, were, be, been, being, has, had, will, would, should, could, can, can't, cannot, may, might",
        "i'm, i've, i'd, i'll, we're, we've, we'd, we'll, it's, there's, he's, she's, you're, you've, they're, they've",
        "i, we, don't, didn't, doesn't, isn't, wasn't, won't, haven't, hasn't, couldn't, not, never, going, trying",
        "i want, i need, i have, i got, i think, we want, we need, i wanted, i wonder",
        "i'm wondering, i guess, want you",
        "i would like, i'd like, we'd like, i'm calling, i am calling, i was trying, i'm looking, let me, want me",
        "how do, how can, what do, can you, could you, can i, could i, do you, would you, the new",
        "my new, my old, a new",
        "kind of, sort of, in, in the, on the, on my",
    ),
    complete=_phrases(
        "yes i am, yes it is, yes i was, it is, it isn't, i'm not, i don't, i didn't, it doesn't, it won't, i can't",
        "i cannot, why not, yes i can, yes i will, yes i would, he is, she is, they are, you are, that is, i am",
        "think so, hope so, guess so, said so, do so, very well, as well, should be, what for, waiting for, asked for",
        "paid for, looking for, used to, human being, something like, what it's like, any more",
        "no more, some more, once more, do i have, do we have, did i have, do i need, do we need, do i want",
        "log in, sign in, what i need, what i want, what i have, all i have, i've been, it's not, not yet, still not",
    ),
    short=_phrases(
        "yes, yeah, yep, yes please, no, nope, no thanks, no thank you, ok, okay, sure, correct, right, that's right",
        "agent, an agent, operator, representative, a person, human, a human, help, complaint",
        "complaints, sales, support",
        "billing, cancel, stop, thanks, thank you, that's all, that's it, nothing else, goodbye",
        "bye, exactly, of course",
        "never mind, technical support, customer service, opening hours, my bill, my balance, new line",
    ),
    opening=_vocabulary("hello hi hey good morning afternoon evening please there yes no okay ok sir madam excuse me"),
)

_ARABIC = _Language(
    wants_more=_phrases(
        "يعني, امم, اممم, مم, ممم, اااه, ااا, اا, همم, طيب, طب, ايش اسمه, شو اسمه, شسمه, بصراحه, خليني اشوف",
        "عشان, علشان, مشان, منشان, لاجل, لان, لاني, لانه, لانو, لانها, لانهم, عشاني, بسبب, بخصوص, بالنسبه, بالنسبه ل",
        "اللي, يلي, الذي, التي, الذين, ان, انه, انو, انها, اني, انك, انهم, لو, اذا, لما, لمن, بعدما, قبل ما, بعد ما",
        "و, او, ولا, لكن, بس, ثم, وبعدين, برضو, حتى, الا, غير, زي, مثل, كل, بعض, اي",
        "في, فى, من, الى, على, عن, مع, عند, بين, حول, ضد, لحد, لغايه, ب, ل, ع, بدون, منذ, خلال, هل",
        "بدي, بدنا, بغيت, ابغى, ابغا, نبغى, ابي, نبي, ودي, اريد, نريد, عايز, عايزه, عاوز, عاوزه, عاوزين, حاب, حابب",
        "حابه, محتاج, محتاجه, احتاج, لازم, ممكن, اقدر, ينفع, كنت, كان, كانت, صار, انا, احنا, نحن, انتو",
        "مش, مو, مب, ما, لم, لن, ليس, سوف, رح, قد, اسمي, رقمي, حساب, متصل, بتصل",
    ),
    complete=_phrases(
        "ولا لا, مش كده, مو كذا, لا بس, كده وبس, هيك وبس, لو ممكن, اذا ممكن, من قبل, ايه ممكن, اسمي علي, انا علي"
    ),
    short=_phrases(
        "نعم, اي نعم, ايوه, ايوا, اه, ايه, اي, اجل, بلى, صح, صحيح, تمام, اوك, اوكي, ماشي, اكيد",
        "طبعا, لا, لا شكرا, كلا, لا لا",
        "موظف, موظفه, ابغى موظف, عايز موظف, بدي موظف, اريد موظف, شكرا, شكوى, مبيعات, المبيعات",
        "الشكاوى, الفاتوره, رصيدي",
        "الرصيد, خدمه العملاء, الدعم الفني, الغاء, مساعده, خلاص, بس كده, بس كذا, هيك بس, مع السلامه, يعطيك العافيه",
    ),
    opening=_vocabulary(
        "السلام عليكم ورحمه الله وبركاته مرحبا مرحبتين اهلا هلا هلو الو الوو صباح مساء الخير النور "
        "لو سمحت سمحتي فضلك من"
    ),
    prefixes="وف",
)

_LANGUAGES: Mapping[str, _Language] = {"en": _ENGLISH, "ar": _ARABIC}
