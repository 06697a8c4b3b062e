"""What is wrong with an operator's examples: which intents are confused, which examples hurt, where examples lack.

Every example is judged by a model that has not learnt it (`IntentModel.held_out`), so what goes astray here would go
astray on a call, but for key phrases and hard words. Only what an operator can mend is said, and where it stands. A
mistake that leaves a call where it belongs is mild: it is told in the whole report, and warned of nowhere else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from config.schema import Config, Intent
from router.generation import BACKGROUND
from router.intent.alike import alike
from router.intent.findings import Example, IntentFigures, Kind, LanguageReport, Remark, Report, Share
from router.intent.model import HeldOut
from router.intent.normalise import normalise

AGENT = "agent"
"""The intent of a caller who wants a person, whatever for."""

FEW_EXAMPLES = 10
ASTRAY_MARGIN = 0.75
"""By how much another destination must be likelier than an example's own before the example is said to hurt."""

CONFUSED_LEAST, CONFUSED_SHARE = 3, 0.1
"""Two intents are confused where so many examples of one, and such a share of them, would be sent for the other."""

LOW_SHARE = 0.4
"""An intent of which a smaller share of the examples would be sent to its destination is badly described."""


def examine(config: Config, held_out: Mapping[str, Sequence[HeldOut]]) -> Report:
    """What is to be said of the examples of a configuration.

    Parameters
    ----------
    config : checked; its languages are those reported on.
    held_out : by language, how examples are judged by a model that has not learnt them. What is no example of the
        configuration is left out; a language without any is looked at without figures.
    """
    names = {intent.name for intent in config.intents.intents}
    reports = []
    for language in config.languages:
        intents = [intent for intent in config.intents.intents if intent.language == language]
        examiner = _Examiner(language, intents, names, config.decision.threshold)
        reports.append(examiner.report(held_out.get(language, ())))
    return Report(tuple(reports))


@dataclass(frozen=True, slots=True)
class _Judged:
    """An example, as a model judges it that has not learnt it.

    Attributes
    ----------
    taken_for : the intent for which a caller would be sent, "" where it is unclear and the caller would be asked.
    there, home : how likely that intent's destination is, and the example's own.
    """

    example: Example
    taken_for: str
    there: float
    home: float


class _Examiner:
    """Looks at the intents of one language; `known` are the names of every language's."""

    def __init__(self, language: str, intents: Sequence[Intent], known: set[str], threshold: float) -> None:
        self.language = language
        self.intents = intents
        self.known = known
        self.threshold = threshold
        self.leads_to = {intent.name: intent.destination for intent in intents}
        self.examples = [
            (normalise(text), Example(text, intent.name, f"{self._place(intent.name)}.examples[{i}]"))
            for intent in intents
            for i, text in enumerate(intent.examples)
        ]
        self.first: dict[tuple[str, str], Example] = {}
        for text, example in self.examples:
            if text:
                self.first.setdefault((example.intent, text), example)
        self.counts = Counter(name for name, _ in self.first)

    def report(self, held_out: Sequence[HeldOut]) -> LanguageReport:
        judged = list(self._judged(held_out))
        figures = tuple(self._figures(intent, judged) for intent in self.intents)
        doubles = [*self._twice(), *self._alike()]
        doubled = {example.place for remark in doubles for example in remark.examples}
        found = [
            *self._lacking(),
            *doubles,
            *self._hard_words(),
            *self._astray([one for one in judged if one.example.place not in doubled]),
            *self._confused(judged),
            *self._missed(figures),
        ]
        return LanguageReport(self.language, figures, tuple(found))

    def _place(self, intent: str) -> str:
        return f"intents.{self.language}.{intent}"

    def _judged(self, held_out: Sequence[HeldOut]) -> Iterator[_Judged]:
        """Each example with what it would be sent for: as on a call, the likeliest intent of the likeliest destination.

        What is unclear is what small talk should be: then it is taken for that.
        """
        for one in held_out:
            example = self.first.get((one.intent, normalise(one.text)))
            if example is None:
                continue
            to: dict[str, float] = {}
            leading: dict[str, str] = {}
            for name, share in sorted(one.by_intent.items(), key=lambda item: (-item[1], item[0])):
                if name in self.leads_to and name != BACKGROUND:
                    to[self.leads_to[name]] = to.get(self.leads_to[name], 0.0) + share
                    leading.setdefault(self.leads_to[name], name)
            taken_for = BACKGROUND if one.intent == BACKGROUND else ""
            best = min(to, key=lambda name: (-to[name], name), default="")
            if best and to[best] >= self.threshold:
                taken_for = leading[best]
            yield _Judged(example, taken_for, to.get(best, 0.0), to.get(self.leads_to[one.intent], 0.0))

    def _figures(self, intent: Intent, judged: Sequence[_Judged]) -> IntentFigures:
        taken = Counter(one.taken_for for one in judged if one.example.intent == intent.name)
        reached = sum(count for name, count in taken.items() if self.leads_to.get(name) == intent.destination)
        others = [item for item in taken.items() if item[0] not in ("", intent.name)]
        return IntentFigures(
            name=intent.name,
            destination=intent.destination,
            examples=self.counts[intent.name],
            reached=Share(reached, taken.total()),
            astray=Share(taken.total() - reached - taken[""], taken.total()),
            by_intent=Share(taken[intent.name], taken.total()),
            taken_for=tuple(sorted(others, key=lambda item: (-item[1], item[0]))),
        )

    # ----------------------------------------------------------------------------------------- remarks

    def _remark(self, kind: Kind, place: str, message: str, advice: str, **more: object) -> Remark:
        return Remark(kind, self.language, place, message, advice, **more)  # type: ignore[arg-type]

    def _lacking(self) -> Iterator[Remark]:
        here, place = {intent.name for intent in self.intents}, f"intents.{self.language}"
        if not here:
            message = f"there are no intents in '{self.language}'"
            yield self._remark(Kind.NO_INTENTS, "intents.files", message, "add a file of examples")
            return
        for name, why in ((BACKGROUND, "small talk looks like a wish"), (AGENT, "asking for a person is guessed at")):
            if name not in self.known:
                yield self._remark(Kind.NO_CLASS, place, f"there is no intent '{name}', so {why}", "add one")
        for name in sorted(self.known - here):
            message = f"'{name}' is known in other languages, but not in '{self.language}'"
            yield self._remark(Kind.ONE_LANGUAGE, place, message, "add examples of it", intents=(name,))
        for intent in self.intents:
            count = self.counts[intent.name]
            if count < FEW_EXAMPLES:
                have = "has no examples" if count == 0 else f"has {count} example{'s' if count > 1 else ''} only"
                yield self._remark(
                    Kind.FEW,
                    self._place(intent.name),
                    f"'{intent.name}' in '{self.language}' {have}",
                    f"write at least {FEW_EXAMPLES}, as callers say it",
                    intents=(intent.name,),
                )

    def _twice(self) -> Iterator[Remark]:
        homes: dict[str, Example] = {}
        for text, example in self.examples:
            home = homes.setdefault(text, example)
            if home is not example and text:
                yield self._remark(
                    Kind.TWICE,
                    example.place,
                    f"'{example.text}' stands under '{home.intent}' already",
                    "keep it in one place",
                    intents=(example.intent, home.intent),
                    examples=(example, home),
                    mild=home.intent == example.intent,
                )

    def _alike(self) -> Iterator[Remark]:
        once: dict[str, Example] = {}
        for text, example in self.examples:
            once.setdefault(text, example)
        written = list(once.values())
        for i, j in alike(list(once)):
            first, second = written[i], written[j]
            if first.intent != second.intent:
                yield self._remark(
                    Kind.ALIKE,
                    second.place,
                    f"'{second.text}' is nearly the same as '{first.text}', which stands under '{first.intent}'",
                    "keep one of them, or say more of what makes them differ",
                    intents=(second.intent, first.intent),
                    examples=(second, first),
                    mild=self.leads_to[first.intent] == self.leads_to[second.intent],
                )

    def _hard_words(self) -> Iterator[Remark]:
        """Hard words decide at once: one that is also said for something else sends callers astray."""
        for intent in self.intents:
            for i, phrase in enumerate(intent.hard_words):
                said = normalise(phrase)
                wrong: dict[str, Example] = {}
                for text, example in self.examples:
                    if said and example.intent != intent.name and f" {said} " in f" {text} ":
                        wrong.setdefault(example.intent, example)
                for example in wrong.values():
                    yield self._remark(
                        Kind.HARD_WORD,
                        f"{self._place(intent.name)}.hard_words[{i}]",
                        f"'{phrase}' also occurs in '{example.text}', an example of '{example.intent}'",
                        "choose a longer phrase, or make it a key phrase",
                        intents=(intent.name, example.intent),
                        examples=(example,),
                    )

    def _astray(self, judged: Sequence[_Judged]) -> Iterator[Remark]:
        """Examples that say another intent than the one they stand under, the clearest first.

        Those of small talk are left out: the best of them are near to wishes, and are there to be told from them.
        """
        wide = [one for one in judged if one.there - one.home >= ASTRAY_MARGIN and one.example.intent != BACKGROUND]
        for one in sorted(wide, key=lambda one: one.home - one.there):
            own, other = one.example.intent, one.taken_for
            yield self._remark(
                Kind.ASTRAY,
                one.example.place,
                f"'{one.example.text}' reads like '{other}' and would be sent to '{self.leads_to[other]}' "
                f"({one.there:.0%}), not to '{self.leads_to[own]}' ({one.home:.0%})",
                f"move it to '{other}', reword it, or write more like it under '{own}'",
                intents=(own, other),
                examples=(one.example,),
            )

    def _confused(self, judged: Sequence[_Judged]) -> Iterator[Remark]:
        """Intents of which many examples are taken for one and the same other, the most first."""
        totals = Counter(one.example.intent for one in judged)
        pairs: dict[tuple[str, str], list[Example]] = {}
        for one in judged:
            if one.taken_for not in ("", one.example.intent):
                pairs.setdefault((one.example.intent, one.taken_for), []).append(one.example)
        told: set[tuple[str, str]] = set()
        for (own, other), wrong in sorted(pairs.items(), key=lambda item: (-len(item[1]), item[0])):
            if len(wrong) < max(CONFUSED_LEAST, CONFUSED_SHARE * totals[own]) or (other, own) in told:
                continue
            told.add((own, other))
            back = len(pairs.get((other, own), ()))
            both = f" (the other way {back} of {totals[other]})" if back else ""
            mild = self.leads_to[own] == self.leads_to[other]
            leads = "which leads there as well" if mild else f"which leads to '{self.leads_to[other]}'"
            shown = ", ".join(f"'{example.text}'" for example in wrong[:2])
            yield self._remark(
                Kind.CONFUSED,
                self._place(own),
                f"{len(wrong)} of {totals[own]} examples of '{own}' are taken for '{other}'{both}, {leads}: {shown}",
                f"write more that only a caller with '{own}' would say, and reword what could be either",
                intents=(own, other),
                examples=tuple(wrong),
                mild=mild,
            )

    def _missed(self, figures: Sequence[IntentFigures]) -> Iterator[Remark]:
        for one in figures:
            if one.examples < FEW_EXAMPLES or not one.reached.of or one.reached.value >= LOW_SHARE:
                continue
            unclear = one.reached.of - one.reached.right - one.astray.right
            yield self._remark(
                Kind.MISSED,
                self._place(one.name),
                f"only {one.reached.right} of {one.reached.of} examples of '{one.name}' would be sent to "
                f"'{one.destination}'; {unclear} are unclear, {one.astray.right} would go elsewhere",
                "write more, in words that several callers use",
                intents=(one.name,),
            )
