"""What was learnt of each language, and how it is kept on disk: arrays and JSON in one .npz, no pickle.

A stored file is found by what it was learnt from. One that is damaged, cut short or changed is not used: its
name says what it was learnt from, its content carries the hash of what was learnt, and both must agree. The
caller then learns anew.

A folder keeps the KEPT files that were used last, whoever used them: loading one marks it as used, and storing one
takes the others away. Several services may share a folder: what one of them takes away is in the memory of whoever
uses it, and is learnt anew where it is asked for again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from router.intent.lexical import LexicalModel
from router.intent.sentences import SentenceModel
from router.stopping import Aloud

KEPT = 16
"""Files in a folder: a configuration, its edits of a day, and as much for a few sites beside it."""
_TORN_S = 3600.0
"""A file half written that is older than this is one whose writer was killed."""

_LEXICAL = ("weights", "idf_squared", "odds", "intercept", "temperatures")
_SENTENCES = ("weights", "factors", "usual")
_ALOUD = ("sure", "right")


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """What was learnt of one language.

    Attributes
    ----------
    lexical : reads words.
    held_out : float32 (examples, classes), what models that had not learnt an example made of it, calibrated,
        in the order of the examples; a row of zeros where there was no such model.
    aloud : the same examples as a caller says them, word by word; None where there was no such model.
    sentences : reads a sentence encoder's vectors; None where it was fitted without one.
    """

    lexical: LexicalModel
    held_out: NDArray[np.float32] = field(repr=False)
    aloud: Aloud | None = field(default=None, repr=False)
    sentences: SentenceModel | None = None


def content_hash(models: Mapping[str, Fitted]) -> str:
    """SHA-256, in hex, of everything that was learnt."""
    digest = hashlib.sha256()
    for language in sorted(models):
        digest.update(_described(language, models[language]).encode())
        for name, array in sorted(_arrays(language, models[language]).items()):
            digest.update(f"\n{name}\n".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def file_of(folder: Path, key: str) -> Path:
    """Return the file of what was learnt of something; `key` is a hash of that, in hex."""
    return folder / f"intents-{key[:32]}.npz"


def save(file: Path, models: Mapping[str, Fitted]) -> None:
    """Write models so that a reader finds all of them or none; raises OSError where that cannot be."""
    arrays: dict[str, NDArray[np.generic]] = {"hash": _packed(content_hash(models)), "name": _packed(file.name)}
    for language, model in models.items():
        arrays[f"{language}.about"] = _packed(_described(language, model))
        arrays.update(_arrays(language, model))
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=file.parent, prefix=file.name, delete=False) as stream:
        try:
            np.savez(stream, allow_pickle=False, **arrays)
            stream.close()
            os.replace(stream.name, file)
        except BaseException:
            os.unlink(stream.name)
            raise
    _tidy(file)


def load(file: Path) -> dict[str, Fitted] | None:
    """The models in a file, or None where there is none that can be trusted."""
    try:
        with np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        languages = [name.removesuffix(".about") for name in arrays if name.endswith(".about")]
        models = {language: _model(language, arrays) for language in languages}
        trusted = _unpacked(arrays["hash"]) == content_hash(models)
        trusted = trusted and _unpacked(arrays["name"]) == file.name
    except Exception:  # whatever a damaged file makes of its readers: it is learnt anew
        return None
    if trusted:
        with contextlib.suppress(OSError):
            os.utime(file)
    return models if trusted else None


def _tidy(newest: Path) -> None:
    """Take away all but the KEPT files used last, and what writers that were killed left half written."""
    used: list[tuple[float, Path]] = []
    # Another service may take the same away at the same time.
    with contextlib.suppress(OSError):
        now_s = newest.stat().st_mtime
        for file in newest.parent.glob("intents-*.npz*"):
            with contextlib.suppress(OSError):
                at_s = file.stat().st_mtime
                if file.suffix == ".npz":
                    used.append((at_s, file))
                elif at_s < now_s - _TORN_S:
                    file.unlink()
    for _, file in sorted(used, reverse=True)[KEPT:]:
        with contextlib.suppress(OSError):
            file.unlink()


def _arrays(language: str, model: Fitted) -> dict[str, NDArray[np.generic]]:
    arrays: dict[str, NDArray[np.generic]] = {f"{language}.held_out": model.held_out}
    arrays |= {f"{language}.lexical.{name}": getattr(model.lexical, name) for name in _LEXICAL}
    if model.aloud is not None:
        arrays |= {f"{language}.aloud.{name}": getattr(model.aloud, name) for name in _ALOUD}
    if model.sentences is not None:
        arrays |= {f"{language}.sentences.{name}": getattr(model.sentences, name) for name in _SENTENCES}
    return arrays


def _model(language: str, arrays: Mapping[str, NDArray[np.generic]]) -> Fitted:
    about = json.loads(_unpacked(arrays[f"{language}.about"]))
    words, letters = about["words"], about["letters"]
    lexical = LexicalModel(
        intents=tuple(about["intents"]),
        word_rows={piece: row for row, piece in enumerate(words)},
        letter_rows={piece: len(words) + row for row, piece in enumerate(letters)},
        **{name: arrays[f"{language}.lexical.{name}"] for name in _LEXICAL},  # type: ignore[arg-type]
    )
    aloud, sentences = None, None
    if about["aloud"]:
        aloud = Aloud(**{name: arrays[f"{language}.aloud.{name}"] for name in _ALOUD})  # type: ignore[arg-type]
    if about["sentences"]:
        sentences = SentenceModel(
            **{name: arrays[f"{language}.sentences.{name}"] for name in _SENTENCES}  # type: ignore[arg-type]
        )
    return Fitted(lexical, arrays[f"{language}.held_out"], aloud, sentences)  # type: ignore[arg-type]


def _described(language: str, model: Fitted) -> str:
    about = {
        "language": language,
        "intents": list(model.lexical.intents),
        "words": list(model.lexical.word_rows),
        "letters": list(model.lexical.letter_rows),
        "aloud": model.aloud is not None,
        "sentences": model.sentences is not None,
    }
    return json.dumps(about, ensure_ascii=False)


def _packed(text: str) -> NDArray[np.uint8]:
    return np.frombuffer(text.encode(), dtype=np.uint8)


def _unpacked(array: NDArray[np.generic]) -> str:
    return array.tobytes().decode()
