"""Two configurations over the same calls, said in plain words: how much, which way, how sure."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from nabra.comparison import Comparison, Happened
from nabra.whatif_words import Words
from router.shares import Difference, Of, Unit
from router.whatif import NOWHERE

FEW_CALLS = 100
"""Below so many calls it is said that they say little."""


def view(comparison: Comparison, language: str, seed: int) -> RenderableType:
    """Return the comparison in plain words, one sentence for each difference, and the queues below.

    Parameters
    ----------
    comparison : the two, and their calls.
    language : of the words.
    seed : of the intervals.
    """
    words = Words(language, comparison.config, isolates=sys.stdout.isatty())
    say = _SENTENCES[language]
    a, b = map(words.named, comparison.names)
    counts = say["calls"].format(calls=comparison.pairs.calls, unknown=comparison.pairs.unknown)
    parts: list[RenderableType] = [say["names"].format(a=a, b=b), Text(words.isolated(counts), style="bold")]
    if comparison.pairs.unknown:
        parts.append(say["left_out"])
    if comparison.pairs.calls < FEW_CALLS:
        parts.append(say["few"])
    found = comparison.differences(seed)
    same = [one for one in found if _is_none(one)]
    clear = [one for one in found if one.clear and one not in same]
    rest = [one for one in found if not one.clear and one not in same]
    parts += ["", Text(say["differs"], style="bold")]
    parts += [sentence(one, words) for one in clear] or [say["nothing"]]
    if rest:
        parts += ["", Text(say["not_clear"], style="bold"), *(sentence(one, words) for one in rest)]
    if same:
        alike = words.semicolon.join(f"{_what(one, words)} {_figure(one, one.a, words)}" for one in same)
        parts += ["", Text(say["same"], style="bold"), words.isolated(alike)]
    if comparison.happened:
        parts += ["", _queues(comparison.happened, words, say)]
    return Group(*parts)


def _queues(happened: Mapping[str, Happened], words: Words, say: Mapping[str, str]) -> Table:
    table = Table(title=say["queues"], title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column(words["destination"])
    table.add_column(words["calls"], justify="right")
    for name in ("joined", "half_waited", "most_waited", "abandoned", "transferred"):
        table.add_column(say[name], justify="right")
    for name, it in sorted(happened.items(), key=lambda item: -item[1].calls):
        joined = max(it.joined, it.answered + it.abandoned)
        table.add_row(
            words.destination(name), f"{it.calls:,}", f"{joined:,}",
            f"{it.waited.quantile(0.5):.0f} {words['seconds']}" if len(it.waited) else "-",
            f"{it.waited.quantile(0.9):.0f} {words['seconds']}" if len(it.waited) else "-",
            words.isolated(words.percent(it.abandoned / joined)) if joined else "-",
            words.isolated(words.percent(it.transferred / joined)) if joined else "-",
        )  # fmt: skip
    return table


def sentence(one: Difference, words: Words) -> str:
    """Return a difference in plain words: how much, which way, from what to what, and between what it lies."""
    say = _SENTENCES[words.language]
    more = one.less >= 0
    # First the end that is nearer to none, or on its other side.
    ends = (one.low, one.high) if more else (one.high, one.low)
    low, high = (_way(one, end, words) for end in ends)
    a, b = (_figure(one, value, words) for value in (one.a, one.b))
    if not _shown(one, one.less):
        return words.isolated(say["balanced"].format(what=_what(one, words), a=a, low=low, high=high))
    told = say[one.measure.of].format(
        size=_size(one, one.less, words),
        more=say["more" if more else "fewer"],
        longer=say["longer" if more else "shorter"],
        name=_name(one, words),
    )
    return words.isolated(say["range"].format(sentence=told, a=a, b=b, low=low, high=high))


def _is_none(one: Difference) -> bool:
    """Whether a difference and its interval are nothing, as far as they are shown."""
    return not any(_shown(one, value) for value in (one.less, one.low, one.high))


def _shown(one: Difference, value: float) -> float:
    """A value of a measure as it is shown: rounded, shares in points; never a negative zero."""
    share = one.measure.unit is Unit.SHARE
    return round(100.0 * value if share else value, 1 if share else 2) + 0.0


def _size(one: Difference, value: float, words: Words) -> str:
    return _SENTENCES[words.language][one.measure.unit].format(size=abs(_shown(one, value)))


def _way(one: Difference, value: float, words: Words) -> str:
    """A difference with its direction in words."""
    say, shown = _SENTENCES[words.language], _shown(one, value)
    if not shown:
        return say["no_difference"]
    ways = ("fewer", "more") if one.measure.unit is Unit.SHARE else ("shorter", "longer")
    return f"{_size(one, value, words)} {say[ways[shown > 0]]}"


def _figure(one: Difference, value: float, words: Words) -> str:
    """What a measure is under one of the two."""
    return words.percent(value) if one.measure.unit is Unit.SHARE else _size(one, value, words)


def _what(one: Difference, words: Words) -> str:
    return _NOUNS[words.language][one.measure.of].format(name=_name(one, words))


def _name(one: Difference, words: Words) -> str:
    destination = one.measure.destination
    return _SENTENCES[words.language]["hung_up"] if destination == NOWHERE else words.destination(destination)


_SENTENCES: Mapping[str, Mapping[str, str]] = {
    "en": {
        "names": "A: {a}\nB: {b}",
        "calls": "{calls:,} calls are known under A and under B; {unknown:,} are not, and left out.",
        "left_out": "What follows holds for the calls that are known: those where one would listen longer, or ask, are "
        "not among them.",
        "few": "So few calls say little: the intervals are wide.",
        "differs": "What B does differently",
        "nothing": "Nothing that these calls can show.",
        "not_clear": "What may be chance, or no difference",
        "queues": "What really happened in the queues, by where the calls went then (not under A, nor under B)",
        "joined": "joined",
        "half_waited": "half wait to",
        "most_waited": "9 of 10 to",
        "abandoned": "abandoned",
        "transferred": "transferred",
        Of.DESTINATION: "B sends {size} {more} calls to {name}",
        Of.PERSON: "B sends {size} {more} calls to a person",
        Of.SELF_SERVICE: "B sends {size} {more} calls to self-service",
        Of.ANGRY_TO: "Of callers who sound angry, B sends {size} {more} to {name}",
        Of.ANGRY: "B takes {size} {more} calls for angry",
        Of.EARLY: "B decides {size} {more} calls before the caller has finished",
        Of.LISTENED: "B listens {size} {longer}",
        Of.PRIORITY: "B counts callers as having waited {size} {longer}",
        "more": "more",
        "fewer": "fewer",
        "longer": "longer",
        "shorter": "less",
        Unit.SHARE: "{size:.1f} points",
        Unit.SECONDS: "{size:.2f} s",
        Unit.MINUTES: "{size:.2f} min",
        "range": "{sentence}: {b} instead of {a} (95 %: {low} to {high})",
        "balanced": "{what}: {a} on average under both (95 %: {low} to {high})",
        "no_difference": "no difference",
        "same": "What is the same under both",
        "hung_up": "callers who hung up first",
    },
    "ar": {
        "names": "أ: {a}\nب: {b}",
        "calls": "المكالمات المعروفة في أ وفي ب: {calls:,}؛ وغير المعروفة متروكة: {unknown:,}.",
        "left_out": "ما يلي يخص المكالمات المعروفة: وليس منها ما كانت إحداهما ستستمع فيه مدة أطول أو تسأل.",
        "few": "هذا العدد القليل من المكالمات لا يقول الكثير: المجالات واسعة.",
        "differs": "ما تفعله ب على نحو مختلف",
        "nothing": "لا شيء يمكن لهذه المكالمات أن تُظهره.",
        "not_clear": "ما قد يكون مصادفة أو لا فرق فيه",
        "queues": "ما حدث فعلًا في الطوابير بحسب وجهة المكالمات حينها (لا في أ ولا في ب)",
        "joined": "دخلت",
        "half_waited": "نصفها حتى",
        "most_waited": "9 من 10 حتى",
        "abandoned": "انسحبت",
        "transferred": "حُوّلت",
        Of.DESTINATION: "ترسل ب إلى {name} مكالمات {more} بمقدار {size}",
        Of.PERSON: "ترسل ب إلى موظف مكالمات {more} بمقدار {size}",
        Of.SELF_SERVICE: "ترسل ب إلى الخدمة الذاتية مكالمات {more} بمقدار {size}",
        Of.ANGRY_TO: "من المتصلين الذين يبدون غاضبين ترسل ب إلى {name} عددًا {more} بمقدار {size}",
        Of.ANGRY: "تعدّ ب من الغاضبين مكالمات {more} بمقدار {size}",
        Of.EARLY: "تقرر ب قبل انتهاء كلام المتصل مكالمات {more} بمقدار {size}",
        Of.LISTENED: "تستمع ب مدة {longer} بمقدار {size}",
        Of.PRIORITY: "تحسب ب للمتصلين انتظارًا {longer} بمقدار {size}",
        "more": "أكثر",
        "fewer": "أقل",
        "longer": "أطول",
        "shorter": "أقصر",
        Unit.SHARE: "{size:.1f} نقطة مئوية",
        Unit.SECONDS: "{size:.2f} ث",
        Unit.MINUTES: "{size:.2f} د",
        "range": "{sentence}: {b} بدلًا من {a} (95%: من {low} إلى {high})",
        "balanced": "{what}: {a} في المتوسط في الحالتين (95%: من {low} إلى {high})",
        "no_difference": "لا فرق",
        "same": "ما هو نفسه في الحالتين",
        "hung_up": "من أنهوا المكالمة أولًا",
    },
}


_NOUNS: Mapping[str, Mapping[Of, str]] = {
    "en": {
        Of.DESTINATION: "calls to {name}",
        Of.PERSON: "calls to a person",
        Of.SELF_SERVICE: "calls to self-service",
        Of.ANGRY_TO: "callers who sound angry to {name}",
        Of.ANGRY: "calls taken for angry",
        Of.EARLY: "calls decided before the caller has finished",
        Of.LISTENED: "listening",
        Of.PRIORITY: "waiting that callers are credited with",
    },
    "ar": {
        Of.DESTINATION: "المكالمات إلى {name}",
        Of.PERSON: "المكالمات إلى موظف",
        Of.SELF_SERVICE: "المكالمات إلى الخدمة الذاتية",
        Of.ANGRY_TO: "من يبدون غاضبين إلى {name}",
        Of.ANGRY: "المكالمات المعدودة غاضبة",
        Of.EARLY: "المكالمات المقرَّرة قبل انتهاء كلام المتصل",
        Of.LISTENED: "مدة الاستماع",
        Of.PRIORITY: "الانتظار المحسوب للمتصلين",
    },
}
