"""Why a call went where it went, as codes with parameters, and as sentences in English and Arabic.

Each code has a sentence for the auditor. Where the agent or the caller should read it, it has a short form
for them too. Parameters named `destination` and `default` are names of destinations, `intent` is one
of an intent; the sentences show their labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from config.schema import TOLD_IN, Destination, Skill

AGENT_LIMIT = 128
"""Longest line that is sent to the PBX for the agent, in characters."""

SPOKEN = TOLD_IN

Parameter = str | int | float


class Code(StrEnum):
    """Every reason there is."""

    WORDS = "words"
    HARD_WORD = "hard_word"
    KEY = "key"
    RULE_ROUTE = "rule_route"
    RULE_RAISE = "rule_raise"
    NEVER = "never"
    REQUIRE = "require"
    PREFER = "prefer"
    PREFER_AGENT = "prefer_agent"
    NO_LAST_AGENT = "no_last_agent"
    NOT_SURE = "not_sure"
    FEW_WORDS = "few_words"
    EARLY = "early"
    EARLY_IN_PAUSE = "early_in_pause"
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
    SENTENCE = "sentence"
    WORDS_ALONE = "words_alone"
    ENCODER_LOST = "encoder_lost"
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
        "{wish} ({percent}%)",
        "{wish} ({percent}٪)",
        "From what we understood of your words, we connected you to {destination}.",
        "بناءً على ما فهمناه من كلامك حوّلناك إلى {destination}.",
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
    Code.NEVER: (
        "Rule '{rule}' keeps this call from {destination}.",
        "القاعدة «{rule}» تمنع تحويل هذه المكالمة إلى {destination}.",
        "not {destination}",
        "ليس إلى {destination}",
        "{destination} could not take your call.",
        "تعذّر تحويلك إلى {destination}.",
    ),
    Code.REQUIRE: (
        "Whoever answers must have these skills (rules: {rules}): {skills}.",
        "يجب أن تتوفر لدى من يجيب هذه المهارات (القواعد: {rules}): {skills}.",
        "needs {skills}",
        "يلزم: {skills}",
        "You were given to people who can help with this: {skills}.",
        "حُوّلت إلى من يستطيع مساعدتك في هذا الأمر: {skills}.",
    ),
    Code.PREFER: (
        "Whoever has these skills had better answer (rules: {rules}): {skills}.",
        "يُفضَّل أن يجيب من لديه هذه المهارات (القواعد: {rules}): {skills}.",
        "better with {skills}",
        "يُفضَّل: {skills}",
        "",
        "",
    ),
    Code.PREFER_AGENT: (
        "Rule '{rule}' offers this call first to {agent}, who served this caller last; after {seconds} s to everyone.",
        "القاعدة «{rule}» تعرض هذه المكالمة أولًا على {agent} وهو آخر من خدم هذا المتصل، ثم على الجميع بعد {seconds} ث.",
        "last served by {agent}",
        "آخر من خدمه {agent}",
        "We first tried to reach the person who helped you last time.",
        "حاولنا أولًا الوصول إلى من ساعدك في المرة السابقة.",
    ),
    Code.NO_LAST_AGENT: (
        "Rule '{rule}' prefers the agent who served this caller last, but nobody is known to have.",
        "القاعدة «{rule}» تفضّل آخر من خدم هذا المتصل، ولكنه غير معروف.",
        "",
        "",
        "",
        "",
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
    Code.EARLY: (
        "The caller was still speaking: after so many words {threshold:.2f} was needed, where {percent:g} in 100 of "
        "all early decisions are to be expected to go wrong.",
        "كان المتصل ما زال يتكلم: بعد هذا العدد من الكلمات كان المطلوب {threshold:.2f}، ويُتوقَّع معه أن يخطئ نحو "
        "{percent:g} من كل 100 من القرارات المبكرة جميعها.",
        "",
        "",
        "",
        "",
    ),
    Code.EARLY_IN_PAUSE: (
        "The caller was silent, and might have gone on: after so many words {threshold:.2f} was needed, where "
        "{percent:g} in 100 of all early decisions are to be expected to go wrong.",
        "كان المتصل صامتًا وربما كان سيكمل كلامه: بعد هذا العدد من الكلمات كان المطلوب {threshold:.2f}، ويُتوقَّع معه أن "
        "يخطئ نحو {percent:g} من كل 100 من القرارات المبكرة جميعها.",
        "",
        "",
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
        "Nobody spoke within {seconds:g} seconds of the last prompt.",
        "لم يتكلم أحد خلال {seconds:g} ث بعد آخر رسالة مسموعة.",
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
    Code.SENTENCE: (
        "The sentence as a whole was read too; its words alone point to {destination} with probability "
        "{probability:.2f}.",
        "قُرئت الجملة كاملةً أيضًا؛ وكلماتها وحدها تشير إلى {destination} باحتمال {probability:.2f}.",
        "",
        "",
        "",
        "",
    ),
    Code.WORDS_ALONE: (
        "Words alone were read: what the sentence as a whole means was not known in time ({milliseconds} ms).",
        "قُرئت الكلمات وحدها: لم يُعرف معنى الجملة كاملةً في الوقت المناسب ({milliseconds} م.ث).",
        "",
        "",
        "",
        "",
    ),
    Code.ENCODER_LOST: (
        "The sentence encoder was lost, and words alone were read ({reason}).",
        "فُقد مُرمِّز الجمل فقُرئت الكلمات وحدها ({reason}).",
        "",
        "",
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
        "حُوّلت المكالمة إلى الوجهة الافتراضية: {destination}.",
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
        "Automatic routing is only being tried out; it did not change where you were connected.",
        "التوجيه التلقائي قيد التجربة فقط، ولم يغيّر وجهة مكالمتك.",
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
_WHERE = frozenset({Code.KEY, Code.RULE_ROUTE, Code.HARD_WORD, Code.WORDS, Code.DEFAULT})
"""Each tells a caller where the call went; the first of them is the one that is true."""
_UNDONE_IN_SHADOW = _WHERE | {
    Code.NEVER, Code.RULE_RAISE, Code.REQUIRE, Code.PREFER_AGENT, Code.NOT_SURE, Code.NO_WORDS, Code.NO_SPEECH
}  # fmt: skip

_WISH = {"en": ("wants", "about"), "ar": ("يطلب", "بشأن")}
"""What stands before an intent's name, and before its label, in the line for the agent."""

_WHY_PARTIAL = {
    "still_speaking": ("the caller was still speaking", "كان المتصل لا يزال يتكلم"),
    "only_paused": ("the caller was silent, and might have gone on", "كان المتصل صامتًا وربما كان سيكمل كلامه"),
    "final_late": ("the final text did not come in time", "لم يصل النص النهائي في الوقت المناسب"),
    "recogniser_lost": ("the recogniser was lost", "فُقد متعرّف الكلام"),
}


class Speaker:
    """Writes reasons with the labels of one configuration.

    Parameters
    ----------
    destinations, skills : of the configuration, by name.
    intents : the labels of each of its intents, by their language.

    Whatever has no label in the reader's language is called by its name.
    """

    def __init__(
        self,
        destinations: Mapping[str, Destination],
        skills: Mapping[str, Skill] = MappingProxyType({}),
        intents: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
    ) -> None:
        self._destinations = destinations
        self._skills = skills
        self._intents = intents

    def reason(self, code: Code, **parameters: Parameter) -> Reason:
        """Return the reason, with its sentences."""
        return Reason(
            code,
            self._say(code, parameters, 0, "en"),
            self._say(code, parameters, 1, "ar"),
            MappingProxyType(parameters),
        )

    def intent(self, name: str, language: str = "en") -> str:
        """Return what an intent is called in a language: its label there, or else its name."""
        return self._intents.get(name, {}).get(language, name)

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
        codes = [reason.code for reason in reasons]
        where = next((code for code in codes if code in _WHERE), None)
        untrue = _UNDONE_IN_SHADOW if Code.SHADOW in codes else _WHERE - {where}
        told = [reason for reason in reasons if reason.code not in untrue]
        if Code.SHADOW not in codes:
            first = next((reason for reason in told if reason.code is where), None)
            told = [reason for reason in told if reason.code is not where or reason is first]
        said = (self._say(reason.code, reason.parameters, column, language) for reason in told)
        return tuple(dict.fromkeys(sentence for sentence in said if sentence))

    def _say(self, code: Code, parameters: Mapping[str, Parameter], column: int, language: str) -> str:
        shown: dict[str, Parameter] = dict(parameters)
        for name in _LABELLED:
            if name in shown:
                shown[name] = self._label(str(shown[name]), language)
        if "intent" in shown:
            name = str(shown["intent"])
            labelled = language in self._intents.get(name, {})
            shown["intent"] = self.intent(name, language)
            shown["wish"] = f"{_WISH[language][labelled]} {shown['intent']}"
        if "skills" in shown:
            names = str(shown["skills"]).split(", ")
            shown["skills"] = ("، " if language == "ar" else ", ").join(self._skill(name, language) for name in names)
        if "missing" in shown:
            shown["missing"] = _WHY_PARTIAL[str(shown["missing"])][language == "ar"]
        return _TEXTS[code][column].format(**shown)

    def _label(self, name: str, language: str) -> str:
        destination = self._destinations.get(name)
        return destination.label.get(language, name) if destination is not None else name

    def _skill(self, name: str, language: str) -> str:
        skill = self._skills.get(name)
        return skill.label.get(language, name) if skill is not None else name
