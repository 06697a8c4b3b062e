"""Hours, holidays, skills and what rules do with them: every mistake is named where it stands; the examples work."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

import config
from config.schema import PreferAgent, Weekday
from config.zones import UnknownZone, zone_of
from router.errors import RulesError
from router.rules import compile_rules

WRONG = """\
time_zone: Asia/Aman                                    #! no time zone 'Asia/Aman' -> Asia/Amman
lines:
  - {number: "971", language: en, time_zone: Mars}      #! no time zone 'Mars'
hours:
  support:
    time_zone: europe/berlin                            #! no time zone 'europe/berlin' -> Europe/Berlin
    open:
      - days: [snu]                                     #! found 'snu' -> sun
        times: ["8-17"]                                 #! found '8-17'
      - days: [sun]
        times: ["08:00-08:00"]                          #! begins and ends at the same time
      - days: []                                        #! open on no days
        times: ["08:00-17:00"]
    on_holiday: true                                    #! unknown key 'on_holiday' -> on_holidays
  attic:
    open: []                                            #! never open
holidays:
  eid:
    dates: ["02-30"]                                    #! no day 02-30
    days: 40                                            #! from 1 to 31
    label: {fr: Aïd}                                    #! unknown language 'fr'
  leap: {dates: ["2027-02-29"]}                         #! no day 2027-02-29
  none: {dates: []}                                     #! on no date
skills:
  refunds: {lable: {en: Refunds}}                       #! unknown key 'lable' -> label
rules:
  - name: a
    when: sure
    then: {require: refnds}                             #! unknown skill 'refnds' -> refunds
  - name: b
    when: sure
    then: {prefer: Refunds, never: reception}           #! 'reception' is the default
  - name: c
    when: sure
    then: {never: sals}                                 #! unknown destination 'sals' -> sales
  - name: d
    when: sure
    then: {route: sales, never: sales}                  #! both routes to 'sales' and forbids it
  - name: e
    when: sure
    then: {prefer_agent: {last_agent: false}}           #! no agent is preferred
  - name: f
    when: sure
    then: {prefer_agent: {for_s: 0}}                    #! from 1 to 300
  - name: g
    when: sure
    then: {requier: refunds}                            #! unknown key 'requier' -> require
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A copy of the shipped configuration."""
    folder = tmp_path / "site"
    shutil.copytree(config.SHIPPED.parent, folder)
    return folder / "nabra.yaml"


def without(text: str, *sections: str) -> str:
    """A configuration without these sections, each of them a line or an indented block."""
    for section in sections:
        text = re.sub(rf"(?m)^{section}:.*\n(?:[ ].*\n|\n(?=[ ]))*", "", text)
    return text


def test_every_mistake_is_named_where_it_stands(site: Path) -> None:
    text = without(site.read_text(encoding="utf-8"), "time_zone", "lines", "hours", "holidays", "skills", "rules")
    site.write_text(text + WRONG, encoding="utf-8")
    first = text.count("\n") + 1
    with pytest.raises(config.ConfigError) as raised:
        config.load(site)
    by_line = {problem.line: problem for problem in raised.value.problems}
    for number, line in enumerate(WRONG.splitlines(), first):
        if "#!" not in line:
            continue
        says, _, near = line.partition("#! ")[2].partition(" -> ")
        problem = by_line[number]
        assert says in problem.message or says in problem.expected, line
        assert problem.nearest == (near or problem.nearest), line
        assert line[problem.column - 1] not in " #", line
        assert problem.file == site


def test_a_skill_must_be_declared_before_it_can_be_asked_for(site: Path) -> None:
    text = site.read_text(encoding="utf-8").replace("{raise_minutes: 5}", "{raise_minutes: 5, prefer: refunds}")
    site.write_text(text, encoding="utf-8")
    with pytest.raises(config.ConfigError) as raised:
        config.load(site)
    (problem,) = raised.value.problems
    assert problem.message == "unknown skill 'refunds': there are no skills"
    assert problem.expected == "it declared, as skills: {refunds: {}}"
    lines = text.splitlines()
    assert lines[problem.line - 1][problem.column - 1 :].startswith("refunds}")


def test_names_in_conditions_and_what_tone_may_not_ask_are_named_where_they_stand(site: Path) -> None:
    rules = """\
hours: {support: {open: [{days: [sun], times: ["08:00-17:00"]}]}}
skills: {refunds: {label: {en: Refunds, ar: "-"}}}
rules:
  - name: a
    when: sure and open["suport"]
    then: {never: sales}
  - name: b
    when: weekday == "sunday"
    then: {never: sales}
  - name: c
    when: holiday_name == "eid"
    then: {never: sales}
  - name: d
    when: angry
    then: {raise_minutes: 2, never: sales}
  - name: e
    when: angry
    then: {require: refunds}
  - name: f
    when: open
    then: {prefer: refunds}
"""
    text = without(site.read_text(encoding="utf-8"), "hours", "skills", "rules")
    site.write_text(text + rules, encoding="utf-8")
    with pytest.raises(RulesError) as raised:
        compile_rules(config.load(site))
    lines = (text + rules).splitlines()
    found = [(lines[p.line - 1][p.column - 1 :], p.nearest, p.expected) for p in raised.value.problems]
    assert [(at.rstrip("]}\"'"), near) for at, near, _ in found] == [
        ("suport", "support"),
        ("sunday", "sun"),
        ("eid", None),
        ("sales", None),
        ("refunds", None),
        ("open", None),
    ]
    assert found[2][2] == "a section holidays with it"
    assert found[5][2] == 'open["name"]'


def test_the_examples_in_the_shipped_file_work(site: Path) -> None:
    text = site.read_text(encoding="utf-8")
    for section in ("hours", "holidays", "skills"):
        above = text.split(f"\n{section}: {{}}")[0].splitlines()
        example: list[str] = []
        while above[-1].startswith("#   "):
            example.insert(0, above.pop()[2:])
        assert example, section
        text = text.replace(f"\n{section}: {{}}", "\n" + "\n".join([f"{section}:", *example]))
    rules = [line[2:] for line in text.splitlines() if line.startswith("#   - {name: ")]
    assert len(rules) == 3
    text = text.replace("\nrules:\n", "\n" + "\n".join(["rules:", *rules]) + "\n")
    site.write_text(text, encoding="utf-8")
    loaded = config.load(site)
    assert len(compile_rules(loaded).rules) == len(config.load().rules) + 3
    assert loaded.hours["sales"].open[1].days == (Weekday.THU,)
    assert loaded.holidays["eid_al_fitr"].days == 3
    assert loaded.rules[0].then.never == "sales"
    assert loaded.rules[1].then.require == "refunds"
    assert loaded.rules[2].then.prefer_agent == PreferAgent(last_agent=True, for_s=20)


def test_time_zones_by_name() -> None:
    assert str(zone_of("Asia/Amman")) == "Asia/Amman"
    assert str(zone_of("UTC")) == "UTC"
    for name, near in (("Amman", "Asia/Amman"), ("asia/riyadh", "Asia/Riyadh"), ("../etc/passwd", None)):
        with pytest.raises(UnknownZone) as raised:
            zone_of(name)
        assert raised.value.nearest == near
    with pytest.raises(UnknownZone):
        zone_of("Asia")
