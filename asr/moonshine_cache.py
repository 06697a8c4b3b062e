"""Moonshine's rebuilt networks on disk: built once on a machine, read by every process that starts after that.

Building them takes a second and several times the memory that they need afterwards. A file holds both networks of one
model and is named by the digest of everything that they are made of: the published files, the code that builds them,
and the packages that it uses. So it is never out of date; another model, or another release, has another file. What
has been damaged is found by its digest, and built again. Processes may start at the same time: each writes a file of
its own and gives it its name when it is whole.
"""

import contextlib
import hashlib
import json
import logging
import os
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from asr import moonshine_graph
from asr.moonshine_graph import NETWORKS, Graphs, build, model_file

_LOG = logging.getLogger(__name__)
_DIGEST_BYTES = hashlib.sha256().digest_size
# Up to 90 MB each: the models of one release, and of the one before it.
_MOST_KEPT = 4


def graphs_of(model: Path, folder: Path | None) -> Graphs:
    """Return the networks of a model directory: those that are kept for it, else built, and kept from now on.

    Parameters
    ----------
    model : Path
        Directory with encoder_model and decoder_model_merged, .ort or .onnx.
    folder : Path or None
        Where they are kept, made where it is missing; None keeps nothing. Where it cannot be written they are built
        by every process: slower to start, nothing worse.

    Raises
    ------
    ModelMissing, ModelInvalid
        As :func:`asr.moonshine_graph.build` does.
    """
    if folder is None:
        return build(model)
    key = _key(model)
    file = folder / f"moonshine-{key[:16]}"
    graphs = _read(file, key)
    if graphs is None:
        graphs = build(model)
        try:
            _write(file, key, graphs)
        except OSError as problem:
            _LOG.info("the networks of %s are not kept: %s", model.name, problem)
    return graphs


def _key(model: Path) -> str:
    """Return the digest of what the networks of a model are made of."""
    whole = hashlib.sha256()
    for path in (*(model_file(model, name) for name in NETWORKS), Path(moonshine_graph.__file__), Path(__file__)):
        with path.open("rb") as opened:
            whole.update(hashlib.file_digest(opened, "sha256").digest())
    for package in (np, onnx, onnxruntime):
        whole.update(f"{package.__name__} {package.__version__}\n".encode())
    return whole.hexdigest()


def _write(file: Path, key: str, graphs: Graphs) -> None:
    """Keep networks: the digest of all that follows it, a line of facts in JSON, both networks, the table of tokens."""
    table = np.ascontiguousarray(graphs.embedding)
    facts = {
        "key": key,
        "bytes": [len(graphs.encoder), len(graphs.decoder)],
        "table": [table.dtype.str, *table.shape],
        "scale": graphs.scale,
        "offset": graphs.offset,
        "layers": graphs.layers,
        "heads": graphs.heads,
        "head": graphs.head,
    }
    parts = (json.dumps(facts).encode() + b"\n", graphs.encoder, graphs.decoder, table.data)
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    made, name = tempfile.mkstemp(prefix="moonshine-", suffix=".part", dir=file.parent)
    try:
        with os.fdopen(made, "wb") as opened:
            opened.write(digest.digest())
            for part in parts:
                opened.write(part)
        os.replace(name, file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    for old in _newest_first(file.parent)[_MOST_KEPT:]:
        old.unlink(missing_ok=True)


def _newest_first(folder: Path) -> list[Path]:
    """Return what is kept, and what a process that was killed left half written, by when it was used last.

    Of many that write at the same moment one may lose its half to another's tidying: then that other's is whole.
    """
    used = {}
    for path in folder.glob("moonshine-*"):
        # Another process may tidy up at the same time.
        with contextlib.suppress(FileNotFoundError):
            used[path] = path.stat().st_mtime_ns
    return sorted(used, key=lambda path: used[path], reverse=True)


def _read(file: Path, key: str) -> Graphs | None:
    """Return the networks in a file, or None where there is none, or not what was written."""
    try:
        with file.open("rb") as opened:
            said = opened.read(_DIGEST_BYTES)
            if hashlib.file_digest(opened, "sha256").digest() != said:
                _LOG.warning("%s was damaged: it is made again", file)
                return None
            opened.seek(_DIGEST_BYTES)
            facts = json.loads(opened.readline())
            if facts["key"] != key:
                return None
            encoder, decoder = (opened.read(size) for size in facts["bytes"])
            kind, *shape = facts["table"]
            table = np.frombuffer(opened.read(), np.dtype(kind)).reshape(shape)
    except OSError:
        return None
    with contextlib.suppress(OSError):
        os.utime(file)
    return Graphs(
        encoder, decoder, table, facts["scale"], facts["offset"], facts["layers"], facts["heads"], facts["head"]
    )
