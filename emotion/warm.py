"""Everything slow that happens once: compiling kernels and the first run of a model."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from emotion.model import ToneModel
from emotion.tracker import Tracker

_ROOM = Path(__file__).parent


def kernels_key() -> str:
    """Twelve hex digits that change with the source of any kernel or table.

    Numba refreshes a cached kernel when its own file changes, not when a file that it uses does: a cache
    folder that carries this key in its name (`NUMBA_CACHE_DIR`, set before Numba is imported) can never
    serve an old one.
    """
    digest = hashlib.sha256()
    for file in (*sorted((_ROOM / "kernels").glob("*.py")), _ROOM / "layout.py", _ROOM / "tables.py"):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def warm_up(model: ToneModel | None = None) -> ToneModel:
    """Compile or load all kernels, load the model (the shipped one unless given), run both once, return the model.

    Raises
    ------
    ModelError
        If the shipped model cannot be used.
    """
    ready = model if model is not None else ToneModel.load()
    tracker = Tracker(ready)
    t = np.arange(160)
    for frame in range(150):
        # A gliding buzz: pitched, so that every path of the tracker runs.
        phase = (t + 160 * frame) * (0.11 + 0.0001 * frame)
        tracker.push((4000.0 * np.sign(np.sin(phase))).astype(np.int16), True)
    tracker.close()
    return ready
