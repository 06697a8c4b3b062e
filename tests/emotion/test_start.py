"""What importing the room costs, and that cached kernels can never be stale ones."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from emotion import kernels_key, warm


def test_importing_the_room_compiles_nothing_and_loads_no_runtime() -> None:
    heavy = "{'numba', 'onnxruntime', 'sklearn', 'librosa', 'onnx', 'emotion.kernels.frames'}"
    code = f"import sys, emotion; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_kernels_key_follows_the_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = tmp_path / "emotion"
    (room / "kernels").mkdir(parents=True)
    for name in ("kernels/a.py", "layout.py", "tables.py"):
        (room / name).write_text("x = 1\n", encoding="utf-8")
    before = kernels_key()
    monkeypatch.setattr(warm, "_ROOM", room)
    first = kernels_key()
    (room / "tables.py").write_text("x = 2\n", encoding="utf-8")
    assert len({before, first, kernels_key()}) == 3


def test_all_kernels_are_kept_by_the_state_of_all_their_sources() -> None:
    """One that was kept elsewhere would read the columns of an older layout after an update."""
    code = """
import importlib, pkgutil
import emotion.kernels
from emotion import kernels_key
for found in pkgutil.iter_modules(emotion.kernels.__path__):
    for kernel in vars(importlib.import_module(f"emotion.kernels.{found.name}")).values():
        if path := getattr(getattr(kernel, "_cache", None), "cache_path", None):
            print(kernel.py_func.__name__, kernels_key() in path)
"""
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    kept = dict(line.split() for line in done.stdout.splitlines())
    assert len(kept) > 10
    assert set(kept.values()) == {"True"}, kept


def test_no_two_kernels_share_an_index_of_the_cache() -> None:
    # Two processes that compile at once would fill it with each other's files, and load the wrong kernel ever after.
    import importlib
    import pkgutil

    from numba.core.caching import FunctionCache
    from numba.core.dispatcher import Dispatcher

    import emotion.kernels

    cached: dict[tuple[str, str, int], int] = {}
    for found in pkgutil.iter_modules(emotion.kernels.__path__):
        module = importlib.import_module(f"emotion.kernels.{found.name}")
        for kernel in vars(module).values():
            if isinstance(kernel, Dispatcher) and isinstance(getattr(kernel, "_cache", None), FunctionCache):
                code = kernel.py_func.__code__
                place = (code.co_filename, code.co_qualname, code.co_firstlineno)
                assert cached.setdefault(place, id(kernel)) == id(kernel), place
                assert len(kernel.signatures) == 1, place
    assert len(cached) > 10
