"""Rebuilt networks that were kept are those that were built, and nothing else is ever read for them."""

import logging
import os
import shutil
import threading
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from asr import moonshine_cache
from asr.errors import ModelInvalid
from asr.moonshine_cache import graphs_of
from asr.moonshine_engine import MoonshineEngine, embedded_model
from asr.moonshine_graph import NETWORKS, Graphs, build
from tests.asr.speech import embedded_speech


@pytest.fixture(scope="module")
def built() -> Graphs:
    return build(embedded_model())


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, built: Graphs) -> Path:
    """A folder with the file of one model."""
    folder = tmp_path_factory.mktemp("kept") / "made" / "on demand"
    assert alike(graphs_of(embedded_model(), folder), built)
    return folder


@pytest.fixture
def folder(kept: Path, tmp_path: Path) -> Path:
    shutil.copytree(kept, tmp_path / "kept")
    return tmp_path / "kept"


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch, built: Graphs) -> list[Path]:
    """Directories of which networks were built; that takes no time here."""
    models: list[Path] = []

    def once_more(model: Path) -> Graphs:
        models.append(model)
        return built

    monkeypatch.setattr(moonshine_cache, "build", once_more)
    return models


def alike(one: Graphs, other: Graphs) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in (f.name for f in fields(Graphs)))


def only(folder: Path) -> Path:
    (file,) = folder.iterdir()
    return file


def test_what_is_kept_is_what_was_built(folder: Path, built: Graphs, builds: list[Path]) -> None:
    found = graphs_of(embedded_model(), folder)
    assert builds == []
    assert alike(found, built)
    assert found.embedding.dtype == built.embedding.dtype


def test_an_engine_hears_the_same_words_with_what_is_kept(folder: Path, builds: list[Path]) -> None:
    texts = []
    for engine in (MoonshineEngine(embedded_model()), MoonshineEngine(embedded_model(), folder)):
        session = engine.session()
        session.feed(embedded_speech(16_000, 0.0, 3.0))
        texts.append(session.final())
        session.close()
    assert builds == [embedded_model()]
    assert texts[0] == texts[1]
    assert "times" in texts[0].text


@pytest.mark.parametrize("at", [0, 40, 2_000, -1], ids=["digest", "facts", "network", "table"])
def test_what_was_damaged_is_built_again_and_mended(
    folder: Path, built: Graphs, builds: list[Path], at: int, caplog: pytest.LogCaptureFixture
) -> None:
    file = only(folder)
    whole = file.read_bytes()
    damaged = bytearray(whole)
    damaged[at] ^= 1
    file.write_bytes(damaged)
    with caplog.at_level(logging.WARNING):
        assert alike(graphs_of(embedded_model(), folder), built)
    assert "was damaged" in caplog.text
    assert len(builds) == 1
    assert only(folder).read_bytes() == whole


@pytest.mark.parametrize("size", [0, 10, 32, 100, 1_000_000])
def test_a_file_that_was_cut_off_is_not_read(folder: Path, built: Graphs, builds: list[Path], size: int) -> None:
    os.truncate(only(folder), size)
    assert alike(graphs_of(embedded_model(), folder), built)
    assert len(builds) == 1


def test_another_model_under_the_same_name_has_its_own(folder: Path, tmp_path: Path, builds: list[Path]) -> None:
    model = tmp_path / embedded_model().name
    shutil.copytree(embedded_model(), model)
    graphs_of(model, folder)
    assert builds == [], "the same files elsewhere are the same model"
    for name in NETWORKS:
        file = model / f"{name}.ort"
        whole = bytearray(file.read_bytes())
        whole[-1] ^= 1
        file.write_bytes(whole)
        graphs_of(model, folder)
    assert builds == [model, model]
    assert len(list(folder.iterdir())) == 3


def test_another_builder_or_package_reads_nothing_of_the_old(
    folder: Path, tmp_path: Path, builds: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "moonshine_graph.py"
    source.write_text("# another\n")
    with monkeypatch.context() as patched:
        patched.setattr(moonshine_cache.moonshine_graph, "__file__", str(source))
        graphs_of(embedded_model(), folder)
    monkeypatch.setattr(moonshine_cache.onnxruntime, "__version__", "99")
    graphs_of(embedded_model(), folder)
    assert len(builds) == 2


def test_a_file_of_another_key_is_not_taken_for_its_name(folder: Path, tmp_path: Path, builds: list[Path]) -> None:
    model = tmp_path / "other"
    shutil.copytree(embedded_model(), model)
    with (model / "encoder_model.ort").open("ab") as file:
        file.write(b"more")
    ours = only(folder)
    graphs_of(model, folder)
    (theirs,) = set(folder.iterdir()) - {ours}
    os.replace(ours, theirs)
    graphs_of(model, folder)
    assert builds == [model, model]


def test_where_nothing_can_be_kept_it_is_built(tmp_path: Path, built: Graphs, builds: list[Path]) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below", None):
        assert alike(graphs_of(embedded_model(), folder), built)
    assert len(builds) == 3


def test_what_cannot_be_built_leaves_nothing(tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    for name in (*(f"{network}.ort" for network in NETWORKS), "tokenizer.bin"):
        (model / name).write_bytes(b"\x03abc")
    with pytest.raises(ModelInvalid, match="cannot read"):
        MoonshineEngine(model, tmp_path / "kept").load()
    assert not (tmp_path / "kept").exists()


def test_a_disk_that_fills_up_leaves_no_half_of_a_file(
    tmp_path: Path, builds: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_paths: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    graphs_of(embedded_model(), tmp_path / "kept")
    assert list((tmp_path / "kept").iterdir()) == []
    assert len(builds) == 1


def test_the_oldest_are_thrown_away(folder: Path, tmp_path: Path, builds: list[Path]) -> None:
    ours = only(folder)
    for age in range(6):
        other = folder / f"moonshine-{age:016x}{'.part' if age % 2 else ''}"
        other.write_bytes(b"of an older release")
        os.utime(other, (1000 - age, 1000 - age))
    (folder / "other").write_text("not ours")
    os.utime(ours, (1, 1))
    graphs_of(embedded_model(), folder)
    model = tmp_path / "other"
    shutil.copytree(embedded_model(), model)
    with (model / "encoder_model.ort").open("ab") as file:
        file.write(b"more")
    graphs_of(model, folder)
    left = {path.name for path in folder.iterdir()}
    assert {ours.name, "other", f"moonshine-{0:016x}", f"moonshine-{1:016x}.part"} < left
    assert len(left) == 5, "what was used last is kept: four files of ours"


def test_processes_that_start_together_do_not_spoil_each_others(
    tmp_path: Path, built: Graphs, builds: list[Path]
) -> None:
    found: list[Graphs] = []
    threads = [
        threading.Thread(target=lambda: found.append(graphs_of(embedded_model(), tmp_path / "kept"))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert all(alike(graphs, built) for graphs in found)
    before = len(builds)
    assert alike(graphs_of(embedded_model(), tmp_path / "kept"), built)
    assert len(builds) == before
    only(tmp_path / "kept")
