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
   guess, and never where a rule forbids: then the next of these is taken (`router.choice`). `router.why` says why.

What the voice sounds like is looked at in step 5 only. Its value therefore never changes when a call is
decided or what the caller is asked, and in step 5 it can only fire more rules (see `router.rules`): angrier
is never later in a queue and never nearer to self-service.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from config.schema import DestinationKind
from router.choice import Reading, choose
from router.commands import Decision
from router.hours import TIMELESS
from router.ladder import climb_down
from router.moment import Moment
from router.reasons import SPOKEN, Code
from router.rules import Circumstances, Outcome, deeds
from router.stopping import STRICT, WORDS_PER_S
from router.tone import UNHEARD, ToneNow
from router.understanding import HardHit, Understanding
from router.why import reasons_of

if TYPE_CHECKING:
    from router.generation import Generation


FEW_WORDS = 3
"""So few words are more often the beginning of something than a request: "i would like"."""


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
    reading = Reading(destination, probability, threshold, sure, too_few)
    if moment.key_destination is None and not moment.forced:
        settled = choose(moment, generation, without_tone, reading).destination
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
    return _decision(moment, generation, outcome, reading)


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


def _values(moment: Moment, generation: Generation, destination: str, probability: float) -> dict[str, Any]:
    """The variables of the rules (`router.variables`) at this moment, tone unheard."""
    understood = moment.understood
    time = generation.calendar.at(moment.facts).values() if generation.rules.tell_time else TIMELESS
    return {
        **time,
        "last_agent_known": bool(moment.facts.last_agent),
        "intent": moment.intent(generation, destination) or "",
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


def _decision(moment: Moment, generation: Generation, outcome: Outcome, reading: Reading) -> Decision:
    """The decision, with everything that is told of it; in shadow mode it goes to the default."""
    config, speaker = generation.config, generation.speaker
    choice = choose(moment, generation, outcome, reading)
    destination = choice.destination
    forbidden = reading.sure and reading.destination in outcome.never
    rung, steps = climb_down(
        moment.footing, by_words=choice.by_words, by_key=choice.by_key, by_rule=choice.by_rule, forbidden=forbidden
    )
    priority = int(outcome.raise_minutes + 0.5)
    intent = moment.intent(generation, reading.destination if reading.sure else "")
    circumstances = Circumstances(
        key_pressed=choice.by_key,
        question_put=moment.asked,
        last_agent=bool(moment.facts.last_agent),
        agents=config.destinations[destination].kind is not DestinationKind.SELF_SERVICE,
    )
    reasons = reasons_of(moment, generation, outcome, reading, rung, choice, circumstances)
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
