"""The Makefile: what it says where Python is not right, and when it installs."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT

WITHOUT_VENV = """#!/bin/sh
case "$*" in *ensurepip*) exit 1;; --version) echo Python 3.11.2;; esac
"""
TOO_OLD = """#!/bin/sh
case "$*" in *version_info*) exit 1;; --version) echo Python 3.9.2;; esac
"""
COUNTS_INSTALLS = """#!/bin/sh
echo "$*" >> installs
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "a checkout with spaces"
    folder.mkdir()
    for name in ("Makefile", "setup.cfg", "pyproject.toml"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def make(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", *words], cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_a_split_off_venv_is_named(checkout: Path) -> None:
    script(checkout / "py", WITHOUT_VENV)
    done = make(checkout, "test", "PYTHON=./py")
    assert done.returncode != 0
    assert "apt-get install python3-venv" in done.stdout


def test_an_old_python_is_refused_with_what_is_needed(checkout: Path) -> None:
    script(checkout / "py", TOO_OLD)
    done = make(checkout, "demo", "PYTHON=./py")
    assert done.returncode != 0
    assert "needs Python 3.11 or newer" in done.stdout
    assert "Python 3.9.2" in done.stdout
    assert "needs Python 3.11 or newer" in make(checkout, "demo", "PYTHON=").stdout


def test_packages_are_installed_once_and_again_only_where_the_metadata_changed(checkout: Path) -> None:
    script(checkout / ".venv" / "bin" / "python", COUNTS_INSTALLS)
    (checkout / ".venv" / ".created").touch()
    installs = checkout / "installs"

    def count() -> int:
        done = make(checkout, ".venv/.dev")
        assert done.returncode == 0, done.stderr
        return len(installs.read_text().splitlines())

    assert count() == 1
    assert "-e .[dev]" in installs.read_text()
    assert count() == 1
    (checkout / "setup.cfg").touch()
    assert count() == 1
    with (checkout / "setup.cfg").open("a") as file:
        file.write("# changed\n")
    # a clock tick may be longer than all of this took
    os.utime(checkout / "setup.cfg", (time.time() + 2, time.time() + 2))
    assert count() == 2


def test_a_failed_installation_is_tried_again(checkout: Path) -> None:
    script(checkout / ".venv" / "bin" / "python", COUNTS_INSTALLS + "exit 1\n")
    (checkout / ".venv" / ".created").touch()
    assert make(checkout, ".venv/.runtime").returncode != 0
    script(checkout / ".venv" / "bin" / "python", COUNTS_INSTALLS)
    assert make(checkout, ".venv/.runtime").returncode == 0
    assert len((checkout / "installs").read_text().splitlines()) == 2


def test_the_unit_drains_before_it_kills_and_may_not_do_much() -> None:
    lines = (ROOT / "nabra" / "operations" / "nabra.service").read_text().splitlines()
    unit = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    assert unit["ExecReload"] == "/bin/kill -HUP $MAINPID"
    assert (unit["KillSignal"], unit["Restart"]) == ("SIGTERM", "always")
    assert float(unit["TimeoutStopSec"]) > 20
    assert unit["EnvironmentFile"] == "-/etc/nabra/secret.env"
    assert (unit["NoNewPrivileges"], unit["ProtectSystem"], unit["CapabilityBoundingSet"]) == ("yes", "strict", "")
