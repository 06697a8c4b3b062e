"""Callers of the benchmark are heard as a line hears them; what comes of it is counted, and drawn."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.text import Text
from scipy.stats import binom

from benchmarks import decide_heard, decide_picture, decide_stages, report
from benchmarks.decide_calls import ENDPOINT_S, FINAL_S, FORCED_S, LAG_S, LEAD_S, Ended, Spoken, live, speak
from benchmarks.decide_stages import ALLOWED, EARLY, LISTENED, PERSON, RIGHT, WRONG_EARLY, Plan, Tally
from config.schema import Budget, DecisionSettings
from router.decider import said
from router.stopping import STRICT
from tests.router.scripted import generation


def caller(text: str, destination: str = "sales", seed: int = 1) -> Spoken:
    return speak(text, "en", destination, lambda word, rng: [word], np.random.default_rng(seed))


def test_words_come_in_order_and_longer_ones_take_longer() -> None:
    spoken = caller("i want to buy something")
    assert [word for word, _ in spoken.heard] == ["i", "want", "to", "buy", "something"]
    times = [0.0, *(at for _, at in spoken.heard)]
    lengths = np.diff(times)
    assert lengths.argmax() == 4
    assert times[-1] == pytest.approx(spoken.ends_s)
    assert 5 / 3.6 <= spoken.ends_s <= 5 / 1.6
    assert spoken.by(0.0) == ""
    assert spoken.by(times[2]) == "i want"
    assert spoken == caller("i want to buy something")


def test_a_sure_caller_is_decided_while_speaking_and_only_on_what_was_said() -> None:
    spoken = caller("i want to buy a thing and then another thing and one more")
    ended = live(generation(rules=()), spoken)
    assert (ended.early, ended.routed, ended.right) == (True, True, True)
    heard = spoken.by(ended.listened_s - LAG_S).split()
    assert len(heard) >= 5
    assert said(len(heard), ended.listened_s) == len(heard)
    assert ended.listened_s < spoken.ends_s


def test_a_caller_who_says_nothing_clear_is_heard_out_and_goes_to_a_person() -> None:
    spoken = caller("well this is about a certain matter")
    ended = live(generation(rules=(), decision=DecisionSettings(ask=False)), spoken)
    assert (ended.early, ended.routed, ended.right) == (False, False, False)
    assert ended.listened_s == pytest.approx(spoken.ends_s + ENDPOINT_S + FINAL_S, abs=1e-5)


def test_a_caller_who_is_cut_is_decided_on_what_was_said_by_then() -> None:
    decision = DecisionSettings(min_words=1000, ask=False)
    cut = generation(rules=(), decision=decision, budget=Budget(listen_s=LEAD_S + 1.0))
    late, soon = caller("so about this matter of mine i want to buy"), caller("buy me something please and do it now")
    assert live(cut, late) == Ended(pytest.approx(1.0 + FORCED_S), early=False, routed=False, right=False)
    assert live(cut, soon) == Ended(pytest.approx(1.0 + FORCED_S), early=False, routed=True, right=True)


def test_the_figures_are_of_the_calls() -> None:
    tally = Tally([Ended(1.0, True, True, True), Ended(2.0, True, True, False), Ended(3.0, False, False, False)])
    shares = {name: tally.share(name) for name in (LISTENED, EARLY, WRONG_EARLY, RIGHT, PERSON)}
    assert shares == {
        LISTENED: 2.0,
        EARLY: pytest.approx(200 / 3),
        WRONG_EARLY: 50.0,
        RIGHT: 50.0,
        PERSON: pytest.approx(100 / 3),
    }
    assert Tally([Ended(3.0, False, False, False)]).share(WRONG_EARLY) is None


def tally_of(right: int, wrong: int, listened_s: float = 2.0) -> Tally:
    return Tally([Ended(listened_s, True, True, i < right) for i in range(right + wrong)])


def test_one_draw_has_no_interval_and_none_leaves_what_can_be() -> None:
    one = decide_stages._figure(RIGHT, [tally_of(96, 4)], None)
    assert (one.value, one.low, one.high) == (pytest.approx(96.0), None, None)
    two = decide_stages._figure(RIGHT, [tally_of(96, 4), tally_of(97, 3)], None)
    assert (two.low, two.high) == (pytest.approx(96.5 - 12.706 * 0.5, abs=1e-3), 100.0)
    ten = decide_stages._figure(LISTENED, [tally_of(1, 0, at) for at in range(1, 11)], None)
    assert ten.high == pytest.approx(5.5 + 2.262 * np.std(range(1, 11), ddof=1) / 10**0.5, abs=1e-3)
    assert decide_stages._figure(WRONG_EARLY, [tally_of(50, 0), tally_of(49, 1)], 3.0).low == 0.0


def test_a_share_that_no_draw_differs_in_has_the_interval_of_its_calls() -> None:
    """None wrong of 60 leaves up to 1 - 0.025 ** (1 / 60): a rule of three, on both sides."""
    none = decide_stages._figure(WRONG_EARLY, [tally_of(20, 0)] * 3, 3.0)
    assert (none.value, none.low, none.high) == (0.0, 0.0, pytest.approx(100 * (1 - 0.025 ** (1 / 60))))
    every = decide_stages._figure(RIGHT, [tally_of(20, 0)] * 3, None)
    assert (every.value, every.low, every.high) == (100.0, pytest.approx(100 - none.high), 100.0)
    low, high = decide_stages.over_calls([(3, 100), (2, 100)])
    assert binom.sf(4, 200, low / 100) == pytest.approx(0.025)
    assert binom.cdf(5, 200, high / 100) == pytest.approx(0.025)
    found = {("en", "clean", "x"): [tally_of(20, 0)] * 3}
    (row,) = decide_stages.findings(found, Plan((), 3, 20))
    assert "wrong among early, right among routed, to a person: the same in every draw" in row.note


def test_nobody_decided_early_where_everybody_is_heard_out_is_certain() -> None:
    heard = Tally([Ended(4.0, False, True, True)] * 20)
    certain = decide_stages._figure(EARLY, [heard] * 3, None, certain=True)
    assert (certain.value, certain.low, certain.high) == (0.0, None, None)
    chance = decide_stages._figure(EARLY, [heard] * 3, None)
    assert chance.high == pytest.approx(100 * (1 - 0.025 ** (1 / 60)))


def test_few_calls_of_a_real_recogniser_have_wide_intervals() -> None:
    figures = {figure.name: figure for figure in decide_heard._figures(tally_of(13, 0), decide_stages.FIXED)}
    assert figures[WRONG_EARLY].high == pytest.approx(100 * (1 - 0.025 ** (1 / 13)))
    assert figures[LISTENED].low is None
    heard = Tally([Ended(4.0, False, True, True)] * 13)
    waits = {figure.name: figure for figure in decide_heard._figures(heard, decide_stages.TO_THE_END)}
    assert (waits[EARLY].high, waits[WRONG_EARLY].value, waits[WRONG_EARLY].high) == (None, None, None)


def test_what_is_measured_is_the_rule_that_ships_and_the_one_before() -> None:
    ways = decide_stages.settings()
    fixed, _ = ways[decide_stages.FIXED]
    assert (fixed.early_threshold, fixed.min_words) == (STRICT, 5)
    assert [ways[decide_stages.allowing(error)][0].early_error for error in ALLOWED] == list(ALLOWED)
    assert not any(decision.ask for decision, _ in ways.values())


def rows_of(draws: int, *, alike: bool = False) -> list[report.Row]:
    """Rows of settings whose calls went anyhow, or (`alike`) went the same way under all of them."""
    rng = np.random.default_rng(1)

    def draw() -> Tally:
        return Tally([Ended(*row) for row in zip(rng.uniform(1, 5, 9), *(rng.random((3, 9)) < 0.7), strict=True)])

    same = [draw() for _ in range(draws)]
    found = {
        ("en", rate, name): same if alike else [draw() for _ in range(draws)]
        for rate in decide_stages.ERROR_RATES
        for name in decide_stages.settings()
    }
    findings = decide_stages.findings(found, Plan((), draws, 9))
    return [report.as_row("decide", finding.as_row(), quick=draws == 1) for finding in findings]


@pytest.mark.parametrize(("draws", "alike"), [(10, False), (1, True)])
def test_no_label_of_the_picture_lies_on_another(draws: int, alike: bool) -> None:
    drawing = decide_picture.picture(rows_of(draws, alike=alike))
    drawing.canvas.draw()
    labels = [[text for text in axes.texts if text.get_text().endswith(" %")] for axes in drawing.axes]
    assert [len(one) for one in labels] == [len(ALLOWED)] * 4 + [0] * 2
    for one in labels:
        boxes = [Text.get_window_extent(label) for label in one]
        assert not any(first.overlaps(second) for first, second in combinations(boxes, 2))
        if one:
            frame = one[0].axes.get_window_extent()
            assert all(frame.x0 <= box.x0 and box.x1 <= frame.x1 and box.y1 <= frame.y1 for box in boxes)
    pyplot.close(drawing)


def test_labels_are_spread_and_stay_inside() -> None:
    assert decide_picture.spread([0.2, 0.5, 0.9], 0.1) == [0.2, 0.5, 0.9]
    for wanted in ([0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [0.5, 0.5, 0.51], [0.9, 0.95, 0.96]):
        places = decide_picture.spread(wanted, 0.1)
        assert all(after - before >= 0.1 - 1e-9 for before, after in pairwise(places))
        assert min(places) >= 0.05 - 1e-9
        assert max(places) <= 0.95 + 1e-9


def test_the_picture_says_how_sure_it_is() -> None:
    assert decide_picture.title(rows_of(10)).endswith(
        "(bars and bands: 95 %, over draws; over calls where no draw differs)"
    )
    look = decide_picture.title(rows_of(1))
    assert look.startswith("A quick look. ")
    assert "no intervals" in look
    assert "95 %" not in look


def test_the_picture_is_drawn_from_the_rows(tmp_path: Path) -> None:
    rows = rows_of(10)
    for row in rows:
        assert all(figure["low"] < figure["value"] < figure["high"] for figure in row.figures[:2])
    rows.append(replace(rows[0], name="English, a real recogniser: heard to the end"))
    assert report.own_pictures(tmp_path, {}, rows) == ["decide.png"]
    assert (tmp_path / "decide.png").read_bytes().startswith(b"\x89PNG")
