"""nabra replay and nabra compare over a store of records, run as an operator runs them."""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import config
import nabra.whatif_view
from benchmarks.recorded_calls import recorded_calls
from config.schema import Records
from nabra.commands import compare, replay
from nabra.generations import fit
from nabra.whatif_page import _marks
from tests.conftest import ROOT

CALLS = 100
SCHEMA_1 = ROOT / "tests" / "router" / "record_schema_1.json"


def run(*words: object) -> int:
    parser = argparse.ArgumentParser()
    subparsers = parser.add_subparsers()
    for command in (replay, compare):
        command.add(subparsers)
    args = parser.parse_args([*map(str, words)])
    return int(args.func(args))


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the configuration `a`, another `b`, and the store of a day under `a`."""
    folder = tmp_path_factory.mktemp("site")
    for name in ("a", "b"):
        shutil.copytree(config.SHIPPED.parent, folder / name)
        text = (folder / name / "nabra.yaml").read_text(encoding="utf-8")
        if name == "b":
            rule = '  - name: "who cancels, sells"\n    when: intent == "cancel"\n    then: {route: sales}\n'
            text = text.replace("rules:\n", f"rules:\n{rule}", 1).replace(
                "early_threshold: null", "early_threshold: 0.99"
            )
        (folder / name / "nabra.yaml").write_text(text, encoding="utf-8")
    store = folder / "records"
    store.mkdir()
    records = list(recorded_calls(fit(config.load(folder / "a" / "nabra.yaml"), 1), CALLS))
    files = [store / "calls-20260101-0001.jsonl", store / "calls-20260101-0002.jsonl"]
    for file, part in zip(files, (records[: CALLS // 2], records[CALLS // 2 :]), strict=True):
        with file.open("w", encoding="utf-8") as out:
            for record in part:
                out.write(json.dumps(record, ensure_ascii=False) + "\n")
                for kind, waited in (("queue_join", None), ("queue_answer", 31.0)):
                    outcome = {"kind": "outcome", "call": record["call"], "outcome": kind, "waited_s": waited}
                    out.write(json.dumps(outcome) + "\n")
    return folder


def test_under_its_own_configuration_every_call_is_the_same(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("replay", site / "records", "--config", site / "a", "--json") == 0
    *calls, summary = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(calls) == CALLS
    assert {call["result"] for call in calls} == {"same"}
    assert (summary["calls"], summary["same"], summary["changed"], summary["unknown"]) == (CALLS, CALLS, 0, {})
    assert all(call["was"] == call["now"] for call in calls)


def test_changes_are_grouped_by_the_rule_that_did_them(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("replay", site / "records", "--config", site / "b", "--json") == 0
    *calls, summary = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    cancels = [call for call in calls if "destination" in call["changes"]]
    assert cancels
    assert {tuple(call["now"]["routed_by"]) for call in cancels} == {("rule_route", "who cancels, sells")}
    assert summary["same"] + summary["changed"] + sum(summary["unknown"].values()) == CALLS
    # A higher threshold listens on where the record has ended.
    assert summary["unknown"]["listened_longer"] > 0
    assert all(call["now"] is None for call in calls if call["result"] == "unknown")
    assert sum(group["calls"] for group in summary["groups"]) == summary["changed"]


def test_the_table_fits_and_the_files_hold_what_it_says(
    site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    out, web = tmp_path / "changed.csv", tmp_path / "page.html"
    assert run("replay", site / "records", "--config", site / "b", "--csv", out, "--html", web) == 0
    told = capsys.readouterr().out
    assert told.startswith(f"calls: {CALLS}; the same ")
    assert "rule 'who cancels" in told
    assert "Complaints → Sales" in told
    assert "the words (a" in told
    assert "cancellation)" in told
    known = int(re.findall(r"known under both: (\d+)", told)[0])
    assert 0 < known < CALLS
    assert sum(map(int, re.findall(r"^\w[\w -]*?\s+(\d+)\s+[\d.]+ %\s+\d+", told, re.MULTILINE))) == known
    assert max(map(len, told.split("written:")[0].splitlines())) <= 80
    rows = list(csv.DictReader(out.open(encoding="utf-8")))
    same = int(re.findall(r"the same (\d+)", told)[0])
    assert len(rows) == CALLS - same
    assert {row["result"] for row in rows} == {"changed", "unknown"}
    assert {row["now_because_of"] for row in rows if row["changes"].startswith("destination")} == {"who cancels, sells"}
    assert {row["was_because_of"] for row in rows if row["changes"].startswith("destination")} == {"cancel"}
    assert "who cancels" in web.read_text(encoding="utf-8")
    assert "the words (a cancellation)" in web.read_text(encoding="utf-8")
    assert not list(tmp_path.glob("*.part"))


def test_the_files_are_there_though_nobody_reads_what_is_printed(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(*_: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(nabra.whatif_view, "print_view", closed)
    out, web = tmp_path / "changed.csv", tmp_path / "page.html"
    with pytest.raises(BrokenPipeError):
        run("replay", site / "records", "--config", site / "b", "--csv", out, "--html", web)
    assert len(out.read_text(encoding="utf-8").splitlines()) > 1
    assert web.read_text(encoding="utf-8").endswith("</html>\n")


class Page(HTMLParser):
    """Checks that every element ends, and gathers text and what is fetched from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []
        self.fetched: list[str] = []
        self.direction: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "br"):
            self.open.append(tag)
        if tag == "html":
            self.direction = dict(attrs).get("dir")
        self.fetched += [name for name, _ in attrs if name in ("src", "href", "xlink:href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ("rect", "line", "path")

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.mark.parametrize(("language", "direction", "said"), [("en", "ltr", "What did it"), ("ar", "rtl", "المبيعات")])
def test_the_page_stands_alone_in_both_directions(
    site: Path, tmp_path: Path, language: str, direction: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    web = tmp_path / "page.html"
    words = ("replay", site / "records", "--config", site / "b", "--html", web, "--language", language)
    assert run(*words) == 0
    capsys.readouterr()
    page = Page()
    page.feed(web.read_text(encoding="utf-8"))
    assert page.open == []
    assert page.fetched == []
    assert page.direction == direction
    assert any(said in text for text in page.text)
    assert {str(site / "b" / "nabra.yaml"), str(site / "records")} <= set(page.text)
    figures = [text for text in page.text if "%" in text and "{" not in text]
    assert figures
    if direction == "rtl":
        assert all(len(re.findall("\u2066[\\d.]+%\u2069", text)) == text.count("%") for text in figures)
        assert not any(re.search("[\u0600-\u06ff\u2069)] ?[;,](?!\\d)", text) for text in page.text)

    for outside in ("http", "url(", "<script", "@import"):
        assert outside not in web.read_text(encoding="utf-8")


@pytest.mark.parametrize("most", [1, 2, 5, 6, 7, 10, 11, 49, 51, 99, 100, 12_345])
def test_counts_are_marked_at_a_few_round_numbers(most: int) -> None:
    none, step, *_ = marks = _marks(most)
    assert (none, marks[-1] <= most < marks[-1] + step) == (0, True)
    assert len(marks) <= 6
    assert marks == list(range(0, most + 1, step))
    assert str(step).strip("0") in ("1", "2", "5")


def test_names_are_no_markup_on_the_page(site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(site / "b", tmp_path / "c")
    edited = tmp_path / "c" / "nabra.yaml"
    edited.write_text(
        edited.read_text(encoding="utf-8").replace("who cancels, sells", "<b>&amp; [red]=1"), encoding="utf-8"
    )
    out, web = tmp_path / "c.csv", tmp_path / "c.html"
    assert run("replay", site / "records", "--config", tmp_path / "c", "--html", web, "--csv", out) == 0
    assert "<b>&amp; [red]=1" in " ".join(capsys.readouterr().out.split())
    assert "rule &#x27;&lt;b&gt;&amp;amp; [red]=1&#x27;" in web.read_text(encoding="utf-8")


def test_broken_lines_are_named_and_the_rest_goes_on(
    site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "some.jsonl"
    good = (site / "records" / "calls-20260101-0001.jsonl").read_text(encoding="utf-8").splitlines()[0]
    old = json.dumps(json.loads(SCHEMA_1.read_text(encoding="utf-8")))
    newer = json.dumps({**json.loads(good), "schema": 99})
    file.write_text(
        "\n".join([good, '{"kind": "dec', newer, old, "", '{"kind": "mood"}', good[:200]]), encoding="utf-8"
    )
    assert run("replay", file, "--config", site / "a", "--json") == 1
    told = capsys.readouterr()
    assert [line.split(": ")[1] for line in told.err.splitlines()] == [f"{file}:{n}" for n in (2, 3, 7)]
    assert "schema 99" in told.err
    summary = json.loads(told.out.splitlines()[-1])
    assert (summary["calls"], summary["broken_lines"]) == (2, 3)


def test_what_was_not_kept_is_unknown(site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from dataclasses import replace

    settings = config.load(site / "a" / "nabra.yaml")
    silent = fit(replace(settings, records=Records(keep_text=False), fingerprint="silent"), 1)
    file = tmp_path / "silent.jsonl"
    file.write_text("".join(json.dumps(record) + "\n" for record in recorded_calls(silent, 5)))
    assert run("replay", file, "--config", site / "a", "--json") == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["unknown"] == {"words_not_kept": 5}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("replay", "--config", "b"), "name the records"),
        (("replay", "r", "--config", "b", "--config", "a"), "once"),
        (("replay", "r", "--config", "b", "--jobs", "0"), "at least 1"),
        (("replay", "r", "--recordings", "calls", "--config", "b"), "either"),
        (("compare", "a", "b", "--jobs", "0"), "at least 1"),
    ],
)
def test_wrong_usage_is_said(words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*words) == 2
    assert said in capsys.readouterr().err


@pytest.fixture
def long_file(site: Path, tmp_path: Path) -> Iterator[Path]:
    text = "".join(file.read_text(encoding="utf-8") for file in sorted((site / "records").iterdir()))
    file = tmp_path / "long.jsonl"
    file.write_text(text * (40_000_000 // len(text.encode())), encoding="utf-8")
    yield file
    file.unlink()


def test_ctrl_c_leaves_nothing_half_done(site: Path, long_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "changed.csv"
    words = [long_file, "--config", site / "b", "--csv", out, "--jobs", "2"]
    program = "import sys; from nabra.commands import replay; from nabra.cli import main; sys.exit(main(sys.argv[1:]))"
    process = subprocess.Popen(
        [sys.executable, "-c", program, "replay", *map(str, words)],
        cwd=ROOT, env=dict(os.environ), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    part = out.with_name(out.name + ".part")
    while process.poll() is None and not (part.exists() and part.stat().st_size > 1000):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert not part.exists()
    assert not out.exists()


def test_compare_says_the_difference_and_what_really_happened(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("compare", site / "a", site / "b", "--records", site / "records", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["calls"] + told["unknown"] == CALLS
    sales = next(one for one in told["differences"] if (one["of"], one["destination"]) == ("destination", "sales"))
    assert sales["low"] <= sales["b_less_a"] <= sales["high"]
    assert sales["b_less_a"] == pytest.approx(sales["b"] - sales["a"], abs=1e-6)
    assert sales["b_less_a"] > 0
    assert sum(it["answered"] for it in told["really_happened"].values()) == CALLS
    assert {it["waited_p50_s"] for it in told["really_happened"].values()} == {31.0}
    for language, said in (("en", "points more calls to Sales"), ("ar", "المبيعات")):
        assert run("compare", site / "a", site / "b", "--records", site / "records", "--language", language) == 0
        text = "".join(capsys.readouterr().out.split())
        assert said.replace(" ", "") in text
        assert str(site / "a") in text
        assert str(site / "b") in text
        assert "-0.0" not in text
        assert not re.search("[٠-٩]", text)


def test_results_are_compared_as_configurations_are(
    site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = []
    for name in ("a", "b"):
        assert run("replay", site / "records", "--config", site / name, "--json") == 0
        files.append(tmp_path / f"{name}.jsonl")
        files[-1].write_text(capsys.readouterr().out, encoding="utf-8")
    assert run("compare", *files, "--config", site / "b", "--json") == 0
    of_results = json.loads(capsys.readouterr().out)
    assert run("compare", site / "a", site / "b", "--records", site / "records", "--json") == 0
    of_records = json.loads(capsys.readouterr().out)
    assert of_results["differences"] == of_records["differences"]
    assert of_results["unknown"] == of_records["unknown"]
