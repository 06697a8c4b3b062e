"""What a report on another configuration says, in English and Arabic."""

from __future__ import annotations

import re
from collections.abc import Mapping

from config.schema import Config
from router.reasons import Code
from router.whatif import NOWHERE, Cause

LANGUAGES = ("en", "ar")

_TEXTS: Mapping[str, tuple[str, str]] = {
    "title": ("What would have happened under another configuration", "ما الذي كان سيحدث في ظل إعدادات أخرى"),
    "calls": ("calls", "المكالمات"),
    "same": ("the same", "دون تغيير"),
    "changed": ("changed", "تغيّرت"),
    "unknown": ("unknown", "غير معروف"),
    "known": ("known under both", "معروفة في الحالتين"),
    "configuration": ("the other configuration", "الإعدادات الأخرى"),
    "compared_with": ("compared with", "مقارنةً بالإعدادات"),
    "records": ("records", "السجلات"),
    "recordings": ("recordings", "التسجيلات"),
    "files": ("files", "الملفات"),
    "from": ("from", "من"),
    "to": ("to", "إلى"),
    "now": ("now because of", "السبب الآن"),
    "was": ("before because of", "السبب سابقًا"),
    "why": ("why", "السبب"),
    "changes": ("what changes", "ما يتغيّر"),
    "examples": ("for example", "أمثلة"),
    "share": ("share", "النسبة"),
    "before": ("before", "قبل"),
    "after": ("after", "بعد"),
    "destination": ("destination", "الوجهة"),
    "priority": ("priority", "الأولوية"),
    "agents": ("skills or agent", "المهارات أو الموظف"),
    "time": ("time", "الوقت"),
    "destinations": ("Where the calls go", "وجهات المكالمات"),
    "paths": ("From one destination to another", "من وجهة إلى أخرى"),
    "groups": ("What did it", "ما الذي أحدث التغيير"),
    "times": ("When it is decided", "وقت اتخاذ القرار"),
    "later": ("later", "متأخرة عمّا كانت"),
    "earlier": ("earlier", "أبكر مما كانت"),
    "seconds_later": ("seconds later (right) or earlier (left)", "عدد الثواني: أبكر أو أكثر تأخرًا"),
    "half": ("half of them by at most", "نصفها بما لا يزيد على"),
    "nine_tenths": ("nine in ten by at most", "تسعة أعشارها بما لا يزيد على"),
    "angry": ("Callers who sound angry", "المتصلون الذين يبدون غاضبين"),
    "angry_none": ("No caller sounds angry in either.", "لا متصل يبدو غاضبًا في أي من الحالتين."),
    "angry_was": ("alarmed before", "إنذار سابقًا"),
    "angry_now": ("alarmed now", "إنذار الآن"),
    "unknowns": ("What cannot be known", "ما لا يمكن معرفته"),
    "unknown_note": (
        "A record ends with its decision, and holds what the caller said to what was asked then. What cannot be "
        "known from it is counted here, and in nothing else.",
        "ينتهي السجل عند القرار، وفيه ما قاله المتصل ردًا على ما سُئل حينها. وما لا يُعرف منه يُعدّ هنا فقط، ولا يدخل في "
        "أي رقم آخر.",
    ),
    "shadow_note": (
        "calls were taken in shadow mode: where they were meant to go is compared.",
        "مكالمات أُجريت في وضع الظل: تُقارن الوجهة التي كانت مقصودة.",
    ),
    "version_note": (
        "calls were decided by another version of Nabra: what changes may be its doing, and not the configuration's.",
        "مكالمات قرّرها إصدار آخر من نبرة: قد يكون ما يتغيّر بسببه لا بسبب الإعدادات.",
    ),
    "broken": ("lines that cannot be read", "أسطر تتعذر قراءتها"),
    "raised": ("forward in the queue", "تقدّم في الطابور"),
    "lowered": ("back in the queue", "تأخّر في الطابور"),
    "early": ("decided before the caller had finished", "قُرّرت قبل انتهاء كلام المتصل"),
    "no_change": ("Nothing changes.", "لا شيء يتغيّر."),
    "nowhere": ("hung up first", "أنهى المكالمة أولًا"),
    "seconds": ("s", "ث"),
    "minutes": ("min", "د"),
    "period": ("calls from", "المكالمات من"),
    "until": ("to", "إلى"),
    "diagonal": ("the same destination", "الوجهة نفسها"),
    "more_groups": ("smaller groups are in the CSV", "المجموعات الأصغر في ملف CSV"),
}

_CAUSES: Mapping[str, tuple[str, str]] = {
    "key": ("key {name}", "المفتاح {name}"),
    "rule_route": ("rule '{name}'", "القاعدة «{name}»"),
    "never": ("rule '{name}', which forbids", "القاعدة المانعة «{name}»"),
    "phrases_only": ("key phrases alone", "العبارات المفتاحية وحدها"),
    "hard_word": ("hard word '{name}'", "العبارة الحاسمة «{name}»"),
    "words": ("the words ({name})", "الكلمات ({name})"),
    "not_sure": ("words not sure enough", "الكلمات غير كافية"),
    "few_words": ("too little was said", "قيل القليل"),
    "no_words": ("no words understood", "لم تُفهم كلمات"),
    "no_speech": ("nobody spoke", "لم يتكلم أحد"),
    "no_recogniser": ("no recogniser", "لا متعرّف على الكلام"),
    "default": ("the default", "الوجهة الافتراضية"),
    "rule_raise": ("raised by {name}", "رفعتها {name}"),
    "not_raised": ("no rule raises it", "لا قاعدة ترفعها"),
    "require": ("skill required by {name}", "مهارة تشترطها {name}"),
    "prefer": ("skill preferred by {name}", "مهارة تفضّلها {name}"),
    "prefer_agent": ("last agent preferred by {name}", "الموظف السابق تفضّله {name}"),
    "not_directed": ("no rule asks for skill or agent", "لا قاعدة تطلب مهارة أو موظفًا"),
    "hung_up": ("the caller hung up first", "أنهى المتصل المكالمة أولًا"),
    "at_words": ("sure before the caller had finished", "تأكدنا قبل انتهاء الكلام"),
    "at_end_of_speech": ("the caller had finished", "أنهى المتصل كلامه"),
    "at_key": ("a key was pressed", "ضُغط مفتاح"),
    "at_no_speech": ("nobody spoke in time", "لم يتكلم أحد في الوقت"),
    "at_listen_deadline": ("time for listening was over", "انتهى وقت الاستماع"),
    "at_total_deadline": ("time for the call was over", "انتهى وقت المكالمة"),
}

_UNKNOWN: Mapping[str, tuple[str, str]] = {
    "listened_longer": (
        "it would have listened longer than was recorded",
        "كانت ستستمع مدة أطول مما سُجّل",
    ),
    "forced": (
        "it would have told the recogniser sooner to finish",
        "كانت ستطلب من المتعرّف إنهاء النص قبل ذلك",
    ),
    "asked": ("it would have asked the caller a question", "كانت ستطرح على المتصل سؤالًا"),
    "not_asked": ("it would not have asked what was asked then", "ما كانت لتطرح السؤال الذي طُرح"),
    "ended_sooner": (
        "a pause would have been the end of what was said",
        "كان سكوت قصير سيُعدّ نهاية الكلام",
    ),
    "too_close": (
        "something was heard at the very moment time is up",
        "سُمع شيء في لحظة انتهاء الوقت نفسها",
    ),
    "timers_late": (
        "the machine ran late then: what came before time was up is not known",
        "كان الجهاز متأخرًا حينها، فلا يُعرف ما الذي سبق انتهاء الوقت",
    ),
    "notice": (
        "the notice would not be the one that was played",
        "ما كان الإشعار ليكون ما شُغّل حينها",
    ),
    "language": ("it would have spoken to the caller in another language", "كانت ستخاطب المتصل بلغة أخرى"),
    "key_not_kept": ("a key was pressed that meant nothing then", "ضُغط مفتاح لم يكن له معنى حينها"),
    "agent_not_kept": (
        "its rules ask who served the caller last, which was not kept",
        "قواعدها تسأل عمن خدم المتصل آخر مرة ولم يُحفظ ذلك",
    ),
    "words_not_kept": ("the words were not kept", "لم تُحفظ الكلمات"),
    "not_recognised": ("no recogniser heard the call then", "لم يسمع المكالمة متعرّف حينها"),
    "tone_not_heard": ("its rules need tone, which is not recorded", "قواعدها تحتاج إلى نبرة الصوت ولم تُسجّل"),
    "sentence_not_read": (
        "it reads whole sentences, which nothing here can do",
        "تقرأ الجملة كاملةً، ولا شيء هنا يقدر على ذلك",
    ),
    "number_masked": ("its rules need the whole number", "قواعدها تحتاج إلى الرقم كاملًا"),
    "engine_died": ("the engine died during this call", "توقّف المحرّك فجأة أثناء هذه المكالمة"),
    "missing": ("the call is in one of the two only", "المكالمة في إحداهما فقط"),
}


_FIGURE = re.compile(r"[+-]?\d+(?:[.,]\d+)*(?: ?%)?")


class Words:
    """Says things in one language.

    Parameters
    ----------
    language : "en" or "ar".
    config : whose labels name the destinations and intents, or None.
    isolates : marks names and figures that run against the direction of the sentence; pages and terminals read the
        marks, other programs stumble over them.
    """

    def __init__(self, language: str, config: Config | None = None, *, isolates: bool = False) -> None:
        self.language = language
        self._isolates = isolates and language == "ar"
        self._column = LANGUAGES.index(language)
        self._labels = {} if config is None else {d.name: d.label for d in config.destinations.values()}
        self._intents = {} if config is None else config.intents.labels()

    @property
    def right_to_left(self) -> bool:
        """Whether it is written from right to left."""
        return self.language == "ar"

    @property
    def comma(self) -> str:
        """What stands between parts of a sentence."""
        return "، " if self.right_to_left else ", "

    @property
    def semicolon(self) -> str:
        """What stands between sentences in a line."""
        return "؛ " if self.right_to_left else "; "

    def percent(self, share: float) -> str:
        """Return a share, 0..1, with one digit after the point."""
        return f"{100 * share:.1f}{'%' if self.right_to_left else ' %'}"

    def isolated(self, text: str) -> str:
        """Return a text whose figures, with their signs, stand as written between letters from right to left."""
        return _FIGURE.sub("\u2066\\g<0>\u2069", text) if self._isolates else text

    def named(self, name: str) -> str:
        """Return a name that may be in any language."""
        return f"\u2068{name}\u2069" if self._isolates and name else name

    def __getitem__(self, key: str) -> str:
        return _TEXTS[key][self._column]

    def cause(self, cause: Cause) -> str:
        """Return what made a decision, as a few words."""
        if cause.code not in _CAUSES:
            return f"{cause.code.replace('_', ' ')} {cause.name}".strip()
        # A name is in the operator's language, whichever the sentence around it is in.
        name = self.intent(cause.name) if cause.code == Code.WORDS else self.named(cause.name)
        return _CAUSES[cause.code][self._column].format(name=name)

    def intent(self, name: str) -> str:
        """Return what callers with an intent want."""
        return self._intents.get(name, {}).get(self.language) or self.named(name)

    def unknown(self, reason: str) -> str:
        """Return why a call is unknown."""
        return _UNKNOWN[reason][self._column] if reason in _UNKNOWN else reason

    def destination(self, name: str) -> str:
        """Return what a destination is called."""
        if name == NOWHERE:
            return self["nowhere"]
        return self._labels.get(name, {}).get(self.language, name)
