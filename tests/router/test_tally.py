"""Many calls counted: however they are parted, they add up."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from router.deciding import DECIDING
from router.tally import EXAMPLES, Seconds, Tally
from router.whatif import Compared, compare, from_row, to_row
from tests.router.test_replay import buyer, calm, under
from tests.router.test_whatif import CALLS


def counted(calls: Sequence[Compared]) -> Tally:
    tally = Tally()
    for call in calls:
        tally.add(call)
    return tally


@given(CALLS, st.integers(0, 30))
def test_tallies_add_up_wherever_the_calls_are_parted(calls: list[Compared], at: int) -> None:
    whole, first, second = counted(calls), counted(calls[:at]), counted(calls[at:])
    first.merge(second)
    for group in (*first.groups.values(), *whole.groups.values()):
        group.later_s = round(group.later_s, 3) + 0.0
    assert first == whole
    assert whole.calls == whole.same + whole.changed + whole.unknown.total() == len(calls)
    assert sum(group.calls for group in whole.groups.values()) == whole.changed
    assert whole.paths.total() == whole.known
    assert all(len(group.examples) <= EXAMPLES for group in whole.groups.values())


def test_seconds_are_told_apart_by_side_and_share() -> None:
    seconds = Seconds()
    for value in (-2.0, -0.5, -0.5, 1.0, 3.0):
        seconds.add(value)
    assert (len(seconds.side(later=True)), len(seconds.side(later=False))) == (2, 3)
    assert seconds.side(later=False).quantile(0.5) == 0.5
    assert seconds.side(later=True).quantile(0.9) == 3.0
    assert Seconds().quantile(0.5) == 0.0


def test_calls_that_another_version_decided_are_counted() -> None:
    record = buyer(calm())
    assert not compare(under(record, calm())).other_version
    of_before = {**record, "generation": {**record["generation"], "deciding": DECIDING + 1}}
    del record["generation"]["deciding"]
    tally = Tally()
    for one in (record, of_before):
        compared = compare(under(one, calm()))
        assert compared.other_version
        assert from_row(to_row(compared)) == compared
        tally.add(compared)
    assert tally.other_version == 2
    tally.merge(tally)
    assert tally.other_version == 4
