"""Rooms, lines and voices: each does what it says, in int16, the same again for the same generator."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from emotion import layout
from emotion.errors import CorpusError
from emotion.extract import descriptors
from emotion.training import lines, sounds, voices
from telephony.audio import read_audio
from tests.emotion import reference

Samples = NDArray[np.int16]


def rng(seed: int = 3) -> np.random.Generator:
    return np.random.default_rng(seed)


def codec(name: str) -> Callable[[Samples], Samples]:
    """The codec as a function that skips the test where this build of libsndfile lacks it, saying so."""

    def coded(pcm: Samples) -> Samples:
        reason = lines.missing_codec(name)
        if reason:
            pytest.skip(reason)
        return lines.gsm(pcm) if name == "gsm" else lines.opus(pcm)

    return coded


def others() -> list[Samples]:
    return [reference.buzz(hz, 1.5) for hz in (110.0, 140.0, 190.0, 230.0)]


def likeness(one: Samples, other: Samples) -> float:
    return float(np.corrcoef(one.astype(np.float64), other.astype(np.float64))[0, 1])


def db(x: NDArray[np.float64] | Samples) -> float:
    return float(10.0 * np.log10(np.mean(x.astype(np.float64) ** 2)))


def spectrum_db(pcm: Samples, hz: float) -> float:
    """Level in the octave-third around `hz`."""
    power = np.abs(np.fft.rfft(pcm.astype(np.float64))) ** 2
    at = np.arange(len(power)) * 8000 / len(pcm)
    return float(10.0 * np.log10(power[(at > hz / 1.12) & (at < hz * 1.12)].sum()))


def pitch_hz(pcm: Samples) -> float:
    f0 = descriptors(pcm)[:, layout.F0]
    return float(27.5 * 2.0 ** (np.median(f0[f0 > 0.0]) / 12.0))


LINES: dict[str, Callable[[Samples], Samples]] = {
    "level": lambda x: lines.level(x, -9.0),
    "tilt": lambda x: lines.tilt(x, 3.0),
    "handset": lambda x: lines.handset(x, 450.0, 2900.0),
    "noise": lambda x: lines.with_noise(x, rng(), 10.0),
    "babble": lambda x: lines.babble(x, rng(), others(), 10.0),
    "echo": lambda x: lines.echo(x, others()[0], 10.0, 0.2),
    "room": lambda x: lines.room(x, rng(), 0.4, 6.0),
    "loss": lambda x: lines.packet_loss(x, rng(), 0.1, 2.0),
    "mulaw": lines.mulaw,
    "alaw": lines.alaw,
    "gsm": codec("gsm"),
    "opus": codec("opus"),
    "pitch": lambda x: voices.revoiced(x, 1.15, 1.0),
    "effort": lambda x: voices.effort(x, 6.0),
    "hoarse": lambda x: voices.hoarse(x, rng(), 3.0),
    "high": lambda x: voices.high(x, 1.2),
}


@pytest.mark.parametrize("name", LINES)
def test_lengths_and_bits_stay(name: str, speech: Samples) -> None:
    before = speech.copy()
    out = LINES[name](speech)
    assert out.dtype == np.int16
    assert out.shape == speech.shape
    assert (out != speech).any()
    np.testing.assert_array_equal(out, LINES[name](speech))
    np.testing.assert_array_equal(speech, before)


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("n", [0, 1, 37, 161, 700])
def test_short_recordings_and_silence_pass(name: str, n: int) -> None:
    assert len(LINES[name](np.zeros(n, dtype=np.int16))) == n
    assert len(LINES[name](reference.buzz(150.0, 0.1)[:n])) == min(n, 800)


@pytest.mark.parametrize("name", sorted(LINES.keys() - {"pitch", "effort", "hoarse", "high"}))
def test_what_is_too_loud_saturates_and_never_wraps(name: str) -> None:
    """A wrapped peak has the other sign, and a wave of full scale on all sides wraps everywhere if it does."""
    loud = np.where(np.arange(8000) // 4 % 2 == 0, 32767, -32768).astype(np.int16)
    assert likeness(LINES[name](loud), loud) > 0.5
    assert likeness(lines.level(LINES[name](loud), 12.0), loud) > 0.5


def test_a_level_is_a_factor_and_saturates() -> None:
    pcm = reference.buzz(150.0, 0.5, 6000.0)
    assert db(lines.level(pcm, -12.0)) == pytest.approx(db(pcm) - 12.0, abs=0.01)
    high = lines.level(pcm, 24.0)
    assert high.max() == 32767
    assert np.all(np.sign(high) == np.sign(pcm))


def test_a_voice_can_be_loud_to_the_limit_without_wrapping(speech: Samples) -> None:
    loud = lines.level(speech, 12.0)
    out = voices.effort(loud, 12.0)
    assert np.abs(out.astype(int)).max() >= 32767
    # Wrapped samples would jump across the whole range; a cut wave does not.
    assert np.abs(np.diff(out.astype(int))).max() < 60000


@pytest.mark.parametrize("slope", [-3.0, 3.0])
def test_a_tilt_is_in_db_per_octave(slope: float) -> None:
    pcm = (3000.0 * sounds.noise(80000, rng(), 0.0)).astype(np.int16)
    out = lines.tilt(pcm, slope)
    change = {hz: spectrum_db(out, hz) - spectrum_db(pcm, hz) for hz in (400.0, 800.0, 1600.0, 3000.0)}
    assert change[1600.0] - change[800.0] == pytest.approx(slope, abs=0.3)
    assert change[800.0] - change[400.0] == pytest.approx(slope, abs=0.3)
    assert db(out) == pytest.approx(db(pcm), abs=0.3)


def test_a_handset_passes_its_band_and_nothing_else() -> None:
    pcm = (3000.0 * sounds.noise(80000, rng(), 0.0)).astype(np.int16)
    out = lines.handset(pcm, 450.0, 2900.0)
    assert spectrum_db(out, 1200.0) == pytest.approx(spectrum_db(pcm, 1200.0), abs=0.5)
    assert spectrum_db(out, 225.0) < spectrum_db(pcm, 225.0) - 9.0
    assert spectrum_db(out, 3450.0) < spectrum_db(pcm, 3450.0) - 9.0


@pytest.mark.parametrize("snr_db", [5.0, 20.0])
@pytest.mark.parametrize("kind", ["noise", "babble", "echo"])
def test_noise_lies_as_far_below_speech_as_asked(kind: str, snr_db: float, speech: Samples) -> None:
    made = {
        "noise": lambda: lines.with_noise(speech, rng(), snr_db),
        "babble": lambda: lines.babble(speech, rng(), others(), snr_db),
        "echo": lambda: lines.echo(speech, others()[0], snr_db),
    }[kind]()
    added = made.astype(np.float64) - speech
    active = 20.0 * np.log10(lines.active_rms(speech))
    assert active - db(added) == pytest.approx(snr_db, abs=0.1)


def test_noise_has_the_colour_asked_for() -> None:
    white, pink = sounds.noise(80000, rng(), 0.0), sounds.noise(80000, rng(), 1.0)
    scaled = [(3000.0 * x).astype(np.int16) for x in (white, pink)]
    # Third octaves: equal power in each of pink noise, twice the power an octave up in white.
    assert spectrum_db(scaled[0], 2000.0) - spectrum_db(scaled[0], 1000.0) == pytest.approx(3.0, abs=0.6)
    assert spectrum_db(scaled[1], 2000.0) - spectrum_db(scaled[1], 1000.0) == pytest.approx(0.0, abs=0.6)


def test_pauses_do_not_count_as_speech() -> None:
    word = reference.buzz(150.0, 0.5)
    gap = np.zeros(8000, dtype=np.int16)
    assert lines.active_rms(np.concatenate((gap, word, gap))) == pytest.approx(lines.active_rms(word), rel=0.05)
    assert lines.active_rms(gap) == 0.0


def test_babble_needs_voices(speech: Samples) -> None:
    with pytest.raises(CorpusError, match="other voices"):
        lines.babble(speech, rng(), [np.zeros(100, np.int16)], 10.0)


@pytest.mark.parametrize("name", ["mulaw", "alaw", "gsm", "opus"])
def test_a_codec_changes_speech_and_keeps_it_in_place(name: str, speech: Samples) -> None:
    out = LINES[name](speech)
    assert (out != speech).mean() > 0.5
    assert likeness(out, speech) > (0.999 if name in {"mulaw", "alaw"} else 0.9)
    for late in (40, -40):
        assert likeness(np.roll(out, late), speech) < likeness(out, speech)


def test_codecs_in_a_row_are_worse_than_one(speech: Samples) -> None:
    one = codec("gsm")(speech)
    assert 0.8 < likeness(lines.tandem(speech), speech) < likeness(one, speech)


def test_a_missing_codec_says_so(monkeypatch: pytest.MonkeyPatch, speech: Samples) -> None:
    import soundfile

    lines.missing_codec.cache_clear()
    monkeypatch.setattr(soundfile, "available_subtypes", lambda container: {"PCM_16": ""})
    try:
        with pytest.raises(CorpusError, match=r"libsndfile .* without GSM610 in WAV"):
            lines.gsm(speech)
        drawn = [lines.worsen(speech[:8000], rng(seed)) for seed in range(30)]
    finally:
        lines.missing_codec.cache_clear()
    assert all(x.dtype == np.int16 for x in drawn)


@pytest.mark.parametrize("burst", [1.0, 4.0])
def test_as_many_packets_are_lost_as_asked_in_bursts_as_long(burst: float) -> None:
    lost = lines.lost_packets(200_000, rng(), 0.1, burst)
    assert lost.mean() == pytest.approx(0.1, abs=0.01)
    runs = (lost[1:] & ~lost[:-1]).sum()
    assert lost.sum() / runs == pytest.approx(max(burst, 1.0 / 0.9), rel=0.05)


def test_a_lost_packet_is_silent_or_the_last_one_fading() -> None:
    pcm = reference.buzz(150.0, 4.0)
    lost = lines.lost_packets(200, rng(), 0.15, 2.0)
    silent = lines.packet_loss(pcm, rng(), 0.15, 2.0, concealed=False).reshape(-1, 160)
    hidden = lines.packet_loss(pcm, rng(), 0.15, 2.0).reshape(-1, 160)
    given = pcm.reshape(-1, 160)
    assert lost.any()
    assert not silent[lost].any()
    np.testing.assert_array_equal(silent[~lost], given[~lost])
    np.testing.assert_array_equal(hidden[~lost], given[~lost])
    run = 0
    for packet in range(1, 200):
        run = run + 1 if lost[packet] else 0
        if run == 1:
            np.testing.assert_array_equal(hidden[packet, :80], given[packet - 1, :80])
            assert db(hidden[packet, 120:]) < db(given[packet - 1, 120:])
        if run > 3:
            assert not hidden[packet].any()


@pytest.mark.parametrize("rt60_s", [0.2, 0.6])
def test_a_room_dies_away_in_its_time(rt60_s: float) -> None:
    click = np.zeros(8000, dtype=np.int16)
    click[800:810] = 20000
    out = lines.room(click, rng(), rt60_s, 3.0).astype(np.float64)
    tail = out[820:]
    early, late = (db(tail[int(a * 8000) : int((a + 0.05) * 8000)]) for a in (0.01, 0.01 + rt60_s / 3))
    assert early - late == pytest.approx(20.0, abs=4.0)


def test_keys_are_pressed_between_words(speech: Samples) -> None:
    out = lines.keys_between(speech, rng(), "15#")
    assert len(out) == len(speech) + 3 * 1600
    for key in "15#":
        for hz in sounds.KEYS[key]:
            tone = np.exp(-2j * np.pi * hz * np.arange(800) / 8000)
            windows = np.lib.stride_tricks.sliding_window_view(out.astype(np.float64), 800)[::80]
            assert np.abs(windows @ tone).max() > 5.0 * np.median(np.abs(windows @ tone))
    with pytest.raises(KeyError):
        lines.keys_between(speech, rng(), "x")


@pytest.mark.parametrize("factor", voices.SPEED)
def test_speed_moves_length_and_pitch(factor: float) -> None:
    pcm = reference.buzz(150.0, 2.0)
    out = voices.speed(pcm, factor)
    assert len(out) == round(len(pcm) / factor)
    assert pitch_hz(out) == pytest.approx(150.0 * factor, rel=0.01)


@pytest.mark.parametrize("factor", [*voices.PITCH, *voices.HIGH])
def test_pitch_moves_without_length(factor: float) -> None:
    pcm = reference.buzz(150.0, 2.0)
    kept, moved = voices.revoiced(pcm, factor, 1.0), voices.high(pcm, factor)
    assert pitch_hz(kept) == pytest.approx(150.0 * factor, rel=0.02)
    assert pitch_hz(moved) == pytest.approx(150.0 * factor, rel=0.02)
    assert db(kept) == pytest.approx(db(pcm), abs=1.0)


def test_formants_move_only_where_asked() -> None:
    """A buzz through one resonance at 1500 Hz: the resonance stays, or goes along."""
    from scipy.signal import iirpeak, lfilter

    b, a = iirpeak(1500.0, 4.0, fs=8000)
    pcm = (2.0 * lfilter(b, a, reference.buzz(120.0, 2.0).astype(np.float64))).astype(np.int16)

    def peak_hz(x: Samples) -> float:
        """Centre of gravity of 1000-2300 Hz."""
        power = np.abs(np.fft.rfft(x.astype(np.float64))) ** 2
        hz = np.arange(len(power)) * 8000 / len(x)
        here = (hz > 1000.0) & (hz < 2300.0)
        return float(np.sum(hz[here] * power[here]) / np.sum(power[here]))

    before = peak_hz(pcm)
    assert peak_hz(voices.revoiced(pcm, 1.2, 1.0)) == pytest.approx(before, rel=0.03)
    assert peak_hz(voices.revoiced(pcm, 1.2, 1.2)) > 1.1 * before
    assert peak_hz(voices.revoiced(pcm, 1.0, 1.2)) > 1.08 * before


@pytest.mark.parametrize("loud", voices.EFFORT_DB)
def test_effort_raises_level_tilt_and_pitch_together(loud: float, speech: Samples) -> None:
    quiet = lines.level(speech, -18.0)
    out = voices.effort(quiet, loud)
    assert np.sign(db(out) - db(quiet)) == np.sign(loud)
    assert pitch_hz(out) / pitch_hz(quiet) == pytest.approx(2.0 ** (0.4 * loud / 12.0), rel=0.04)
    low, top = (spectrum_db(out, hz) - spectrum_db(quiet, hz) for hz in (500.0, 2200.0))
    assert (top - low) / loud > 0.3


@pytest.mark.parametrize("ratio_db", voices.HOARSE_DB)
def test_a_hoarse_voice_has_more_noise_at_the_same_level(ratio_db: float, speech: Samples) -> None:
    out = voices.hoarse(speech, rng(), ratio_db)
    before, after = (descriptors(x) for x in (speech, out))
    pitched = before[:, layout.F0] > 0.0
    assert after[pitched, layout.HNR].mean() < before[pitched, layout.HNR].mean() - 4.0
    assert db(out) == pytest.approx(db(speech), abs=0.2)
    # The breath comes with the voice: pauses stay pauses.
    loudness = [db(x) for x in speech[: len(speech) // 160 * 160].reshape(-1, 160)]
    pauses = np.repeat([n < min(loudness) + 3.0 for n in loudness], 160)
    assert pauses.mean() > 0.1
    assert db(out[: len(pauses)][pauses]) < db(speech) - 20.0


def test_more_breath_is_less_harmonic(speech: Samples) -> None:
    found = []
    for ratio_db in (0.0, 6.0, 12.0, 60.0):
        rows = descriptors(voices.hoarse(speech, rng(), ratio_db))
        found.append(rows[rows[:, layout.F0] > 0.0, layout.HNR].mean())
    steps = np.diff(found)
    assert np.all(steps > 0.5), found
    assert steps[0] > 1.5


def test_the_same_generator_worsens_to_the_same_bits(speech: Samples) -> None:
    for seed in range(25):
        np.testing.assert_array_equal(
            lines.worsen(speech, rng(seed), others()), lines.worsen(speech, rng(seed), others())
        )


@pytest.mark.parametrize("n", [0, 1, 100, 900])
def test_a_line_takes_whatever_comes(n: int) -> None:
    for seed in range(20):
        for pcm in (np.zeros(n, dtype=np.int16), np.full(n, -32768, dtype=np.int16)):
            out = lines.worsen(pcm, rng(seed), others())
            assert out.dtype == np.int16
            assert n / 1.12 - 1 <= len(out) <= n * 1.12 + 1


def test_lines_drawn_are_many_and_mostly_decent(speech: Samples) -> None:
    drawn = [lines.worsen(speech, rng(seed)) for seed in range(60)]
    shares = [len(x) / len(speech) for x in drawn]
    assert 1.0 / voices.SPEED[1] - 0.01 < min(shares) < 1.0 < max(shares) < 1.0 / voices.SPEED[0] + 0.01
    kept = [likeness(x, speech) for x in drawn if len(x) == len(speech)]
    assert np.median(kept) > 0.8
    levels = [db(x) - db(speech) for x in drawn]
    assert max(levels) - min(levels) > 15.0
    assert len({x.tobytes() for x in drawn}) == 60


def test_signals_that_no_caller_makes_sound_as_defined() -> None:
    ring = sounds.cadence(5 * 8000, *sounds.CADENCES["ringback (North America)"])
    assert not ring[2 * 8000 : 5 * 8000].any()
    assert np.sqrt(np.mean(ring[: 2 * 8000] ** 2)) == pytest.approx(1.0, abs=0.02)
    tune = sounds.music(40_000, rng())
    assert tune.shape == (40_000,)
    assert np.sqrt(np.mean(tune**2)) == pytest.approx(1.0)
    assert len(sounds.key_presses(12_345, rng())) == 12_345


def test_real_speech_goes_through_every_line(corpora: Path) -> None:
    pcm = read_audio(corpora / "emotion" / "emodb" / "audio" / "03a01Nc.flac")
    for name, line in LINES.items():
        out = line(pcm)
        assert len(out) == len(pcm), name
        assert abs(db(out) - db(pcm)) < 13.0, name
