"""Compiled kernels: Fourier transform, mel bands, spectral shape, pitch, statistics.

Each kernel is a few lines, has one explicit signature, allocates nothing, and releases the interpreter lock;
no fast-math, so that the same samples give the same bits on every path. Importing this package compiles them
(or loads them from Numba's cache): the rest of the room imports them when the first extractor is made, not
before.
"""

from __future__ import annotations

from pathlib import Path

import numba

from emotion.warm import kernels_key

# Numba takes a cached kernel for current while its own file is unchanged, whatever became of the kernels and
# the layout that were compiled into it; one for rows of another width would write beside them. Unless a cache
# folder was chosen from outside, each state of the sources therefore has its own, and all kernels are compiled here.
_CHOSEN = numba.config.CACHE_DIR
if not _CHOSEN:
    numba.config.CACHE_DIR = str(Path(__file__).parent / "__pycache__" / kernels_key())
try:
    from emotion.kernels import frames, statistics, steps, summary
finally:
    numba.config.CACHE_DIR = _CHOSEN

__all__ = ["frames", "statistics", "steps", "summary"]
