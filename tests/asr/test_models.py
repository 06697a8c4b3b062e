"""The models that ship are the files that their README says they are."""

import hashlib
import re
from pathlib import Path

import asr

MODELS = Path(asr.__file__).parent / "models"


def test_each_model_has_the_checksum_that_is_written_down() -> None:
    text = (MODELS / "README.md").read_text(encoding="utf-8")
    stated = dict(re.findall(r"sha256 of (\S+): `([0-9a-f]{64})`", text))
    shipped = {path.name for path in MODELS.iterdir() if path.suffix in (".onnx", ".ort", ".npz", ".bin")}
    assert shipped == set(stated), "each model that ships has its checksum in the README, and no other does"
    for name, digest in stated.items():
        assert hashlib.sha256((MODELS / name).read_bytes()).hexdigest() == digest, name
    assert (MODELS / "LICENSE.silero").stat().st_size > 500
