"""Probabilities are worked out once, when somebody looks, and are then a mapping like any other."""

from __future__ import annotations

import pytest

from router.later import Later
from tests.router.scripted import Caller, KeywordReader, Posterior, generation


def test_it_is_worked_out_once_at_the_first_look() -> None:
    worked = []

    def work() -> dict[str, float]:
        worked.append(1)
        return {"sales": 0.75, "complaints": 0.25}

    later = Later(work)
    assert worked == []
    assert later == {"sales": 0.75, "complaints": 0.25}
    assert (dict(later), later["sales"], len(later), list(later)) == (work(), 0.75, 2, ["sales", "complaints"])
    assert (list(later.items()), list(later.values())) == ([("sales", 0.75), ("complaints", 0.25)], [0.75, 0.25])
    assert "reception" not in later
    assert repr(later) == "{'sales': 0.75, 'complaints': 0.25}"
    with pytest.raises(KeyError):
        later["reception"]
    assert len(worked) == 2  # ours was the second


def test_what_is_too_short_to_decide_on_is_read_for_the_record_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def predict(self: KeywordReader, text: str, language: str) -> Posterior:
        def work() -> dict[str, float]:
            read.append(text)
            return {"sales": 1.0}

        return Posterior(Later(work), Later(work), len(text.split()), None)

    monkeypatch.setattr(KeywordReader, "predict", predict)
    caller = Caller(generation()).until(3).speaks().partial("i want").partial("i want to buy a thing")
    assert read
    assert "i want" not in read
    caller.session.record(caller.now_s).to_json()
    assert "i want" in read
