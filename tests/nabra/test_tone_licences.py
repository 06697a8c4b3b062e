"""Licences that forbid commercial service are told, and so is a licence that is not stated."""

import json
from pathlib import Path

from nabra.tone_licences import forbidding, forbidding_of

NC = "CC BY-NC-SA 4.0"


def test_each_licence_that_forbids_is_told_once() -> None:
    found = list(forbidding({"a": ["own calls"], "b": [NC, "own calls"], "c": [NC], "d": ["not stated"]}))
    assert [what for what, _ in found] == [
        f"the tone model learnt from b, c, whose terms do not allow commercial service ({NC})",
        "the tone model learnt from d, whose licence is not stated: no commercial service rests on it",
    ]
    assert "column 'licence'" in found[1][1]
    assert list(forbidding({"a": ["own calls"]})) == []


def test_a_model_is_judged_by_the_facts_beside_it(tmp_path: Path) -> None:
    model = tmp_path / "tone.onnx"
    assert forbidding_of(model) == []
    facts = tmp_path / "tone.json"
    for broken in ("", "[]", "{}", '{"licences": 3}', '{"licences": {"a": 3}}'):
        facts.write_text(broken, encoding="utf-8")
        assert forbidding_of(model) == []
    facts.write_text(json.dumps({"licences": {"a": [NC]}}), encoding="utf-8")
    assert len(forbidding_of(model)) == 1
