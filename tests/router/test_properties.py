"""What holds for every call there can be: one decision, in time, always the same, and fair to its sound."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from config.schema import Config, DestinationKind, PreferAgent, Skill
from config.schema import Tone as ToneSettings
from router import replay
from router.actions import Act
from router.commands import Decide
from router.evidence import RecogniserBack, RecogniserLost, SpeechPaused
from router.generation import Generation
from router.record import decision_to_json
from tests.router.scripted import DESTINATIONS, FACTS, Caller, KeywordReader, rule, site

SAID = st.sampled_from(
    [
        "",
        "hello it is me",
        "i want to buy a thing",
        "what is my balance please",
        "buy",
        "this is a terrible complaint sir",
        "fraud fraud fraud four oh double five",
    ]
)


@dataclass(frozen=True)
class Step:
    """Something that happens `after_s` later; `anger` is used where it is an estimate of tone.

    `of_call` that the tracker also says how much of it counts for an alarm: none before enough was heard.
    """

    after_s: float
    kind: str
    text: str = ""
    anger: float = 0.0
    confidence: float = 0.9
    digit: str = "9"
    of_call: float | None = None

    def _call_anger(self, anger: float) -> float | None:
        # Where enough was heard for an alarm it is above 0, however calm.
        return self.of_call and max(anger * self.of_call, 1e-6)

    def apply(self, caller: Caller, louder: float = 0.0) -> None:
        at_s, audio_s = caller.now_s, caller.t
        acts: dict[str, Callable[[], object]] = {
            "speaks": caller.speaks,
            "pauses": lambda: caller.tell(
                SpeechPaused(at_s=at_s, audio_s=audio_s, speech_end_audio_s=max(0.0, audio_s - 0.2))
            ),
            "ends": caller.ends,
            "partial": lambda: caller.partial(self.text),
            "final": lambda: caller.final(self.text),
            "sounds": lambda: caller.sounds(
                min(1.0, self.anger + louder),
                self.confidence,
                prior=0.03,
                call_anger=self._call_anger(min(1.0, self.anger + louder)),
            ),
            "unsure": lambda: caller.sounds(self.anger, abstained=True),
            "key": lambda: caller.presses(self.digit),
            "lost": lambda: caller.tell(RecogniserLost(at_s=at_s, audio_s=audio_s, reason="crashed")),
            "back": lambda: caller.tell(RecogniserBack(at_s=at_s, audio_s=audio_s)),
            "hangs up": caller.hangs_up,
        }
        acts[self.kind]()


OF_CALL = st.none() | st.sampled_from([0.0, 0.5, 1.0])


def steps(kinds: list[str]) -> st.SearchStrategy[list[Step]]:
    step = st.builds(
        Step,
        after_s=st.floats(0, 3).map(lambda s: round(s, 3)),
        kind=st.sampled_from(kinds),
        text=SAID,
        anger=st.floats(0, 1),
        confidence=st.floats(0, 1),
        digit=st.sampled_from("1279#"),
        of_call=OF_CALL,
    )
    return st.lists(step, max_size=14)


@st.composite
def conversations(draw: st.DrawFn) -> list[Step]:
    """A caller who says one or two things, as recogniser and tone would hear them."""
    script = [Step(2.1, "pauses")]
    for _ in range(draw(st.integers(1, 2))):
        said = draw(SAID)
        script.append(Step(draw(st.sampled_from([0.0, 2.5])), "speaks"))
        script += [
            Step(
                0.3,
                "sounds",
                anger=draw(st.floats(0, 1)),
                confidence=draw(st.floats(0.3, 1)),
                of_call=draw(OF_CALL),
            )
            for _ in range(draw(st.integers(0, 3)))
        ]
        if draw(st.booleans()):
            script.append(Step(0.2, "partial", said))
        script += [Step(0.2, "ends"), Step(0.1, "final", said)]
    return script


KINDS = ["speaks", "pauses", "ends", "partial", "final", "sounds", "unsure", "lost", "back"]
ANYTHING = steps([*KINDS, "key", "hangs up"])
_CALM_ACTIONS = st.sampled_from(
    [
        ("route", "complaints"),
        ("route", "sales"),
        ("route", "selfservice"),
        ("never", "sales"),
        ("never", "complaints"),
        ("never", "selfservice"),
        ("require", "refunds"),
        ("prefer", "refunds"),
        ("prefer_agent", PreferAgent()),
        ("raise_minutes", 7.0),
        ("raise_minutes", 0.4),
    ]
)
_TONE_ACTIONS = st.sampled_from(
    [
        ("route", "complaints"),
        ("route", "sales"),
        ("never", "selfservice"),
        ("prefer", "refunds"),
        ("raise_minutes", 7.0),
        ("raise_minutes", 0.4),
    ]
)
_ON_TONE = st.sampled_from(["angry", "anger > 0.4", "tone_known and sure", "valence < 0.3", "angry or asked"])
_ON_ELSE = st.sampled_from(['intent == "buy"', "not sure", "asked", "hard_word", "true", "last_agent_known"])
RULES = st.lists(
    st.one_of(st.tuples(_ON_TONE, _TONE_ACTIONS), st.tuples(_ON_ELSE, _CALM_ACTIONS)),
    max_size=6,
).map(lambda pairs: tuple(rule(f"r{n}", when, **{key: value}) for n, (when, (key, value)) in enumerate(pairs)))


def made(config: Config) -> Generation:
    return Generation.of(replace(config, skills={"refunds": Skill()}), 1, KeywordReader())


def played(generation: Generation, script: list[Step], *, louder: float = 0.0, opened_s: float = 100.0) -> Caller:
    # Of every second caller the customer record knows who served them last.
    agent = "PJSIP/1001" if len(script) % 2 else ""
    caller = Caller(generation, opened_s=opened_s, facts=replace(FACTS, last_agent=agent))
    for step in script:
        caller.until(caller.t + step.after_s)
        step.apply(caller, louder)
    return caller.until(60)


@settings(max_examples=150, deadline=None)
@given(st.one_of(conversations(), ANYTHING), RULES, st.booleans(), st.booleans())
def test_every_call_ends_with_one_valid_decision_in_time_or_hangs_up_before(
    script: list[Step], rules: tuple[object, ...], tone: bool, shadow: bool
) -> None:
    generation = made(site(rules=rules, tone=ToneSettings(enabled=tone), shadow=shadow))
    caller = played(generation, script)
    record = caller.session.record(caller.now_s)
    if record.hung_up_at_s is not None and not caller.decisions:
        assert record.outcome.value == "hung_up"
        return
    decision = caller.decision
    assert decision.destination in DESTINATIONS
    assert decision.decided_at_s <= 18.5
    assert decision.priority >= 0
    assert decision.reasons
    forbidden = {deed.value for deed in decision.actions if deed.act is Act.NEVER and deed.untaken is None}
    assert (decision.shadow_destination or decision.destination) not in forbidden
    assert all(reason.en and reason.ar and "{" not in reason.en + reason.ar for reason in decision.reasons)
    assert len(decision.agent_line) <= 128
    after = [type(command) for _, command in caller.commands]
    assert after.index(Decide) == len(after) - 1
    if not tone:
        assert not record.tone_now.heard


@settings(max_examples=100, deadline=None)
@given(ANYTHING, RULES, st.floats(0, 1e6))
def test_the_same_call_is_decided_the_same_way_whenever_it_comes(
    script: list[Step], rules: tuple[object, ...], opened_s: float
) -> None:
    generation = made(site(rules=rules))
    once, again = played(generation, script), played(generation, script)
    assert once.session.record(once.now_s) == again.session.record(again.now_s)
    later = played(generation, script, opened_s=opened_s)
    assert [d.destination for d in later.decisions] == [d.destination for d in once.decisions]


@settings(max_examples=150, deadline=None)
@given(st.one_of(conversations(), ANYTHING), RULES, st.booleans(), st.floats(0, 1e6))
def test_a_replayed_record_gives_the_same_bytes(
    script: list[Step], rules: tuple[object, ...], shadow: bool, opened_s: float
) -> None:
    generation = made(site(rules=rules, shadow=shadow))
    caller = played(generation, script, opened_s=opened_s)
    line = json.dumps(caller.session.record(caller.now_s).to_json(), allow_nan=False, ensure_ascii=False)
    again = replay(json.loads(line), generation)
    if not caller.decisions:
        assert again is None
        return
    assert again is not None
    assert _bytes(decision_to_json(again)) == _bytes(decision_to_json(caller.decision))
    assert decision_to_json(again) == json.loads(line)["decision"]


def _bytes(value: object) -> bytes:
    return json.dumps(value, allow_nan=False).encode()


@settings(max_examples=300, deadline=None)
@given(st.one_of(conversations(), steps(KINDS)), RULES, st.sampled_from([0.1, 0.4, 1.0]))
def test_more_anger_never_lowers_a_place_nor_leads_to_self_service(
    script: list[Step], rules: tuple[object, ...], louder: float
) -> None:
    generation = made(site(rules=rules))
    calm = played(generation, script).decision
    angry = played(generation, script, louder=louder).decision
    assert angry.priority >= calm.priority
    assert angry.decided_at_s == calm.decided_at_s
    if not _self_service(calm.destination):
        # Nobody is held back for a certain agent or skill who would not have been with a calmer voice.
        assert (angry.require, angry.prefer_agent) == (calm.require, calm.prefer_agent)
    if _self_service(angry.destination):
        assert _self_service(calm.destination)


@settings(max_examples=150, deadline=None)
@given(st.one_of(conversations(), steps(KINDS)), RULES)
def test_a_caller_who_objects_is_served_and_no_tone_is_left(script: list[Step], rules: tuple[object, ...]) -> None:
    generation = made(site(rules=rules))
    objecting = played(generation, [Step(0.5, "key", digit="9"), *script])
    decision = objecting.decision
    assert decision.destination in DESTINATIONS
    record = objecting.session.record(objecting.now_s)
    assert not any(entry.event.__class__.__name__ == "Tone" for entry in record.timeline)
    off = played(made(site(rules=rules, tone=ToneSettings(enabled=False))), [Step(0.5, "pauses"), *script]).decision
    assert (off.destination, off.priority, off.decided_at_s) == (
        decision.destination,
        decision.priority,
        decision.decided_at_s,
    )


def _self_service(name: str) -> bool:
    return DESTINATIONS[name].kind is DestinationKind.SELF_SERVICE
