"""The folder of what was learnt stays small, whoever shares it, and keeps what was used last."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from router.intent import IntentModel, artifact, stored_file
from router.intent.artifact import KEPT
from tests.router.intent.test_model import SMALL


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> dict[str, artifact.Fitted]:
    folder = tmp_path_factory.mktemp("learnt")
    IntentModel.fit(SMALL, cache_dir=folder)
    found = artifact.load(stored_file(SMALL, folder))
    assert found is not None
    return found


def store(folder: Path, learnt: dict[str, artifact.Fitted], name: str, used_s: float) -> Path:
    """Store a model and say when it was used."""
    file = artifact.file_of(folder, name)
    artifact.save(file, learnt)
    os.utime(file, (used_s, used_s))
    return file


def test_what_is_stored_is_where_it_is_looked_for(tmp_path: Path) -> None:
    IntentModel.fit(SMALL, cache_dir=tmp_path)
    assert list(tmp_path.iterdir()) == [stored_file(SMALL, tmp_path)]
    assert stored_file(SMALL, tmp_path, "an encoder") != stored_file(SMALL, tmp_path)
    assert stored_file((replace(SMALL[0], examples=("pay",)), *SMALL[1:]), tmp_path) != stored_file(SMALL, tmp_path)


def test_only_those_used_last_are_kept(tmp_path: Path, learnt: dict[str, artifact.Fitted]) -> None:
    files = [store(tmp_path, learnt, f"{number:032x}", 1e9 + number) for number in range(KEPT)]
    assert artifact.load(files[0]) is not None, "which marks it as used now"
    store(tmp_path, learnt, "a" * 32, 2e9)
    left = set(tmp_path.iterdir())
    assert len(left) == KEPT
    assert files[0] in left
    assert files[1] not in left


def test_files_of_others_and_of_writers_at_work_stay(tmp_path: Path, learnt: dict[str, artifact.Fitted]) -> None:
    (other, written, torn) = (tmp_path / name for name in ("notes.npz", "intents-a.npzabc", "intents-b.npzdef"))
    for file in (other, written, torn):
        file.write_bytes(b"")
    os.utime(torn, (1e9, 1e9))
    for number in range(KEPT + 3):
        store(tmp_path, learnt, f"{number:032x}", 1.1e9 + number)
    assert other.exists()
    assert written.exists()
    assert not torn.exists(), "its writer was killed long ago"
    assert len(list(tmp_path.glob("*.npz"))) == KEPT + 1
