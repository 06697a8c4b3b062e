"""`nabra emotion` as a user runs it: lines in a pipe, drawings in a terminal, pictures in a folder."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from telephony.audio import read_audio, write_wav
from tests.conftest import ROOT
from tests.nabra.command_line import nabra

SAMPLES = ROOT / "nabra" / "demo" / "samples"
UPGRADE, SILENT = SAMPLES / "sales-upgrade.flac", SAMPLES / "silent.flac"


def started(*words: object, terminal: int, term: str = "xterm-256color") -> subprocess.Popen[str]:
    """Run the command in a process whose standard output is a terminal of 90 columns."""
    return subprocess.Popen(
        [sys.executable, "-m", "nabra", "emotion", *map(str, words)],
        stdin=subprocess.DEVNULL,
        stdout=terminal,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "TERM": term, "COLUMNS": "90", "LINES": "30"},
    )


def on_terminal(*words: object, interrupt_at: str = "", term: str = "xterm-256color") -> tuple[int, str, str]:
    """Run it in a terminal; interrupt it once a text was shown. Returns status, what was shown, and the errors."""
    ours, theirs = pty.openpty()
    process = started(*words, terminal=theirs, term=term)
    os.close(theirs)
    shown = b""
    while True:
        try:
            block = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        shown += block
        if interrupt_at and interrupt_at.encode() in shown:
            process.send_signal(signal.SIGINT)
            interrupt_at = ""
    os.close(ours)
    _, errors = process.communicate(timeout=120)
    return process.returncode, re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode("utf-8", "replace")), errors


def in_pipe(*words: object) -> tuple[int, str, str]:
    done = nabra("emotion", *words)
    return done.returncode, done.stdout, done.stderr


def test_a_pipe_gets_a_line_for_each_estimate() -> None:
    status, shown, _ = in_pipe(UPGRADE)
    assert status == 0
    lines = shown.splitlines()
    assert len(lines) > 8
    assert "abstains: too little voice" in lines[0]
    assert re.search(r"4\.25 s  voiced  2\.\d s  arousal 0\.\d\d  valence 0\.\d\d  anger 0\.\d\d\d  conf", lines[-1])
    assert "sound" not in shown


def test_a_terminal_gets_a_drawing_at_the_pace_of_the_sound() -> None:
    begun = time.monotonic()
    status, shown, errors = on_terminal(UPGRADE)
    assert (status, errors) == (0, "")
    assert time.monotonic() - begun > len(read_audio(UPGRADE)) / 8000
    assert "▶ sales-upgrade.flac" in shown
    assert shown.rindex("✓ sales-upgrade.flac") > shown.rindex("▶")
    last = shown[shown.rindex("✓") :]
    assert [name in last for name in ("sound", "anger", "alarm", "arousal", "valence", "seconds")] == [True] * 6


def test_many_files_are_drawn_and_summed_up_and_a_bad_one_is_named(tmp_path: Path) -> None:
    bad = tmp_path / "bad.wav"
    bad.write_text("this is text")
    status, shown, errors = on_terminal("--fast", UPGRADE, bad, SILENT)
    assert status == 1
    assert "bad.wav: not a sound file" in errors
    assert "Traceback" not in errors
    table = shown[shown.rindex("recording") :]
    assert re.search(r"sales-upgrade\.flac +4\.5 s", table)
    assert "abstains: no voice" in table


def test_interrupted_it_stops_and_leaves_what_was_drawn() -> None:
    status, shown, errors = on_terminal(UPGRADE, SILENT, interrupt_at="sales-upgrade.flac")
    assert status == 130
    assert "silent.flac" not in shown
    assert "Traceback" not in shown + errors
    assert "seconds" in shown


@pytest.mark.parametrize("words", [("--json",), ("--last",)])
def test_lines_stay_lines_in_a_terminal(words: tuple[str, ...]) -> None:
    status, shown, _ = on_terminal(*words, UPGRADE)
    assert status == 0
    assert "sound" not in shown
    assert str(UPGRADE) in shown


def test_a_terminal_that_cannot_redraw_gets_lines() -> None:
    status, shown, _ = on_terminal(UPGRADE, term="dumb")
    assert status == 0
    assert "voiced" in shown
    assert "▶" not in shown


def test_recordings_of_one_name_in_two_folders_have_a_picture_each(tmp_path: Path) -> None:
    calls = [tmp_path / folder / name for folder in ("a", "b", "c") for name in ("call.wav", "call-2.wav")]
    for call in calls:
        call.parent.mkdir(exist_ok=True)
        write_wav(call, np.full(1600, 500, np.int16))
    status, _, errors = in_pipe("--last", "--picture", tmp_path / "out", *calls, calls[0])
    assert (status, errors) == (0, "")
    assert len(list((tmp_path / "out").glob("*.png"))) == len(calls)


@pytest.mark.parametrize("samples", [1, 159, 1600])
def test_odd_recordings_are_drawn_and_said(samples: int, tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", np.full(samples, 500, np.int16))
    status, shown, errors = in_pipe("--picture", tmp_path / "out", tmp_path / "a.wav")
    assert (status, errors) == (0, "")
    assert "abstains: no voice" in shown
    assert (tmp_path / "out" / "a.png").read_bytes().startswith(b"\x89PNG")
    assert on_terminal("--fast", tmp_path / "a.wav")[0] == 0
