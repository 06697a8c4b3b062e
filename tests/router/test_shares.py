"""Differences between two configurations: right in the mean, and an interval that holds as often as it says."""

from __future__ import annotations

import numpy as np
import pytest

from router.shares import Difference, Measure, Of, Pairs, Unit
from router.whatif import Side

QUIET = frozenset({"selfservice"})


def pairs_of(a: list[Side], b: list[Side]) -> Pairs:
    pairs = Pairs()
    for one, other in zip(a, b, strict=True):
        pairs.add(one, other, QUIET)
    return pairs


def by_measure(pairs: Pairs, seed: int = 1) -> dict[Measure, Difference]:
    return {one.measure: one for one in pairs.differences(seed)}


def to(destination: str, angry: bool = False, listened_s: float = 2.0) -> Side:
    return Side(destination, decided_at_s=6.0, listened_s=listened_s, trigger="words", angry=angry)


def test_shares_are_counted_over_all_the_calls_they_are_of() -> None:
    a = [to("sales")] * 6 + [to("complaints", angry=True)] * 2 + [to("selfservice")] * 2
    b = [to("sales")] * 4 + [to("selfservice")] * 2 + [to("complaints", angry=True)] + [to("reception")] + a[8:]
    found = by_measure(pairs_of(a, b))
    sales = found[Measure(Of.DESTINATION, "sales")]
    assert (sales.a, sales.b, sales.less, sales.calls) == (0.6, 0.4, pytest.approx(-0.2), 10)
    quiet = found[Measure(Of.SELF_SERVICE)]
    assert (quiet.a, quiet.b) == (0.2, 0.4)
    assert found[Measure(Of.PERSON)].less == pytest.approx(-0.2)
    angry = found[Measure(Of.ANGRY_TO, "complaints")]
    assert (angry.a, angry.b, angry.calls) == (1.0, 0.5, 2)
    assert found[Measure(Of.ANGRY)].less == pytest.approx(-0.1)
    assert Measure(Of.LISTENED).unit is Unit.SECONDS


def test_two_that_decide_alike_differ_in_nothing_however_they_are_drawn() -> None:
    calls = [to("sales"), to("complaints"), to("selfservice", angry=True)] * 50
    assert all(
        (one.less, one.low, one.high, one.clear) == (0, 0, 0, False) for one in pairs_of(calls, calls).differences()
    )


def test_the_same_seed_gives_the_same_interval_and_another_one_another() -> None:
    rng = np.random.default_rng(5)
    a = [to("sales" if draw < 0.5 else "complaints", listened_s=6 * float(draw)) for draw in rng.random(400)]
    b = [to("sales") if sold else one for one, sold in zip(a, rng.random(400) < 0.1, strict=True)]
    pairs = pairs_of(a, b)
    assert by_measure(pairs) == by_measure(pairs)
    sales = Measure(Of.DESTINATION, "sales")
    assert by_measure(pairs)[sales].clear
    assert by_measure(pairs, seed=2) != by_measure(pairs)


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    held, rounds, moved = 0, 200, 0.06
    for seed in range(rounds):
        a = [to("complaints")] * 500
        b = [to("sales") if moves else one for one, moves in zip(a, rng.random(500) < moved, strict=True)]
        sales = by_measure(pairs_of(a, b), seed)[Measure(Of.DESTINATION, "sales")]
        held += sales.low <= moved <= sales.high
    assert 0.90 <= held / rounds <= 0.99


def test_it_is_the_interval_of_calls_drawn_anew_one_by_one() -> None:
    rng = np.random.default_rng(7)
    listened = rng.integers(10, 160, 300) * 0.05
    later = rng.normal(0.2, 0.5, 300)
    a = [to("sales", listened_s=float(s)) for s in listened]
    b = [to("sales", listened_s=max(0.0, float(s + d))) for s, d in zip(listened, later, strict=True)]
    found = by_measure(pairs_of(a, b))[Measure(Of.LISTENED)]
    less = np.array([two.listened_s - one.listened_s for one, two in zip(a, b, strict=True)])  # type: ignore[operator]
    drawn = less[rng.integers(0, 300, (4000, 300))].mean(axis=1)
    low, high = np.percentile(drawn, (2.5, 97.5))
    assert found.less == pytest.approx(less.mean(), abs=0.01)
    assert (found.low, found.high) == (pytest.approx(low, abs=0.02), pytest.approx(high, abs=0.02))


def test_parts_add_up_and_what_is_unknown_to_either_is_left_out() -> None:
    first = pairs_of([to("sales")] * 3, [to("complaints")] * 3)
    second = pairs_of([to("sales")] * 2, [to("sales")] * 2)
    second.add(None, to("sales"), QUIET)
    first.merge(second)
    assert (first.calls, first.unknown) == (5, 1)
    assert by_measure(first)[Measure(Of.DESTINATION, "sales")].b == 0.4
    assert Pairs().differences() == []
