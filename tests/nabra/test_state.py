"""The state directory."""

import os
from pathlib import Path

import pytest

from emotion import kernels_key
from nabra.state import recogniser_cache, state_dir, use_kernel_cache


def test_own_variable_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("NABRA_STATE", str(tmp_path / "mine"))
    assert state_dir() == tmp_path / "mine"


def test_xdg_then_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NABRA_STATE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    assert state_dir() == tmp_path / "xdg" / "nabra"
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    assert state_dir() == tmp_path / ".local" / "state" / "nabra"


def test_kernels_are_cached_beside_the_records(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", "")
    cache = tmp_path / f"kernels-{kernels_key()}"
    assert use_kernel_cache(tmp_path) == cache
    assert os.environ["NUMBA_CACHE_DIR"] == str(cache)
    assert use_kernel_cache(tmp_path / "other") == cache


def test_no_place_for_kernels_is_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", "")
    (tmp_path / "file").write_text("")
    assert use_kernel_cache(tmp_path / "file") is None
    assert os.environ["NUMBA_CACHE_DIR"] == ""


def test_recognisers_are_kept_in_the_state_or_where_a_variable_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("NABRA_RECOGNISER_CACHE")
    assert recogniser_cache(tmp_path) == tmp_path / "recognisers"
    monkeypatch.setenv("NABRA_RECOGNISER_CACHE", str(tmp_path / "shared"))
    assert recogniser_cache(tmp_path / "state") == tmp_path / "shared"
