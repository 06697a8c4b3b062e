"""The whole demonstration, shortened: real engine, real sockets, three callers at once."""

import asyncio
import json
from pathlib import Path

import pytest

from nabra.demo.run import run
from nabra.demo.samples import load_samples
from nabra.errors import NabraError

EARLIER, SITE = (
    '{"kind": "decision", "call": "a", "pbx": "demo"}\n',
    '{"kind": "decision", "call": "b", "pbx": "main"}\n',
)
LEFT = {
    "of an earlier demonstration": EARLIER * 2,
    "of a site": SITE,
    "mixed": EARLIER + SITE,
    "no records": "mine\n",
}


def test_three_callers_are_routed_and_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    samples = {sample.name: sample for sample in load_samples()}
    chosen = [samples[name] for name in ("sales-upgrade", "key-zero", "arabic-bill")]
    left = {name: tmp_path / "records" / f"calls-99990101-000{number}.jsonl" for number, name in enumerate(LEFT, 1)}
    (tmp_path / "records").mkdir()
    for name, file in left.items():
        file.write_text(LEFT[name], encoding="utf-8")
    status = asyncio.run(run(out=tmp_path, as_json=True, samples=chosen, stagger_s=0.3))
    captured = capsys.readouterr()
    assert status == 0, captured.err
    sales, key, arabic = (json.loads(line) for line in captured.out.splitlines())

    assert (sales["destination"], sales["intent"], sales["queue"]) == ("sales", "upgrade", "sales")
    assert "upgrade" in sales["text"].lower()
    assert sales["synthetic"] is True
    assert sales["latency_ms"] is not None
    assert sales["queue_join_ms"] >= 0

    assert (key["destination"], key["rung"], key["latency_ms"]) == ("reception", "tone_and_keys", None)

    assert (arabic["destination"], arabic["rung"], arabic["text"]) == ("reception", "default", "")
    assert any("recogniser" in reason.lower() for reason in arabic["reasons"])

    for call in (sales, key, arabic):
        assert call["handed_back"]
        assert call["problem"] is None
        assert Path(call["picture"]).read_bytes().startswith(b"\x89PNG")
    assert {name for name, file in left.items() if file.exists()} == {"of a site", "mixed", "no records"}
    written = [file for file in (tmp_path / "records").iterdir() if file not in left.values()]
    records = [json.loads(line) for file in written for line in file.open(encoding="utf-8")]
    decided = {record["call"] for record in records if record["kind"] == "decision"}
    assert decided == {call["call"] for call in (sales, key, arabic)}
    assert "calls (sales-upgrade, en)" in captured.err
    assert "joins the queue" in captured.err


def test_no_calls_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NabraError, match="0 calls"):
        asyncio.run(run(calls=0, out=tmp_path))
