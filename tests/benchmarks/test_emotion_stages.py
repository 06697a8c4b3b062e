"""The stages of tone are measured, set beside peers, and told with how well the model that ships hears."""

from benchmarks.emotion_stages import measure
from benchmarks.report import as_row
from benchmarks.timing import Stage


def test_every_stage_is_measured_and_every_figure_says_where_it_is_from() -> None:
    rows = measure(quick=True)
    stages = [row for row in rows if isinstance(row, Stage)]
    assert len(stages) == 8
    for stage in stages:
        for spread in (stage.wall_us, stage.cpu_us):
            assert 0 < spread.p50 <= spread.p95 <= spread.p99 <= spread.p999 <= spread.max
        assert stage.count >= 500
    told = [as_row("emotion", row) for row in rows if not isinstance(row, Stage)]
    assert "times our streamed descriptors" in next(row.note for row in told if row.name.startswith("librosa"))
    figures = [row for row in told if not row.name.startswith(("librosa", "openSMILE"))]
    assert {"anger, each corpus left out", "arousal, each corpus left out"} <= {row.name for row in figures}
    for row in figures:
        assert "from training" in row.note or "measured now" in row.note or "not measured:" in row.note, row
