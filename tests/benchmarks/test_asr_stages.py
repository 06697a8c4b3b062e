"""The stages of recognition are measured and told in the form that the bench command collects."""

from benchmarks.asr_stages import stages


def test_every_stage_is_measured_in_order_of_percentiles() -> None:
    rows = stages(quick=True)
    assert len(rows) == 7
    for row in rows:
        assert set(row) == {"stage", "unit", "n", "p50", "p95", "p99", "p999", "cpu_mean"}
        assert 0 < row["p50"] <= row["p95"] <= row["p99"] <= row["p999"]
        assert row["n"] >= 3
