"""Fitted models on disk: arrays and JSON in one .npz, no pickle, found by what they were learnt from.

A stored model that is damaged, cut short or changed is not used: its name says what it was learnt from, its
content carries the hash of what was learnt, and both must agree. The caller then learns anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from router.intent.lexical import LexicalModel

_ARRAYS = ("weights", "idf_squared", "intercept", "temperatures")


def content_hash(models: Mapping[str, LexicalModel]) -> str:
    """SHA-256, in hex, of everything that inference uses."""
    digest = hashlib.sha256()
    for language in sorted(models):
        model = models[language]
        digest.update(_described(language, model).encode())
        for name in _ARRAYS:
            digest.update(np.ascontiguousarray(getattr(model, name)).tobytes())
    return digest.hexdigest()


def save(file: Path, models: Mapping[str, LexicalModel]) -> None:
    """Write models so that a reader finds all of them or none; raises OSError where that cannot be."""
    arrays: dict[str, NDArray[np.generic]] = {"hash": _packed(content_hash(models))}
    for language, model in models.items():
        arrays[f"{language}.about"] = _packed(_described(language, model))
        for name in _ARRAYS:
            arrays[f"{language}.{name}"] = getattr(model, name)
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=file.parent, prefix=file.name, delete=False) as stream:
        try:
            np.savez(stream, allow_pickle=False, **arrays)
            stream.close()
            os.replace(stream.name, file)
        except BaseException:
            os.unlink(stream.name)
            raise


def load(file: Path) -> dict[str, LexicalModel] | None:
    """The models in a file, or None where there is none that can be trusted."""
    try:
        with np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        languages = [name.removesuffix(".about") for name in arrays if name.endswith(".about")]
        models = {language: _model(language, arrays) for language in languages}
        trusted = _unpacked(arrays["hash"]) == content_hash(models)
    except (OSError, KeyError, TypeError, ValueError, EOFError, zipfile.BadZipFile, NotImplementedError):
        return None
    return models if trusted else None


def _model(language: str, arrays: Mapping[str, NDArray[np.generic]]) -> LexicalModel:
    about = json.loads(_unpacked(arrays[f"{language}.about"]))
    words, letters = about["words"], about["letters"]
    return LexicalModel(
        intents=tuple(about["intents"]),
        word_rows={piece: row for row, piece in enumerate(words)},
        letter_rows={piece: len(words) + row for row, piece in enumerate(letters)},
        **{name: arrays[f"{language}.{name}"] for name in _ARRAYS},  # type: ignore[arg-type]
    )


def _described(language: str, model: LexicalModel) -> str:
    about = {
        "language": language,
        "intents": list(model.intents),
        "words": list(model.word_rows),
        "letters": list(model.letter_rows),
    }
    return json.dumps(about, ensure_ascii=False)


def _packed(text: str) -> NDArray[np.uint8]:
    return np.frombuffer(text.encode(), dtype=np.uint8)


def _unpacked(array: NDArray[np.generic]) -> str:
    return array.tobytes().decode()
