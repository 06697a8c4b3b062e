"""G.711 against published values, an independent implementation (libsndfile) and its own intervals."""

import io

import numpy as np
import pytest
import soundfile

from telephony.audio import AudioError, alaw_decode, alaw_encode, mulaw_decode, mulaw_encode

ALL_CODES = bytes(range(256))
ALL_SAMPLES = np.arange(-32768, 32768).astype(np.int16)


@pytest.mark.parametrize(
    ("code", "sample"),
    [(0x00, -32124), (0x80, 32124), (0xFF, 0), (0x7F, 0), (0xFE, 8), (0x7E, -8), (0xEF, 132), (0x0F, -16764)],
)
def test_mulaw_has_the_values_of_the_standard(code: int, sample: int) -> None:
    assert mulaw_decode(bytes([code])).tolist() == [sample]


@pytest.mark.parametrize(
    ("code", "sample"), [(0xD5, 8), (0x55, -8), (0xAA, 32256), (0x2A, -32256), (0xC5, 264), (0x80, 5504)]
)
def test_alaw_has_the_values_of_the_standard(code: int, sample: int) -> None:
    assert alaw_decode(bytes([code])).tolist() == [sample]


@pytest.mark.parametrize(("subtype", "decode"), [("ULAW", mulaw_decode), ("ALAW", alaw_decode)])
def test_every_code_decodes_as_libsndfile_decodes_it(subtype: str, decode) -> None:  # type: ignore[no-untyped-def]
    reference, _ = soundfile.read(
        io.BytesIO(ALL_CODES), dtype="int16", samplerate=8000, channels=1, format="RAW", subtype=subtype
    )
    np.testing.assert_array_equal(decode(ALL_CODES), reference)


def test_every_mulaw_code_survives_the_round_trip_but_negative_zero() -> None:
    again = mulaw_encode(mulaw_decode(ALL_CODES))
    assert again == ALL_CODES.replace(b"\x7f", b"\xff")


def test_every_alaw_code_survives_the_round_trip() -> None:
    assert alaw_encode(alaw_decode(ALL_CODES)) == ALL_CODES


def test_every_sample_lies_within_half_a_step_of_its_mulaw_level() -> None:
    code = np.frombuffer(mulaw_encode(ALL_SAMPLES), np.uint8)
    error = abs(mulaw_decode(code.tobytes()).astype(np.int32) - ALL_SAMPLES)
    inside = abs(ALL_SAMPLES.astype(np.int32)) <= 32635
    segment = (~code >> 4).astype(np.int32) & 7
    assert (error <= 4 << segment)[inside].all()
    assert (np.diff(mulaw_decode(code.tobytes()).astype(np.int32)) >= 0).all()


def test_every_sample_lies_within_half_a_step_of_its_alaw_level() -> None:
    code = np.frombuffer(alaw_encode(ALL_SAMPLES), np.uint8)
    error = abs(alaw_decode(code.tobytes()).astype(np.int32) - ALL_SAMPLES)
    segment = ((code ^ 0x55) >> 4).astype(np.int32) & 7
    assert (error <= 8 << np.maximum(segment - 1, 0)).all()
    assert (np.diff(alaw_decode(code.tobytes()).astype(np.int32)) >= 0).all()


@pytest.mark.parametrize(("encode", "decode"), [(mulaw_encode, mulaw_decode), (alaw_encode, alaw_decode)])
def test_lengths_are_kept(encode, decode) -> None:  # type: ignore[no-untyped-def]
    assert encode(np.empty(0, np.int16)) == b""
    assert decode(b"").shape == (0,)
    assert decode(b"").dtype == np.int16
    assert len(encode(ALL_SAMPLES[::2])) == 32768


@pytest.mark.parametrize("bad", [np.zeros(3), np.zeros((2, 2), np.int16), np.zeros(3, np.int32), [1, 2]])
def test_other_arrays_are_refused(bad: object) -> None:
    with pytest.raises(AudioError, match="one-dimensional int16"):
        mulaw_encode(bad)  # type: ignore[arg-type]
    with pytest.raises(AudioError, match="one-dimensional int16"):
        alaw_encode(bad)  # type: ignore[arg-type]
