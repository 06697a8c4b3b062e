"""Why a call goes where it goes: the reasons of a decision, in the order in which they are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from router.choice import Choice, Reading, kept_from
from router.commands import Trigger
from router.ladder import Rung, why_partial
from router.moment import Moment
from router.reasons import Code, Reason
from router.rules import Circumstances, Outcome

if TYPE_CHECKING:
    from router.generation import Generation


def reasons_of(
    moment: Moment,
    generation: Generation,
    outcome: Outcome,
    reading: Reading,
    rung: Rung,
    choice: Choice,
    circumstances: Circumstances,
) -> tuple[Reason, ...]:
    """Return the reasons, what took the call where it goes before what it was decided with.

    Parameters
    ----------
    moment, generation : when it is decided, and with what.
    outcome : of the rules.
    reading, choice : what the words say, and where the call goes.
    rung : of the ladder, that the decision stands on.
    circumstances : what the rules' actions depend on.
    """
    say = generation.speaker.reason
    config = generation.config
    reasons: list[Reason] = []
    if choice.by_key and moment.key is not None:
        reasons.append(say(Code.KEY, digit=moment.key, destination=choice.destination))
    elif outcome.route is not None and outcome.route_rule is not None:
        reasons.append(say(Code.RULE_ROUTE, rule=outcome.route_rule, destination=outcome.route))
    kept = kept_from(moment, outcome, reading, choice)
    reasons += [say(Code.NEVER, rule=outcome.never[name], destination=name) for name in kept]
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


def _of_words(
    moment: Moment, generation: Generation, outcome: Outcome, reading: Reading, choice: Choice
) -> list[Reason]:
    """What the words say, or why they do not, and the default where it takes the call for that."""
    strongest, probability, threshold = reading.destination, reading.probability, reading.threshold
    say = generation.speaker.reason
    reasons: list[Reason] = []

    def words(destination: str, probability: float) -> Reason:
        return say(
            Code.WORDS,
            destination=destination,
            intent=moment.intent(generation, destination) or destination,
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
