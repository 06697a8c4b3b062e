"""Ten thousand hostile cases against the protocol and a live server; and that the driver can fail."""

import json

import pytest

from benchmarks.fuzz_audiosocket import FuzzFailure, fuzz, main, make_case
from telephony.audiosocket import Connection
from telephony.server import AudioSocketServer, CallLeg

CASES = 10_000


def test_hostile_bytes_end_in_a_closed_connection_and_nothing_else() -> None:
    report = fuzz(CASES)
    assert report.good_unharmed
    assert report.good_samples_heard == report.good_samples_sent > 0
    assert report.connections_left == 0
    assert sum(report.server_ends.values()) == CASES
    assert report.server_ends["handed back"] > CASES // 4
    # Both verdicts must have been reached, or the cases prove little.
    assert report.core_accepted > 500
    assert report.core_refused > 10_000


def test_cases_are_the_same_each_time_and_cover_every_kind() -> None:
    cases = [make_case(1, index) for index in range(256)]
    assert cases == [make_case(1, index) for index in range(256)]
    assert all(sum(pieces) == len(data) for data, pieces, _ in cases)
    kinds = {data[19] if data[:3] == b"\x01\x00\x10" and len(data) > 19 else data[0] for data, _, _ in cases}
    assert len(kinds) == 256


def test_an_exception_outside_the_tree_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Connection) -> object:
        raise ValueError("not of the tree")

    monkeypatch.setattr(Connection, "next_event", broken)
    with pytest.raises(FuzzFailure, match="not of the tree"):
        fuzz(50)


def test_a_harmed_neighbour_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    # A server that takes its neighbours down with a hostile peer.
    def broken(self: AudioSocketServer, *_: object) -> None:
        for leg in list(self._legs):
            leg.hand_back()

    monkeypatch.setattr(AudioSocketServer, "complain", broken)
    with pytest.raises(FuzzFailure, match="well-behaved call was harmed"):
        fuzz(300)


def test_a_mistake_in_a_connection_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: CallLeg) -> None:
        raise KeyError("a mistake of ours")

    monkeypatch.setattr(CallLeg, "receive_eof", broken)
    with pytest.raises(FuzzFailure, match="a mistake of ours"):
        fuzz(300)


def test_the_command_prints_its_report(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--cases", "200", "--seed", "5"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["cases"] == 200
    assert report["good_unharmed"] is True
    with pytest.raises(SystemExit):
        main(["--cases", "0"])
