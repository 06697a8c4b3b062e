"""What a room, a handset and a phone line do to a voice, as pure functions, and `worsen`, which draws from them.

Everything takes and gives int16 at 8 kHz; what is random takes a NumPy generator and gives the same bits for
the same state. Lengths stay unless a function says otherwise; what gets too loud saturates as a converter does,
it never wraps. Ratios of speech to noise are of powers: speech without its pauses (frames of 20 ms within
30 dB of the loudest), noise over its whole length.

Codecs are real (G.711 by table; GSM 06.10 and Opus as libsndfile carries them); rooms, losses, handsets and
noises are simulated.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from emotion.errors import CorpusError
from emotion.layout import RATE_HZ
from emotion.training import sounds
from emotion.training.voices import EFFORT_DB, SPEED, effort, equalised, speed, to_int16
from telephony.audio import alaw_decode, alaw_encode, mulaw_decode, mulaw_encode

Floats = NDArray[np.float64]
Samples = NDArray[np.int16]

LEVEL_DB: Final = (-12.0, 12.0)
"""Range of levels by which talkers, handsets and lines differ; assumed."""

TILT_DB: Final = (-4.0, 4.0)
"""Range of tilts in dB per octave around 1 kHz, of microphones and where they are held; assumed."""

HANDSET_LOW_HZ: Final = (200.0, 500.0)
HANDSET_HIGH_HZ: Final = (2800.0, 3600.0)
"""Ranges of the edges of a handset's band, about the 300 and 3400 Hz of ITU-T P.310; assumed."""

NOISE_DB: Final = (5.0, 20.0, 40.0)
"""Speech over noise: least, most frequent, most, drawn from a triangle: most calls are decent."""

ROOM_S: Final = (0.2, 0.6)
"""Range of reverberation times: furnished rooms to bare ones."""

ROOM_DIRECT_DB: Final = (3.0, 15.0)
"""Range of direct over reverberant energy: hands-free to a mouth near its microphone."""

LOSS: Final = (0.005, 0.08)
"""Range of shares of 20 ms packets lost on lines that still are used."""

CODECS: Final = {"": 0.62, "alaw": 0.2, "gsm": 0.1, "opus": 0.08}
"""Codecs before the last G.711 that `worsen` draws from, with their shares: libsndfile takes 20 ms for Opus."""

SHARES: Final = {"speed": 0.3, "effort": 0.25, "room": 0.2, "noise": 0.7, "tilt": 0.6, "handset": 0.3, "loss": 0.15}
"""How often `worsen` does each; the level is always drawn."""

PACKET: Final = RATE_HZ // 50
_ACTIVE_DB = 30.0


def active_rms(pcm: Samples | Floats) -> float:
    """Root mean square over the 20 ms frames within 30 dB of the loudest one, in units of a sample; 0 for silence."""
    x = np.asarray(pcm, dtype=np.float64)
    frames = x[: x.size // PACKET * PACKET].reshape(-1, PACKET) if x.size >= PACKET else x[None, :]
    power = np.mean(frames * frames, axis=1) if x.size else np.zeros(1)
    loudest = float(power.max())
    return float(np.sqrt(power[power >= loudest * 10.0 ** (-_ACTIVE_DB / 10.0)].mean())) if loudest > 0.0 else 0.0


def level(pcm: Samples, db: float) -> Samples:
    """Change the level, saturating."""
    return to_int16(pcm * 10.0 ** (db / 20.0))


def tilt(pcm: Samples, db_per_octave: float) -> Samples:
    """Tilt the spectrum around 1 kHz, from 200 to 4000 Hz; the level of active speech stays."""
    octaves = np.log2(np.array([200.0, 350.0, 600.0, 1000.0, 1700.0, 2600.0, 4000.0]) / 1000.0)
    hz = tuple(float(f) for f in 1000.0 * 2.0**octaves)
    x = equalised(pcm.astype(np.float64), hz, tuple(float(g) for g in db_per_octave * octaves))
    return to_int16(_as_loud_as(x, pcm))


def handset(pcm: Samples, low_hz: float, high_hz: float) -> Samples:
    """Limit the band: Butterworth, 12 dB per octave below `low_hz`, 36 above `high_hz`."""
    from scipy.signal import sosfilt

    if not len(pcm):
        return pcm.copy()
    return to_int16(np.asarray(sosfilt(_band(round(low_hz), round(high_hz)), pcm.astype(np.float64))))


def with_noise(pcm: Samples, rng: np.random.Generator, snr_db: float, colour: float = 1.0) -> Samples:
    """Add noise whose power falls as 1 / f**colour within 200-3600 Hz (0 white, 1 pink, 2 brown)."""
    return _over(pcm, sounds.noise(len(pcm), rng, colour), snr_db)


def babble(
    pcm: Samples, rng: np.random.Generator, others: Sequence[Samples], snr_db: float, voices: int = 5
) -> Samples:
    """Add `voices` other voices, each a random piece of one of `others`, as loud as one another.

    Raises
    ------
    CorpusError
        If `others` holds nothing but silence or nothing at all.
    """
    usable = [other for other in others if active_rms(other) > 0.0]
    if not usable:
        raise CorpusError("babble needs other voices, and there is none")
    crowd = np.zeros(len(pcm))
    for _ in range(voices):
        other = usable[int(rng.integers(len(usable)))]
        crowd += np.resize(np.roll(other, -int(rng.integers(len(other)))), len(pcm)) / active_rms(other)
    return _over(pcm, crowd, snr_db)


def echo(pcm: Samples, heard: Samples, ratio_db: float, delay_s: float = 0.0) -> Samples:
    """Lay what the caller hears (our prompt, music), again and again, under the caller, who is `ratio_db` above it."""
    late = np.zeros(round(delay_s * RATE_HZ))
    under = np.concatenate((late, np.resize(heard.astype(np.float64), len(pcm))))[: len(pcm)]
    return _over(pcm, under, ratio_db)


def room(pcm: Samples, rng: np.random.Generator, rt60_s: float, direct_db: float) -> Samples:
    """Reverberate: an impulse, and from 2 ms after it noise that falls by 60 dB in `rt60_s`; cut at the end.

    A statistical room without early reflections (Polack 1988; Moorer, "About this reverberation business", 1979).
    `direct_db`: energy of the direct sound over that of the rest. The level of active speech stays.
    """
    from scipy.signal import fftconvolve

    n = max(1, round(rt60_s * RATE_HZ))
    decay = rng.standard_normal(n) * 10.0 ** (-3.0 * np.arange(n) / n)
    decay[: RATE_HZ // 500] = 0.0
    impulse = decay * (10.0 ** (-direct_db / 20.0) / max(float(np.sqrt(np.sum(decay * decay))), 1e-12))
    impulse[0] = 1.0
    x = np.asarray(fftconvolve(pcm.astype(np.float64), impulse))[: len(pcm)] if len(pcm) else np.zeros(0)
    return to_int16(_as_loud_as(x, pcm))


def lost_packets(n: int, rng: np.random.Generator, share: float, burst: float = 1.0) -> NDArray[np.bool_]:
    """Which of `n` packets are lost: `share` of them, in runs of `burst` on average.

    Two states, good and bad (Gilbert, "Capacity of a burst-noise channel", Bell System Technical Journal 39, 1960).
    A burst of 1 / (1 - share) is what independent losses give; shorter ones count as that.
    """
    leave = 1.0 / max(burst, 1.0 / (1.0 - share))
    enter = share * leave / (1.0 - share)
    lost = np.zeros(n, dtype=np.bool_)
    drawn = rng.uniform(size=n + 1)
    bad = bool(drawn[n] < share)
    for packet in range(n):
        lost[packet] = bad
        bad = bool(drawn[packet] >= leave) if bad else bool(drawn[packet] < enter)
    return lost


def packet_loss(
    pcm: Samples, rng: np.random.Generator, share: float, burst: float = 1.0, *, concealed: bool = True
) -> Samples:
    """Lose 20 ms packets (`lost_packets`): silence in their place, or the last packet again, fading.

    Concealment keeps 10 ms at full level and fades to nothing until 60 ms, as ITU-T G.711 Appendix I does, but repeats
    the whole packet where that repeats pitch cycles.
    """
    packets = -(-len(pcm) // PACKET)
    out = np.zeros((packets, PACKET))
    out.reshape(-1)[: len(pcm)] = pcm
    fade = np.clip((0.060 - np.arange(3 * PACKET) / RATE_HZ) / 0.050, 0.0, 1.0).reshape(3, PACKET)
    run = 0
    for packet, lost in enumerate(lost_packets(packets, rng, share, burst)):
        run = run + 1 if lost else 0
        if lost:
            known = concealed and run <= min(packet, len(fade))
            out[packet] = out[packet - run] * fade[run - 1] if known else 0.0
    return to_int16(out.reshape(-1)[: len(pcm)])


def keys_between(pcm: Samples, rng: np.random.Generator, digits: str, level_dbfs: float = -12.0) -> Samples:
    """Insert key tones (100 ms, 50 ms of silence on either side) where it is quietest near random places.

    The length grows by 200 ms a digit. A digit that no key has raises KeyError.
    """
    gap = np.zeros(RATE_HZ // 20)
    pieces: list[Floats] = []
    at = 0
    places = np.sort(rng.integers(0, len(pcm) + 1, len(digits)))
    for place, digit in zip(places, digits, strict=True):
        cut = max(at, _quietest(pcm, int(place)))
        tone = sounds.tones(RATE_HZ // 10, sounds.KEYS[digit]) * sounds.amplitude(level_dbfs)
        pieces += [pcm[at:cut].astype(np.float64), gap, tone, gap]
        at = cut
    return to_int16(np.concatenate([*pieces, pcm[at:].astype(np.float64)]))


def mulaw(pcm: Samples) -> Samples:
    """G.711 mu-law and back."""
    return mulaw_decode(mulaw_encode(pcm))


def alaw(pcm: Samples) -> Samples:
    """G.711 A-law and back."""
    return alaw_decode(alaw_encode(pcm))


@lru_cache
def missing_codec(name: str) -> str:
    """Why this build of libsndfile lacks the codec 'gsm' or 'opus'; empty where it has it."""
    import soundfile

    container, subtype = _CONTAINERS[name]
    if subtype in soundfile.available_subtypes(container):
        return ""
    return f"libsndfile {soundfile.__libsndfile_version__} was built without {subtype} in {container}"


def gsm(pcm: Samples) -> Samples:
    """GSM 06.10 full rate (13 kbit/s) and back, the real codec, through libsndfile.

    Raises
    ------
    CorpusError
        If this build of libsndfile lacks it (`missing_codec`).
    """
    return _coded(pcm, "gsm", None)


def opus(pcm: Samples, compression: float = 0.98) -> Samples:
    """Opus at 8 kHz (narrow band) and back, the real codec, through libsndfile.

    `compression` 0.95 is about 20 kbit/s, 0.98 about 13, 0.99 about 10, 1.0 about 8 (with the Ogg container).

    Raises
    ------
    CorpusError
        If this build of libsndfile lacks it (`missing_codec`).
    """
    return _coded(pcm, "opus", compression)


def tandem(pcm: Samples) -> Samples:
    """Four codecs in a row, as a mobile call through two gateways: A-law, GSM 06.10, A-law, mu-law."""
    return mulaw(alaw(gsm(alaw(pcm))))


def worsen(pcm: Samples, rng: np.random.Generator, others: Sequence[Samples] = ()) -> Samples:
    """Draw a plausible line and send `pcm` through it: for training; most lines drawn are decent.

    In order, each as often as SHARES and CODECS say: speed; vocal effort (loud is not angry, soft is not calm); a room;
    noise (a third of it one or five other voices where `others` are given); tilt; a handset's band; a level; a codec;
    lost packets; mu-law always. Codecs that this build lacks are left out.

    Returns
    -------
    int16; as long as `pcm`, or up to a ninth longer or a tenth shorter where the speed was drawn.
    """
    x = pcm
    if _happens(rng, "speed"):
        x = speed(x, rng.uniform(*SPEED))
    if _happens(rng, "effort"):
        x = effort(x, rng.uniform(*EFFORT_DB))
    if _happens(rng, "room"):
        x = room(x, rng, rng.uniform(*ROOM_S), rng.uniform(*ROOM_DIRECT_DB))
    if _happens(rng, "noise"):
        snr_db, colour = rng.triangular(*NOISE_DB), rng.uniform(0.0, 2.0)
        if others and rng.uniform() < 1 / 3:
            x = babble(x, rng, others, snr_db, voices=1 if rng.uniform() < 0.5 else 5)
        else:
            x = with_noise(x, rng, snr_db, colour)
    if _happens(rng, "tilt"):
        x = tilt(x, rng.uniform(*TILT_DB))
    if _happens(rng, "handset"):
        x = handset(x, rng.uniform(*HANDSET_LOW_HZ), rng.uniform(*HANDSET_HIGH_HZ))
    x = level(x, rng.uniform(*LEVEL_DB))
    codec = str(rng.choice(list(CODECS), p=list(CODECS.values())))
    if codec == "alaw":
        x = alaw(x)
    elif codec and not missing_codec(codec):
        x = gsm(x) if codec == "gsm" else opus(x, rng.choice([0.95, 0.98, 0.99]))
    if _happens(rng, "loss"):
        x = packet_loss(x, rng, rng.uniform(*LOSS), rng.uniform(1.0, 3.0), concealed=rng.uniform() < 0.7)
    return mulaw(x)


_CONTAINERS = {"gsm": ("WAV", "GSM610"), "opus": ("OGG", "OPUS")}


def _happens(rng: np.random.Generator, what: str) -> bool:
    return bool(rng.uniform() < SHARES[what])


def _as_loud_as(x: Floats, pcm: Samples) -> Floats:
    now = active_rms(x)
    return x * (active_rms(pcm) / now) if now > 0.0 else x


def _over(pcm: Samples, under: Floats, ratio_db: float) -> Samples:
    """Add `under` so that active speech lies `ratio_db` above it; silence stays silence."""
    power = float(np.mean(under * under)) if len(under) else 0.0
    if power <= 0.0:
        return pcm.copy()
    return to_int16(pcm + under * (active_rms(pcm) * 10.0 ** (-ratio_db / 20.0) / np.sqrt(power)))


def _quietest(pcm: Samples, place: int) -> int:
    """Middle of the quietest 20 ms within 250 ms of `place`."""
    first = max(0, place - RATE_HZ // 4)
    span = pcm[first : place + RATE_HZ // 4].astype(np.float64)
    frames = span[: len(span) // PACKET * PACKET].reshape(-1, PACKET)
    if not len(frames):
        return place
    return first + int(np.argmin(np.sum(frames * frames, axis=1))) * PACKET + PACKET // 2


@lru_cache(maxsize=4096)
def _band(low_hz: int, high_hz: int) -> Floats:
    from scipy.signal import butter

    high_pass = butter(2, low_hz, btype="highpass", fs=RATE_HZ, output="sos")
    low_pass = butter(6, high_hz, btype="lowpass", fs=RATE_HZ, output="sos")
    return np.concatenate((high_pass, low_pass))


def _coded(pcm: Samples, name: str, compression: float | None) -> Samples:
    import soundfile

    reason = missing_codec(name)
    if reason:
        raise CorpusError(reason)
    if not len(pcm):
        return pcm.copy()
    container, subtype = _CONTAINERS[name]
    options = {} if compression is None else {"compression_level": compression}
    with io.BytesIO() as file:
        soundfile.write(file, pcm, RATE_HZ, format=container, subtype=subtype, **options)
        file.seek(0)
        decoded, _ = soundfile.read(file, dtype="int16")
    # GSM frames are whole: the last is filled up, and cut here.
    out = np.zeros(len(pcm), dtype=np.int16)
    out[: len(decoded)] = decoded[: len(pcm)]
    return out
