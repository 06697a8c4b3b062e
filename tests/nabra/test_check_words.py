"""`nabra check` on a terminal, what it says of rules and hours, and what a live call hands to the dialplan."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from config import SHIPPED
from config.errors import Position
from config.schema import PreferAgent, Skill
from emotion.model import DEFAULT_MODEL
from nabra.commands.check import Remark, _for_people, examine
from nabra.live import channel_variables
from telephony.ami_packets import check_action
from tests.router.scripted import FACTS, Caller, generation, rule

REMARK = Remark(
    False,
    Position(Path("/etc/nabra/nabra.yaml"), 88, 9),
    "no recogniser hears 'ar': such calls are routed by tone, keys and rules alone",
    nearest="en",
    advice="name a Vosk model under speech.models.ar (`nabra models fetch`)",
)


def test_a_remark_fits_the_terminal_and_loses_no_word() -> None:
    shown = REMARK.wrapped(80).splitlines()
    assert shown[0] == "/etc/nabra/nabra.yaml:88:9: warning:"
    assert len(shown) > 2
    assert all(len(line) <= 80 and line.startswith("    ") for line in shown[1:])
    assert " ".join(line.strip() for line in shown) == str(REMARK)


def test_a_short_remark_and_one_for_other_programs_stay_on_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    short = Remark(True, None, "no")
    assert short.wrapped(80) == "error: no"
    assert _for_people(REMARK) == str(REMARK)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "60")
    assert max(map(len, _for_people(REMARK).splitlines())) <= 60


def test_the_dialplan_is_handed_what_rules_ask_of_the_queue() -> None:
    rules = (
        rule("a", "true", require="refunds", prefer_agent=PreferAgent(for_s=25)),
        rule("b", "true", require="arabic", prefer="cards"),
    )
    skills = {name: Skill() for name in ("refunds", "arabic", "cards")}
    facts = replace(FACTS, last_agent="PJSIP/1001")
    caller = Caller(generation(rules=rules, skills=skills), facts=facts).until(3).presses("2")
    variables = channel_variables("call", caller.decision, "en")
    assert {name: value for name, value in variables.items() if "SKILLS" in name or "PREFER" in name} == {
        "NABRA_SKILLS": "refunds&arabic",
        "NABRA_BETTER_SKILLS": "cards",
        "NABRA_PREFER_AGENT": "PJSIP/1001",
        "NABRA_PREFER_FOR_S": "25",
    }
    assert list(variables)[-1] == "NABRA_ROUTE"
    for name, value in variables.items():
        check_action("Setvar", {"Variable": name, "Value": value})
    unknown = Caller(generation(rules=rules, skills=skills)).until(3).presses("2")
    variables = channel_variables("call", unknown.decision, "en")
    assert (variables["NABRA_PREFER_AGENT"], variables["NABRA_PREFER_FOR_S"]) == ("", "")


def test_a_rule_that_can_never_act_is_named_where_it_stands(tmp_path: Path) -> None:
    for name in ("intents", "prompts"):
        (tmp_path / name).symlink_to(SHIPPED.parent / name)
    file = tmp_path / "nabra.yaml"
    never = "  - {name: never, when: words > 5 and words < 3, then: {route: sales}}\n"
    text = SHIPPED.read_text(encoding="utf-8").replace("\nrules:\n", f"\nrules:\n{never}")
    file.write_text(text.replace("engine: moonshine}", "engine: none}"), encoding="utf-8")
    (remark,) = [remark for remark in examine(file) if "'never'" in remark.text]
    assert remark.text == "'never' can never fire: what it says of 'words' cannot be"
    assert not remark.error
    assert remark.position is not None
    line = file.read_text(encoding="utf-8").splitlines()[remark.position.line - 1]
    assert line[remark.position.column - 1 :].startswith("words > 5")


def test_a_tone_model_of_ones_own_whose_terms_forbid_service_is_named_where_it_stands(tmp_path: Path) -> None:
    for name in ("intents", "prompts"):
        (tmp_path / name).symlink_to(SHIPPED.parent / name)
    file = tmp_path / "nabra.yaml"
    text = SHIPPED.read_text(encoding="utf-8").replace("  model: null  ", f"  model: {DEFAULT_MODEL}  ")
    file.write_text(text.replace("engine: moonshine}", "engine: none}"), encoding="utf-8")
    forbidding = [remark for remark in examine(file) if "do not allow commercial service" in remark.text]
    assert forbidding
    for remark in forbidding:
        assert not remark.error
        assert remark.position is not None
        line = file.read_text(encoding="utf-8").splitlines()[remark.position.line - 1]
        assert line[remark.position.column - 1 :].startswith(str(DEFAULT_MODEL))
