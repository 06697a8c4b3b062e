"""Work that is kept between runs: arrays by recording, so that an interrupted training goes on where it was."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Cache:
    """Arrays of recordings, one file each, made by one recipe.

    Parameters
    ----------
    folder : where to keep them; None keeps nothing.
    recipe : everything but the recording that the arrays depend on; another recipe finds nothing.
    """

    def __init__(self, folder: Path | None, recipe: str) -> None:
        name = hashlib.sha256(recipe.encode()).hexdigest()[:12]
        self._folder = None if folder is None else folder / name

    def get(self, recording: str) -> dict[str, NDArray[Any]] | None:
        """Return the arrays of a recording (by its digest), or None where none are kept, or they are damaged."""
        if self._folder is None:
            return None
        try:
            with np.load(self._file(self._folder, recording), allow_pickle=False) as kept:
                return {name: kept[name] for name in kept.files}
        except Exception:  # whatever a damaged file makes of its readers: it is worked out anew
            return None

    def put(self, recording: str, arrays: dict[str, NDArray[Any]]) -> None:
        """Keep the arrays of a recording; the file appears whole or not at all."""
        if self._folder is None:
            return
        file = self._file(self._folder, recording)
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=file.parent, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as out:
                np.savez(out, **arrays)  # type: ignore[arg-type]
            os.replace(name, file)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    @staticmethod
    def _file(folder: Path, recording: str) -> Path:
        return folder / recording[:2] / f"{recording[2:]}.npz"


def digest(pcm: NDArray[np.int16]) -> str:
    """Name a recording by its samples: the same wherever the file lies."""
    return hashlib.sha256(np.ascontiguousarray(pcm).tobytes()).hexdigest()[:32]
