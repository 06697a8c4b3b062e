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
from nabra.commands.check import Remark, _early, _for_people, examine
from nabra.live import channel_variables
from router.stopping import Thresholds
from telephony.ami_packets import check_action
from tests.nabra.command_line import nabra
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


def test_arabic_is_isolated_on_a_terminal_only_and_in_each_line(monkeypatch: pytest.MonkeyPatch) -> None:
    remark = Remark(
        False, None, "'كم علي أن أدفع لو سمحت' reads like 'price' and would be sent to 'sales', not to 'other'"
    )
    assert _for_people(remark) == str(remark)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "24")
    lines = _for_people(remark).splitlines()
    arabic = [line for line in lines if any("\u0600" <= letter <= "\u06ff" for letter in line)]
    assert len(arabic) > 1
    assert all(line.count("\u2068") == line.count("\u2069") == 1 for line in arabic)


def test_a_folder_is_checked_by_its_nabra_yaml_and_tells_what_early_decisions_need(tmp_path: Path) -> None:
    for name in ("intents", "prompts"):
        (tmp_path / name).symlink_to(SHIPPED.parent / name)
    (remark,) = examine(tmp_path)
    assert (remark.error, remark.text) == (True, f"{tmp_path} holds no nabra.yaml")
    (tmp_path / "nabra.yaml").write_text(
        SHIPPED.read_text(encoding="utf-8").replace("engine: moonshine}", "engine: none}"), encoding="utf-8"
    )
    done = nabra("check", tmp_path)
    assert done.returncode == 0
    for language in ("en", "ar"):
        (line,) = [line for line in done.stdout.splitlines() if line.startswith(f"early decisions in {language}: ")]
        assert " sure after " in line
        assert line.endswith(("(learnt from your examples)", "to promise early_error)"))
    assert f"{tmp_path}: can be used" in done.stdout


def test_what_early_decisions_need_is_told_where_it_changes() -> None:
    bare = generation()
    assert _early(bare, "en") == "0.95 sure after 4 words (no examples to learn from)"
    learnt = replace(bare, early={"en": Thresholds((1.0,) * 4 + (0.97,) * 3 + (0.835,) * 2, learnt=True)})
    said = "none after 4 words, 0.97 sure after 5 words, 0.835 sure after 8 words (learnt from your examples)"
    assert _early(learnt, "en") == said
    few = replace(bare, early={"en": Thresholds((0.97,) * 9, learnt=False)})
    why = "too few examples, or too unlike, to promise early_error"
    assert _early(few, "en") == f"0.97 sure after 4 words ({why})"


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
