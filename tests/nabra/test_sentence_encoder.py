"""The sentence encoder itself, where it is installed: what it gives is what a reading of intents is learnt from."""

from __future__ import annotations

import numpy as np
import pytest

from nabra.sentence_encoder import PACKAGE, UseEncoder, installed

pytestmark = pytest.mark.skipif(not installed(), reason=f"{PACKAGE} is not installed")


def test_texts_that_mean_alike_are_alike_in_both_languages() -> None:
    encoder = UseEncoder()
    vectors = encoder.encode(["i forgot my password", "نسيت كلمة السر", "your driver was rude to me"])
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1, 1], abs=1e-4)
    same, other = vectors[0] @ vectors[1], vectors[0] @ vectors[2]
    assert same > other + 0.2
    assert PACKAGE in encoder.encoder_id


def test_no_text_gives_no_vector() -> None:
    assert UseEncoder().encode([]).shape == (0, 512)
