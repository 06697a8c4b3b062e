"""Sound files in and out, and what the user is told about the ones that cannot be read."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from telephony.audio import AudioError, alaw_encode, mulaw_decode, mulaw_encode, read_audio, write_wav


def tone(rate_hz: int = 8000, seconds: float = 0.5) -> np.ndarray:
    at = np.arange(int(rate_hz * seconds)) / rate_hz
    wave = np.rint(8000 * np.sin(2 * np.pi * 700 * at))
    return np.asarray(wave, np.int16)


def line(pcm: np.ndarray) -> np.ndarray:
    return mulaw_decode(mulaw_encode(pcm))


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
@pytest.mark.parametrize("rate_hz", [8000, 16000, 44100, 48000])
@pytest.mark.parametrize("channels", [1, 2])
def test_any_rate_and_channels_become_the_line(
    tmp_path: Path, suffix: str, rate_hz: int, channels: int
) -> None:
    path = tmp_path / f"a{suffix}"
    soundfile.write(path, np.repeat(tone(rate_hz)[:, None], channels, axis=1), rate_hz)
    got = read_audio(path)
    assert got.dtype == np.int16
    assert got.size == 4000
    np.testing.assert_array_equal(got, line(got))
    assert np.corrcoef(got[200:-200], tone()[200:-200])[0, 1] > 0.999


def test_eight_khz_is_not_filtered_again(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    write_wav(path, tone())
    np.testing.assert_array_equal(read_audio(path), line(tone()))


@pytest.mark.parametrize("suffix", [".ulaw", ".ul", ".mulaw", ".pcmu", ".ULAW"])
def test_raw_mulaw_goes_by_its_name(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(mulaw_encode(tone()))
    np.testing.assert_array_equal(read_audio(path), line(tone()))


def test_raw_alaw_goes_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "a.alaw"
    path.write_bytes(alaw_encode(tone()))
    assert np.corrcoef(read_audio(str(path)), tone())[0, 1] > 0.999


def test_what_is_written_is_read_back_by_others(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    write_wav(path, tone(16000), 16000)
    pcm, rate_hz = soundfile.read(path, dtype="int16")
    assert rate_hz == 16000
    np.testing.assert_array_equal(pcm, tone(16000))


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"no\.wav: there is no such file"):
        read_audio(tmp_path / "no.wav")
    with pytest.raises(AudioError, match="is a folder"):
        read_audio(tmp_path)


def test_an_empty_file_is_not_silence(tmp_path: Path) -> None:
    for name in ("a.wav", "a.ulaw"):
        (tmp_path / name).touch()
        with pytest.raises(AudioError, match="is empty"):
            read_audio(tmp_path / name)
    write_wav(tmp_path / "b.wav", np.empty(0, np.int16))
    with pytest.raises(AudioError, match="only a header"):
        read_audio(tmp_path / "b.wav")


@pytest.mark.parametrize(
    "content",
    [
        b"this is a text, and not a short one either\n" * 10,
        b"RIFF\x24\x00\x00\x00WAVEfmt ",
        np.random.default_rng(3).bytes(5000),
        b"\x00",
    ],
)
def test_what_is_not_audio_is_refused_with_a_way_out(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(AudioError, match=r"a\.wav: not a sound file.*\.ulaw"):
        read_audio(path)


def test_every_cut_header_is_an_audio_error_or_audio(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    write_wav(path, tone(seconds=0.01))
    whole = path.read_bytes()
    for size in range(1, 60):
        path.write_bytes(whole[:size])
        try:
            pcm = read_audio(path)
        except AudioError:
            continue
        assert 0 < pcm.size <= 80


def test_odd_rates_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    write_wav(path, tone(), 400)
    with pytest.raises(AudioError, match="its rate is 400 Hz"):
        read_audio(path)


def test_writing_fails_with_a_reason(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="cannot be written"):
        write_wav(tmp_path / "no" / "a.wav", tone())
    with pytest.raises(AudioError, match="int16"):
        write_wav(tmp_path / "a.wav", np.zeros(3))  # type: ignore[arg-type]
    with pytest.raises(AudioError, match="rate of 0 Hz"):
        write_wav(tmp_path / "a.wav", tone(), 0)
