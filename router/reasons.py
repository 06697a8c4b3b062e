"""Why a call went where it went, as codes with parameters, and as sentences in English and Arabic.

Each code has a sentence for the auditor. Where the agent or the caller should read it, it has a short form
for them too. Parameters named `destination` and `default` are names of destinations; the sentences show
their labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from config.schema import Destination

AGENT_LIMIT = 128
"""Longest line that is sent to the PBX for the agent, in characters."""

Parameter = str | int | float


class Code(StrEnum):
    """Every reason there is."""

    WORDS = "words"
    HARD_WORD = "hard_word"
    KEY = "key"
    RULE_ROUTE = "rule_route"
    RULE_RAISE = "rule_raise"
    NOT_SURE = "not_sure"
    FEW_WORDS = "few_words"
    NO_WORDS = "no_words"
    NO_SPEECH = "no_speech"
    ASKED = "asked"
    ANGRY = "angry"
    TONE_OFF_BY_CALLER = "tone_off_by_caller"
    TONE_OFF_BY_SITE = "tone_off_by_site"
    TONE_UNHEARD = "tone_unheard"
    NO_NOTICE = "no_notice"
    PARTIAL = "partial"
    NO_RECOGNISER = "no_recogniser"
    RECOGNISER_LOST = "recogniser_lost"
    PHRASES_ONLY = "phrases_only"
    LISTEN_DEADLINE = "listen_deadline"
    TOTAL_DEADLINE = "total_deadline"
    DEFAULT = "default"
    SHADOW = "shadow"
    SHADOW_RULE = "shadow_rule"


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason: its code, its parameters, and the auditor's sentence in both languages."""

    code: Code
    en: str
    ar: str
    parameters: Mapping[str, Parameter]


# auditor en, auditor ar, agent en, agent ar, caller en, caller ar; an empty agent or caller form is left out
_TEXTS: dict[Code, tuple[str, str, str, str, str, str]] = {
    Code.WORDS: (
        "The words point to {destination} ({intent}) with probability {probability:.2f} after {words} words; "
        "{threshold:.2f} was needed.",
        "الكلمات تشير إلى {destination} ({intent}) باحتمال {probability:.2f} "
        "(عدد الكلمات المسموعة: {words})، والمطلوب {threshold:.2f}.",
        "wants {intent} ({percent}%)",
        "يطلب {intent} ({percent}٪)",
        "You said what you need, so we connected you to {destination}.",
        "ذكرت ما تحتاج إليه فحوّلناك إلى {destination}.",
    ),
    Code.HARD_WORD: (
        "'{phrase}' was heard, which always goes to {destination} ({intent}).",
        "سُمعت عبارة «{phrase}» وهي تُحوَّل دائمًا إلى {destination} ({intent}).",
        "said '{phrase}'",
        "قال «{phrase}»",
        "You said '{phrase}', so we connected you to {destination}.",
        "قلت «{phrase}» فحوّلناك إلى {destination}.",
    ),
    Code.KEY: (
        "The caller pressed {digit}, which means {destination}.",
        "ضغط المتصل المفتاح {digit} ومعناه {destination}.",
        "pressed {digit}",
        "ضغط {digit}",
        "You pressed {digit}, so we connected you to {destination}.",
        "ضغطت {digit} فحوّلناك إلى {destination}.",
    ),
    Code.RULE_ROUTE: (
        "Rule '{rule}' routes this call to {destination}.",
        "القاعدة «{rule}» تحوّل هذه المكالمة إلى {destination}.",
        "rule {rule}",
        "قاعدة {rule}",
        "Our routing rules connected you to {destination}.",
        "حوّلتك قواعد التوجيه لدينا إلى {destination}.",
    ),
    Code.RULE_RAISE: (
        "Rules ({rules}) count this caller as having waited {minutes:g} minutes more.",
        "القواعد ({rules}) تضيف إلى مدة انتظار هذا المتصل (بالدقائق): {minutes:g}.",
        "+{minutes:g} min",
        "+{minutes:g} د",
        "You were moved forward in the queue.",
        "قُدّم دورك في الانتظار.",
    ),
    Code.NOT_SURE: (
        "The words were not clear enough: {probability:.2f} for {destination}, {threshold:.2f} was needed; "
        "a person answers rather than a guess.",
        "لم تكن الكلمات واضحة بما يكفي: {probability:.2f} لصالح {destination} والمطلوب {threshold:.2f}؛ "
        "يجيب موظف بدلًا من التخمين.",
        "words unclear",
        "الكلام غير واضح",
        "We were not sure what you need, so a person answers.",
        "لم نتأكد مما تحتاج إليه، لذلك يجيبك موظف.",
    ),
    Code.FEW_WORDS: (
        "So little was said, without a key phrase, that {threshold:.2f} was needed, as for an early decision "
        "(number of words: {words}).",
        "قيل القليل ومن دون عبارة مفتاحية، فكان المطلوب {threshold:.2f} كما في القرار المبكر (عدد الكلمات: {words}).",
        "said little",
        "قال القليل",
        "",
        "",
    ),
    Code.NO_WORDS: (
        "The caller was heard, but no words were understood.",
        "سُمع صوت المتصل ولم تُفهم كلمات.",
        "no words understood",
        "لم تُفهم كلمات",
        "We could not understand you, so a person answers.",
        "لم نتمكن من فهم كلامك، لذلك يجيبك موظف.",
    ),
    Code.NO_SPEECH: (
        "Nobody spoke within {seconds:g} seconds.",
        "لم يتكلم أحد خلال {seconds:g} ث.",
        "silent",
        "صامت",
        "We heard nothing, so a person answers.",
        "لم نسمع شيئًا، لذلك يجيبك موظف.",
    ),
    Code.ASKED: (
        "The caller was asked once what the call is about.",
        "سُئل المتصل مرة واحدة عن سبب الاتصال.",
        "",
        "",
        "",
        "",
    ),
    Code.ANGRY: (
        "The caller sounds angry: probability {anger:.3f}, where {prior:.3f} of all callers are; "
        "from {angry_at:.3f} counts as angry.",
        "يبدو المتصل غاضبًا: الاحتمال {anger:.3f}، ونسبة الغاضبين بين جميع المتصلين {prior:.3f}؛ "
        "ويُعدّ غاضبًا ابتداءً من {angry_at:.3f}.",
        "sounds angry",
        "يبدو غاضبًا",
        "",
        "",
    ),
    Code.TONE_OFF_BY_CALLER: (
        "The caller objected to the analysis of tone by key; what had been gathered was deleted.",
        "اعترض المتصل على تحليل نبرة الصوت بالمفتاح، فحُذف ما جُمع.",
        "",
        "",
        "You switched off the analysis of your tone of voice.",
        "أوقفتَ تحليل نبرة صوتك.",
    ),
    Code.TONE_OFF_BY_SITE: (
        "The analysis of tone is switched off for this site.",
        "تحليل نبرة الصوت موقوف في هذا الموقع.",
        "",
        "",
        "",
        "",
    ),
    Code.TONE_UNHEARD: (
        "No usable estimate of tone was heard.",
        "لم يُسمع تقدير صالح لنبرة الصوت.",
        "",
        "",
        "",
        "",
    ),
    Code.NO_NOTICE: (
        "There is no notice in the caller's language, so tone was not analysed.",
        "لا يوجد إشعار بلغة المتصل، لذلك لم تُحلَّل نبرة الصوت.",
        "",
        "",
        "",
        "",
    ),
    Code.PARTIAL: (
        "The recogniser's latest partial text was used ({missing}).",
        "استُخدم آخر نص جزئي من المتعرّف ({missing}).",
        "",
        "",
        "",
        "",
    ),
    Code.NO_RECOGNISER: (
        "No speech recogniser was available for this call.",
        "لم يتوفر متعرّف على الكلام لهذه المكالمة.",
        "not recognised",
        "دون تعرّف على الكلام",
        "",
        "",
    ),
    Code.RECOGNISER_LOST: (
        "The speech recogniser was lost during the call ({reason}).",
        "فُقد متعرّف الكلام أثناء المكالمة ({reason}).",
        "recogniser lost",
        "فُقد متعرّف الكلام",
        "",
        "",
    ),
    Code.PHRASES_ONLY: (
        "For a time only key phrases were listened for ({reason}).",
        "اقتصر الاستماع لبعض الوقت على العبارات الرئيسية ({reason}).",
        "key phrases only",
        "عبارات رئيسية فقط",
        "",
        "",
    ),
    Code.LISTEN_DEADLINE: (
        "The time for listening ({seconds:g} s) ran out.",
        "انتهى وقت الاستماع ({seconds:g} ث).",
        "",
        "",
        "",
        "",
    ),
    Code.TOTAL_DEADLINE: (
        "The time for the whole call before the queue ({seconds:g} s) nearly ran out.",
        "كاد الوقت المخصص للمكالمة قبل الطابور ({seconds:g} ث) أن ينتهي.",
        "",
        "",
        "",
        "",
    ),
    Code.DEFAULT: (
        "The default destination {destination} takes the call.",
        "تأخذ الوجهة الافتراضية {destination} المكالمة.",
        "",
        "",
        "You were connected to {destination}.",
        "حُوّلت إلى {destination}.",
    ),
    Code.SHADOW: (
        "Shadow mode: the call would have gone to {destination}; the default took it.",
        "وضع الظل: كانت المكالمة ستذهب إلى {destination}، وأخذتها الوجهة الافتراضية.",
        "",
        "",
        "",
        "",
    ),
    Code.SHADOW_RULE: (
        "Rule '{rule}', which is only tried out, would have acted.",
        "كانت القاعدة التجريبية «{rule}» ستُطبَّق.",
        "",
        "",
        "",
        "",
    ),
}

_LABELLED = ("destination", "default")

_WHY_PARTIAL = {
    "still_speaking": ("the caller was still speaking", "كان المتصل لا يزال يتكلم"),
    "final_late": ("the final text did not come in time", "لم يصل النص النهائي في الوقت المناسب"),
    "recogniser_lost": ("the recogniser was lost", "فُقد متعرّف الكلام"),
}


class Speaker:
    """Writes reasons with the labels of one configuration.

    Parameters
    ----------
    destinations : of the configuration, by name.
    """

    def __init__(self, destinations: Mapping[str, Destination]) -> None:
        self._destinations = destinations

    def reason(self, code: Code, **parameters: Parameter) -> Reason:
        """Return the reason, with its sentences."""
        return Reason(
            code,
            self._say(code, parameters, 0, "en"),
            self._say(code, parameters, 1, "ar"),
            MappingProxyType(parameters),
        )

    def agent_line(self, reasons: Sequence[Reason], language: str = "en") -> str:
        """Return what the agent reads on the phone: short, at most AGENT_LIMIT characters."""
        column = 3 if language == "ar" else 2
        separator = "، " if language == "ar" else ", "
        line = ""
        for reason in reasons:
            part = self._say(reason.code, reason.parameters, column, language)
            longer = f"{line}{separator}{part}" if line else part
            if part and len(longer) <= AGENT_LIMIT:
                line = longer
        return line

    def caller_sentences(self, reasons: Sequence[Reason], language: str = "en") -> tuple[str, ...]:
        """Return what a caller who asks why may be told."""
        column = 5 if language == "ar" else 4
        said = (self._say(reason.code, reason.parameters, column, language) for reason in reasons)
        return tuple(dict.fromkeys(sentence for sentence in said if sentence))

    def _say(self, code: Code, parameters: Mapping[str, Parameter], column: int, language: str) -> str:
        shown: dict[str, Parameter] = dict(parameters)
        for name in _LABELLED:
            if name in shown:
                shown[name] = self._label(str(shown[name]), language)
        if "missing" in shown:
            shown["missing"] = _WHY_PARTIAL[str(shown["missing"])][language == "ar"]
        return _TEXTS[code][column].format(**shown)

    def _label(self, name: str, language: str) -> str:
        destination = self._destinations.get(name)
        return destination.label.get(language, name) if destination is not None else name
