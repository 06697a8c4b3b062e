"""Decide now, wait for more, or ask once.

A pure function of what is known at one moment. The order of its questions:

1. Are the words sure enough to name a destination? A hard word is. While the caller still speaks, what is enough
   depends on how many words were heard and how long ago the caller began to speak (`router.stopping`). At the end
   `threshold` is, but for FEW_WORDS or fewer without a key phrase, until the question was put.
2. If not, and the caller may still say more, wait.
3. If so, but too little of the voice was heard for an alarm yet, and tone could change the outcome under these
   rules, wait for it. Whether it could is decided on the rules themselves (`Rules.tone_could_matter`), not guessed.
4. Do the rules, or a lack of certainty, want the question put, and may it be? Ask.
5. Else decide: a key; else the first rule that routes; else the words, where they are sure; else the default. Never a
guess, and never where a rule forbids: then the next of these is taken.

What the voice sounds like is looked at in step 5 only. Its value therefore never changes when a call is
decided or what the caller is asked, and in step 5 it can only fire more rules (see `router.rules`): angrier
is never later in a queue and never nearer to self-service.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from config.schema import DestinationKind
from router.commands import Decision, Trigger
from router.hours import TIMELESS
from router.ladder import Footing, Rung, climb_down, rests_on_words, why_partial
from router.reasons import SPOKEN, Code, Reason
from router.rules import Circumstances, Outcome, deeds
from router.stopping import STRICT, WORDS_PER_S
from router.tone import UNHEARD, ToneNow

if TYPE_CHECKING:
    from router.generation import Generation


FEW_WORDS = 3
"""So few words are more often the beginning of something than a request: "i would like"."""


@dataclass(frozen=True, slots=True)
class HardHit:
    """A hard word that was heard: the phrase, and the intent and destination it stands for."""

    phrase: str
    intent: str
    destination: str


@dataclass(frozen=True, slots=True)
class Understanding:
    """What a text means.

    Attributes
    ----------
    by_intent, by_destination : probabilities, calibrated for this many words.
    words : how many words were heard.
    hard : the first hard word heard, or None.
    key_phrase : one of the operator's key phrases or hard words was heard.
    """

    by_intent: Mapping[str, float]
    by_destination: Mapping[str, float]
    words: int
    hard: HardHit | None = None
    key_phrase: bool = False

    def strongest(self) -> tuple[str, float]:
        """Return the likeliest destination and its probability; ("", 0.0) where nothing was heard."""
        if not self.by_destination:
            return "", 0.0
        name = min(self.by_destination, key=lambda key: (-self.by_destination[key], key))
        return name, self.by_destination[name]


NOTHING_HEARD = Understanding(MappingProxyType({}), MappingProxyType({}), 0)


class Facts(Protocol):
    """What the decider reads of the facts of a call."""

    @property
    def language(self) -> str: ...
    @property
    def dialled(self) -> str: ...
    @property
    def pbx(self) -> str: ...
    @property
    def caller_number(self) -> str: ...
    @property
    def last_agent(self) -> str: ...
    @property
    def wall_anchor(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Moment:
    """Everything known about a call at one moment.

    Attributes
    ----------
    facts : of the call, as the record keeps them.
    understood, text : of what was said so far; `hard` the hard word that may be acted on.
    ended : the caller has finished and no more text is expected.
    forced : time is up, decide; `trigger` names the deadline (or what else makes this the moment).
    may_ask : the question could be put now; `asked` that it was.
    spoke : the caller spoke at all.
    tone : how the caller sounds; `tone_awaited` that too little was heard for an alarm, but enough may still be.
    key_destination, key : what a pressed key decided, or None.
    footing : for the ladder.
    context : reasons that the session adds (deadline, objection, lost recogniser).
    speech_s : seconds since the caller began to speak, pauses included; infinite where that was not told.
    """

    facts: Facts
    understood: Understanding
    text: str
    hard: HardHit | None
    ended: bool
    forced: bool
    trigger: Trigger
    may_ask: bool
    asked: bool
    spoke: bool
    tone: ToneNow
    tone_awaited: bool
    footing: Footing
    audio_s: float
    now_s: float
    key: str | None = None
    key_destination: str | None = None
    context: tuple[Reason, ...] = ()
    speech_s: float = math.inf


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do yet; `for_tone` that the words would do but tone could still matter."""

    for_tone: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """Put the clarifying question."""


Verdict = Wait | Ask | Decision


def decide(moment: Moment, generation: Generation) -> Verdict:
    """Say what to do at this moment."""
    settings = generation.config.decision
    early = not (moment.ended or moment.forced)
    understood, language = moment.understood, moment.facts.language
    if (
        early
        and moment.key_destination is None
        and too_early(understood, moment.hard, generation, language, moment.speech_s)
    ):
        return Wait()

    destination, probability = understood.strongest()
    threshold, needed_words, words, too_few = settings.threshold, 1, understood.words, False
    if early:
        words, needed_words = said(understood.words, moment.speech_s), settings.min_words
        threshold = generation.early_threshold(language, words)
    elif _too_few(understood, moment.asked, generation, destination):
        threshold, too_few = strict(generation), True
    sure = destination in generation.config.destinations and probability >= threshold and words >= needed_words
    if moment.hard is not None:
        destination, sure = moment.hard.destination, True

    calm = _values(moment, generation, destination if sure else "", probability)
    without_tone = generation.rules.evaluate(calm)
    reading = _Reading(destination, probability, threshold, sure, too_few)
    if moment.key_destination is None and not moment.forced:
        settled = _choice(moment, generation, without_tone, reading).destination
        if not moment.ended and moment.tone_awaited and generation.rules.tone_could_matter(calm, without_tone, settled):
            return Wait(for_tone=True)
        unsettled = without_tone.ask or (not sure and without_tone.route is None)
        if unsettled and not moment.asked and settings.ask:
            if not moment.ended:
                return Wait()
            if moment.may_ask:
                return Ask()

    outcome = without_tone
    if moment.tone.heard:
        outcome = generation.rules.evaluate({**calm, **_of_tone(moment.tone)})
    return _choose(moment, generation, outcome, reading)


def said(words: int, speech_s: float) -> int:
    """How many of the words heard count while the caller still speaks: no more than can be said in so many seconds.

    They are counted since the caller began to speak, pauses included: only what is written too fast to have been said
    waits, not what a caller says between pauses.
    """
    return words if words <= speech_s * WORDS_PER_S else int(speech_s * WORDS_PER_S)


def strict(generation: Generation) -> float:
    """Return the probability needed where next to nothing was said: that of an early decision, where one is set."""
    settings = generation.config.decision
    return max(STRICT, settings.threshold) if settings.early_threshold is None else settings.early_threshold


def too_early(
    understood: Understanding, hard: HardHit | None, generation: Generation, language: str, speech_s: float
) -> bool:
    """Whether the words cannot decide yet while the caller still speaks: too few, or not sure enough."""
    if hard is not None:
        return False
    words = said(understood.words, speech_s)
    if words < generation.config.decision.min_words:
        return True
    destination, probability = understood.strongest()
    enough = probability >= generation.early_threshold(language, words)
    return not enough or destination not in generation.config.destinations


def would_settle(understood: Understanding, hard: HardHit | None, asked: bool, generation: Generation) -> bool:
    """Whether these words would name a destination if nothing came after them; of rules and tone it says nothing."""
    destination, probability = understood.strongest()
    settings = generation.config.decision
    too_few = _too_few(understood, asked, generation, destination)
    threshold = strict(generation) if too_few else settings.threshold
    sure = destination in generation.config.destinations and understood.words > 0 and probability >= threshold
    return hard is not None or sure


def _too_few(understood: Understanding, asked: bool, generation: Generation, destination: str) -> bool:
    """Whether what was said is too little to decide on, unless it is very sure.

    A caller who was asked and answers briefly means it; one who wants the default gets it either way.
    """
    return (
        0 < understood.words <= FEW_WORDS
        and not (understood.key_phrase or asked)
        and destination != generation.config.default
    )


@dataclass(frozen=True, slots=True)
class _Reading:
    """What the words say: the strongest destination, whether they are sure of it, and what was needed.

    `too_few` that more was needed because so little was said.
    """

    destination: str
    probability: float
    threshold: float
    sure: bool
    too_few: bool


def _values(moment: Moment, generation: Generation, destination: str, probability: float) -> dict[str, Any]:
    """The variables of the rules (`router.variables`) at this moment, tone unheard."""
    understood = moment.understood
    time = generation.calendar.at(moment.facts).values() if generation.rules.tell_time else TIMELESS
    return {
        **time,
        "last_agent_known": bool(moment.facts.last_agent),
        "intent": _intent(moment, generation, destination) or "",
        "destination": destination,
        "sure": bool(destination),
        "probability": probability,
        "probabilities": understood.by_destination,
        "words": understood.words,
        "text": moment.text,
        "hard_word": moment.hard is not None,
        "spoke": moment.spoke,
        "asked": moment.asked,
        "language": moment.facts.language,
        "dialled": moment.facts.dialled,
        "pbx": moment.facts.pbx,
        "caller_number": moment.facts.caller_number,
        **_of_tone(UNHEARD),
    }


def _of_tone(tone: ToneNow) -> dict[str, Any]:
    return {
        "tone_known": tone.heard,
        "angry": tone.alarmed,
        "anger": tone.anger,
        "arousal": tone.arousal,
        "valence": tone.valence,
    }


def leading_intent(
    understood: Understanding, hard: HardHit | None, generation: Generation, language: str, destination: str
) -> str | None:
    """Return the likeliest of the intents that lead to the destination, a hard word's first; None where none does."""
    if not destination:
        return None
    if hard is not None:
        return hard.intent
    by_intent = understood.by_intent
    leading = [name for name in by_intent if generation.destination_of(name, language) == destination]
    return min(leading, key=lambda name: (-by_intent[name], name)) if leading else None


def _intent(moment: Moment, generation: Generation, destination: str) -> str | None:
    return leading_intent(moment.understood, moment.hard, generation, moment.facts.language, destination)


@dataclass(frozen=True, slots=True)
class _Choice:
    """Where the call goes, and what took it there: at most one of the three, else the default.

    `words_to` is where the words lead, allowed and sure enough; `by_words` that the choice rests on words.
    """

    destination: str
    by_key: bool
    by_rule: bool
    by_words: bool
    words_to: str


def _choice(moment: Moment, generation: Generation, outcome: Outcome, reading: _Reading) -> _Choice:
    never = outcome.never
    by_key = moment.key_destination is not None and moment.key_destination not in never
    by_rule = not by_key and outcome.route is not None
    words_to = reading.destination if reading.sure else ""
    if words_to in never:
        words_to = _next_best(moment, generation, outcome, reading)
    on_words = by_rule and reading.sure and rests_on_words(outcome.route_uses)
    destination = (moment.key_destination if by_key else None) or outcome.route or words_to or generation.config.default
    by_words = on_words or (bool(words_to) and not (by_key or by_rule))
    return _Choice(destination, by_key, by_rule, by_words, words_to)


def _next_best(moment: Moment, generation: Generation, outcome: Outcome, reading: _Reading) -> str:
    """The likeliest destination that no rule forbids, where the words are sure enough of it too; else ""."""
    enough = {
        name: probability
        for name, probability in moment.understood.by_destination.items()
        if probability >= reading.threshold and name in generation.config.destinations and name not in outcome.never
    }
    return min(enough, key=lambda name: (-enough[name], name), default="")


def _choose(moment: Moment, generation: Generation, outcome: Outcome, reading: _Reading) -> Decision:
    config, speaker = generation.config, generation.speaker
    choice = _choice(moment, generation, outcome, reading)
    destination = choice.destination
    forbidden = reading.sure and reading.destination in outcome.never
    rung, steps = climb_down(
        moment.footing, by_words=choice.by_words, by_key=choice.by_key, by_rule=choice.by_rule, forbidden=forbidden
    )
    priority = int(outcome.raise_minutes + 0.5)
    intent = _intent(moment, generation, reading.destination if reading.sure else "")
    circumstances = Circumstances(
        key_pressed=choice.by_key,
        question_put=moment.asked,
        last_agent=bool(moment.facts.last_agent),
        agents=config.destinations[destination].kind is not DestinationKind.SELF_SERVICE,
    )
    reasons = _reasons(moment, generation, outcome, reading, rung, choice, circumstances)
    chosen = config.destinations[destination]
    directed = circumstances.agents and not config.shadow
    agent = outcome.prefer_agent if directed and circumstances.last_agent else None
    shadow_destination, shadow_priority = None, None
    if config.shadow:
        shadow_destination, shadow_priority = destination, priority
        reasons = (*reasons, speaker.reason(Code.SHADOW, destination=destination))
        destination, priority, chosen = config.default, 0, config.destinations[config.default]
    return Decision(
        destination=destination,
        priority=priority,
        intent=intent,
        probability=reading.probability,
        probabilities=MappingProxyType(dict(sorted(moment.understood.by_destination.items()))),
        rung=rung,
        reasons=reasons,
        rules_fired=outcome.fired,
        shadow_destination=shadow_destination,
        name_prefix=chosen.name_prefix,
        decided_audio_s=moment.audio_s,
        decided_at_s=moment.now_s,
        trigger=moment.trigger,
        steps=steps,
        rules_shadowed=outcome.shadowed,
        shadow_priority=shadow_priority,
        agent_line=speaker.agent_line(reasons, moment.facts.language),
        agent=MappingProxyType({language: speaker.agent_line(reasons, language) for language in SPOKEN}),
        caller=MappingProxyType({language: speaker.caller_sentences(reasons, language) for language in SPOKEN}),
        require=tuple(outcome.require) if directed else (),
        prefer=tuple(outcome.prefer) if directed else (),
        prefer_agent=moment.facts.last_agent if agent is not None else "",
        prefer_for_s=agent[1] if agent is not None else 0,
        actions=deeds(outcome, circumstances),
    )


def _reasons(
    moment: Moment,
    generation: Generation,
    outcome: Outcome,
    reading: _Reading,
    rung: Rung,
    choice: _Choice,
    circumstances: Circumstances,
) -> tuple[Reason, ...]:
    say = generation.speaker.reason
    config = generation.config
    reasons: list[Reason] = []
    if choice.by_key and moment.key is not None:
        reasons.append(say(Code.KEY, digit=moment.key, destination=choice.destination))
    elif outcome.route is not None and outcome.route_rule is not None:
        reasons.append(say(Code.RULE_ROUTE, rule=outcome.route_rule, destination=outcome.route))
    kept_from = _kept_from(moment, outcome, reading, choice)
    reasons += [say(Code.NEVER, rule=outcome.never[name], destination=name) for name in kept_from]
    reasons += _of_words(moment, generation, outcome, reading, choice)
    if moment.tone.alarmed:
        reasons.append(
            say(
                Code.ANGRY,
                anger=round(moment.tone.call_anger, 4),
                angry_at=config.tone.angry_at,
                prior=config.tone.anger_prior,
            )
        )
    elif not moment.tone.heard and not moment.footing.tone_off and moment.spoke:
        reasons.append(say(Code.TONE_UNHEARD))
    if outcome.raise_minutes > 0:
        reasons.append(say(Code.RULE_RAISE, rules=", ".join(outcome.raised), minutes=outcome.raise_minutes))
    if circumstances.agents:
        for code, skills in ((Code.REQUIRE, outcome.require), (Code.PREFER, outcome.prefer)):
            if skills:
                rules = ", ".join(dict.fromkeys(skills.values()))
                reasons.append(say(code, rules=rules, skills=", ".join(skills)))
        if outcome.prefer_agent is not None:
            rule, seconds = outcome.prefer_agent
            agent = moment.facts.last_agent
            known = say(Code.PREFER_AGENT, rule=rule, agent=agent, seconds=seconds)
            reasons.append(known if agent else say(Code.NO_LAST_AGENT, rule=rule))
    learnt = generation.early.get(moment.facts.language)
    if moment.trigger is Trigger.WORDS and choice.by_words and moment.hard is None and learnt and learnt.learnt:
        percent = round(100 * config.decision.early_error, 1)
        early = Code.EARLY_IN_PAUSE if moment.footing.paused else Code.EARLY
        reasons.append(say(early, threshold=reading.threshold, percent=percent))
    if rung is Rung.PARTIAL_TEXT:
        reasons.append(say(Code.PARTIAL, missing=why_partial(moment.footing).value))
    if moment.asked:
        reasons.append(say(Code.ASKED))
    reasons.extend(moment.context)
    reasons.extend(say(Code.SHADOW_RULE, rule=name) for name in outcome.shadowed)
    return tuple(reasons)


def _kept_from(moment: Moment, outcome: Outcome, reading: _Reading, choice: _Choice) -> list[str]:
    """The destinations that would have been taken, had no rule forbidden them; best first."""
    if choice.by_key:
        return []
    wanted = [moment.key_destination, *(destination for _, destination in outcome.passed_over)]
    if not choice.by_rule and reading.sure:
        wanted.append(reading.destination)
    return [name for name in dict.fromkeys(wanted) if name is not None and name in outcome.never]


def _of_words(
    moment: Moment, generation: Generation, outcome: Outcome, reading: _Reading, choice: _Choice
) -> list[Reason]:
    """What the words say, or why they do not, and the default where it takes the call for that."""
    strongest, probability, threshold = reading.destination, reading.probability, reading.threshold
    say = generation.speaker.reason
    reasons: list[Reason] = []

    def words(destination: str, probability: float) -> Reason:
        return say(
            Code.WORDS,
            destination=destination,
            intent=_intent(moment, generation, destination) or destination,
            probability=probability,
            percent=round(100 * probability),
            words=moment.understood.words,
            threshold=threshold,
        )

    if reading.sure and strongest in outcome.never and not (choice.by_key or choice.by_rule):
        if choice.words_to:
            reasons.append(words(choice.words_to, moment.understood.by_destination[choice.words_to]))
        else:
            reasons.append(say(Code.DEFAULT, destination=generation.config.default))
    if moment.hard is not None:
        hard = moment.hard
        reasons.append(say(Code.HARD_WORD, phrase=hard.phrase, intent=hard.intent, destination=hard.destination))
    elif reading.sure:
        reasons.append(words(strongest, probability))
    elif not choice.by_key:
        if moment.understood.words and strongest:
            reasons.append(say(Code.NOT_SURE, destination=strongest, probability=probability, threshold=threshold))
        elif moment.spoke and moment.footing.recogniser:
            reasons.append(say(Code.NO_WORDS))
        if reading.too_few:
            reasons.append(say(Code.FEW_WORDS, words=moment.understood.words, threshold=threshold))
        if outcome.route is None:
            reasons.append(say(Code.DEFAULT, destination=generation.config.default))
    return reasons
