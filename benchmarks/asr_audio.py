"""What the benchmark of speech recognition listens to, as a telephone line gives it: int16, mono, 8 kHz, through G.711.

Speech that is installed or ships: a reading that the package moonshine-voice carries, and the demo's sample calls.
Speech that may be there: acted sentences of the corpora beside the checkout, and sentences of the shipped intents
spoken by the synthetic voices that are installed (flite, espeak-ng). Sounds without speech are computed, each from a
fixed seed.
"""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from ruamel.yaml import YAML

import config.loader
import nabra.demo
from asr.errors import ModelMissing
from nabra.demo.make_samples import hold_music
from telephony.audio import mulaw_decode, mulaw_encode, read_audio, telephone_channel

Samples = NDArray[np.int16]

RATE_HZ = 8000
CORPORA = Path(__file__).resolve().parent.parent.parent / "shared" / "corpora" / "emotion"
"""Beside the checkout."""
SAMPLES = Path(nabra.demo.__file__).parent / "samples"

READING = (
    "It was the best of times, it was the worst of times, "
    "it was the age of wisdom, it was the age of foolishness, "
    "it was the epoch of belief, it was the epoch of incredulity, "
    "it was the season of Light, it was the season of Darkness, "
    "it was the spring of hope, it was the winter of despair, "
    "we had everything before us, we had nothing before us, "
    "we were all going direct to Heaven, we were all going direct the other way, "
    "in short, the period was so far like the present period, "
    "that some of its noisiest authorities insisted on its being received, "
    "for good or for evil, in the superlative degree of comparison only."
)
"""The words of `reading`: the opening of Charles Dickens' A Tale of Two Cities, 1859."""

_KOREAN = (
    "안녕하세요. 이번 달 요금이 두 번 청구되었습니다.",
    "인터넷이 다시 되지 않습니다. 아무도 고치러 오지 않았습니다.",
    "새 전화선을 주문하고 싶습니다.",
    "계좌 잔액이 얼마인지 알고 싶습니다.",
    "상담원과 통화하고 싶습니다.",
    "주문한 물건이 어디에 있습니까? 언제 도착하는지 알고 싶습니다.",
)
_ENGLISH_VOICES = {
    "flite": ("rms", "slt", "awb", "kal16"),
    "espeak-ng": ("en-us", "en-gb"),
}


@dataclass(frozen=True, slots=True)
class Utterance:
    """Something said.

    Attributes
    ----------
    text, speaker : str
        Its words, and who says it.
    pcm : int16, shape [n]
        The sound.
    start_s, end_s : float
        Where speech begins and ends in it, s.
    """

    text: str
    speaker: str
    pcm: Samples
    start_s: float
    end_s: float

    @classmethod
    def of(cls, text: str, speaker: str, pcm: Samples) -> Utterance:
        """Make one of a quiet recording; see `speech_span`."""
        return cls(text, speaker, pcm, *speech_span(pcm))


def speech_span(pcm: Samples, below_peak_db: float = 35.0) -> tuple[float, float]:
    """Return where speech begins and ends in a quiet recording, s: by level alone, in steps of 10 ms.

    A step belongs to speech while it is less than `below_peak_db` under the loudest.
    """
    steps = pcm[: len(pcm) // 80 * 80].astype(np.float64).reshape(-1, 80)
    power = np.mean(steps * steps, axis=1)
    loud = np.flatnonzero(power >= max(1.0, power.max(initial=0.0)) * 10 ** (-below_peak_db / 10))
    return (0.0, 0.0) if not len(loud) else (float(loud[0]) * 0.01, float(loud[-1] + 1) * 0.01)


@cache
def reading() -> Samples:
    """Return 44 s of somebody reading `READING`; raises ModelMissing where the package with it is not installed."""
    found = find_spec("moonshine_voice")
    if found is None or not found.submodule_search_locations:
        raise ModelMissing("the reading comes with moonshine-voice==0.1.0, which is not installed")
    return read_audio(Path(found.submodule_search_locations[0]) / "assets" / "two_cities.wav")


@cache
def sample_calls() -> tuple[Utterance, ...]:
    """Return the English sample calls of the demo that say something; synthetic voices on a telephone line."""
    listed = json.loads((SAMPLES / "samples.json").read_text(encoding="utf-8"))["samples"]
    return tuple(
        Utterance(
            entry["text"],
            f"{entry['engine']} {entry['voice']}",
            read_audio(SAMPLES / entry["file"]),
            speech_span(read_audio(SAMPLES / entry["file"]), 15.0)[0],
            entry["speech_end_s"],
        )
        for entry in listed
        if entry["text"] and entry["language"] == "en" and entry["name"] != "mumbled"
    )


def corpus(name: str, count: int) -> list[Utterance]:
    """Return utterances of an English corpus beside the checkout, evenly from all of it; none where it is missing."""
    manifest = CORPORA / name / "manifest.csv"
    if not manifest.is_file():
        return []
    with manifest.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    picked = [rows[int(at)] for at in np.linspace(0, len(rows) - 1, min(count, len(rows)))]
    return [
        Utterance.of(row["text"], f"{name} {row['speaker']}", read_audio(manifest.parent / row["path"]))
        for row in picked
    ]


def spoken(count: int) -> list[Utterance]:
    """Return up to `count` sentences of the shipped English intents, each by every synthetic voice installed."""
    sentences = _sentences(count)
    return [
        Utterance.of(text, f"{tool} {voice}", pcm)
        for tool, voices in _ENGLISH_VOICES.items()
        if shutil.which(tool)
        for voice in voices
        for text, pcm in zip(sentences, said_by(tool, voice, tuple(sentences)), strict=True)
    ]


def korean() -> list[Utterance]:
    """Return Korean sentences by espeak-ng, for the one real Vosk model that tests install; none without espeak-ng."""
    if not shutil.which("espeak-ng"):
        return []
    said = said_by("espeak-ng", "ko", _KOREAN)
    return [Utterance.of(text, "espeak-ng ko", pcm) for text, pcm in zip(_KOREAN, said, strict=True)]


def _sentences(count: int) -> list[str]:
    """Evenly from the examples of all intents, of four words or more: shorter ones hang on a single word."""
    shipped = Path(config.loader.__file__).parent / "defaults" / "intents" / "en.yaml"
    intents = YAML(typ="safe").load(shipped.read_text(encoding="utf-8"))["intents"]
    all_of_them = [text for intent in intents.values() for text in intent.get("examples", ()) if len(text.split()) > 3]
    return [all_of_them[int(at)] for at in np.linspace(0, len(all_of_them) - 1, min(count, len(all_of_them)))]


@cache
def said_by(tool: str, voice: str, sentences: tuple[str, ...]) -> tuple[Samples, ...]:
    """Let a voice of flite or espeak-ng say each sentence, as a telephone line gives it.

    Half a second of quiet line is around it; speech is at -24 dBov, over noise at 30 dB.
    """
    quiet = np.zeros(RATE_HZ // 2, np.int16)
    rng = np.random.default_rng(5)
    said = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "said.wav"
        for text in sentences:
            command = (
                ["flite", "-voice", voice, "-o", str(path), "-t", text]
                if tool == "flite"
                else ["espeak-ng", "-v", voice, "-w", str(path), text]
            )
            subprocess.run(command, check=True, capture_output=True)
            pcm = np.concatenate([quiet, read_audio(path), quiet])
            said.append(telephone_channel(pcm, rng, snr_db=30.0, level_dbov=-24.0))
    return tuple(said)


def in_noise(utterance: Utterance, snr_db: float | None, seed: int) -> Samples:
    """Return an utterance on a line with a second of it before and behind, noise at `snr_db` under the speech."""
    quiet = np.zeros(RATE_HZ, np.int16)
    pcm = np.concatenate([quiet, utterance.pcm, quiet])
    return telephone_channel(pcm, np.random.default_rng(seed), snr_db=snr_db, level_dbov=-26.0)


# --------------------------------------------------------------------------------------------- nobody speaks


def without_speech(seconds: float) -> Iterator[tuple[str, Samples]]:
    """Yield (kind, sound) of everything on a line that is no speech; each kind of the same length."""
    for kind, make in _KINDS.items():
        yield kind, _line(make(int(seconds * RATE_HZ), np.random.default_rng(len(kind))))


def _line(wave: NDArray[np.float64]) -> Samples:
    """Return a sound, 1.0 being full scale, as G.711 gives it."""
    return mulaw_decode(mulaw_encode(np.clip(np.rint(wave * 32767), -32768, 32767).astype(np.int16)))


def _silence(size: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Digital silence for half of it, then the faint noise of an idle line at -65 dBov."""
    wave = np.zeros(size)
    wave[size // 2 :] = rng.standard_normal(size - size // 2) * 10 ** (-65 / 20)
    return wave


def _noise(size: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """White, pink and mains hum, each minute at another level, swelling and fading, with clicks in it."""
    t = np.arange(size) / RATE_HZ
    white = rng.standard_normal(size)
    spectrum = np.fft.rfft(rng.standard_normal(size))
    pink = np.fft.irfft(spectrum / np.sqrt(np.arange(1, len(spectrum) + 1)), size)
    pink /= max(float(np.std(pink)), 1e-9)
    hum = sum(np.sin(2 * np.pi * 50 * k * t) / k for k in range(1, 12))
    kinds = (white, pink, 0.7 * hum + 0.3 * white)
    minute = (t // 60).astype(int)
    wave = np.choose(minute % 3, kinds) * 10 ** ((-50 + 5 * (minute % 6)) / 20)
    wave *= 1 + 0.6 * np.sin(2 * np.pi * t / 7)
    for at in rng.integers(0, max(1, size - 200), size // (8 * RATE_HZ)):
        wave[at : at + 40] += rng.standard_normal(len(wave[at : at + 40])) * 0.3
    return wave


def _music(size: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Hold music: arpeggios over a slow bass, another tune each 30 s, at -24 dBov."""
    tune = 30 * RATE_HZ
    parts = [hold_music(min(tune, size - at) / RATE_HZ, rng) for at in range(0, size, tune)]
    wave = np.concatenate(parts)[:size]
    return wave * 10 ** (-24 / 20) / max(float(np.std(wave)), 1e-9)


def _dtmf(size: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Keys pressed at random, 60 to 400 ms each, pauses of 80 ms to 2 s between, -13 to -3 dBov."""
    low, high = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
    wave = np.zeros(size)
    at = 0
    while at < size:
        length = int(rng.uniform(0.06, 0.4) * RATE_HZ)
        t = np.arange(min(length, size - at)) / RATE_HZ
        tone = np.sin(2 * np.pi * rng.choice(low) * t) + np.sin(2 * np.pi * rng.choice(high) * t)
        wave[at : at + len(t)] = tone * 10 ** (rng.uniform(-13, -3) / 20) / 2
        at += length + int(rng.uniform(0.08, 2.0) * RATE_HZ)
    return wave + rng.standard_normal(size) * 10 ** (-60 / 20)


def _ringback(size: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Ringback, busy and congestion tones as Europe, America, Britain and Japan have them, 30 s each in turn."""
    plans: Mapping[tuple[float, ...], tuple[float, ...]] = {
        (425.0,): (1.0, 4.0),
        (440.0, 480.0): (2.0, 4.0),
        (400.0, 450.0): (0.4, 0.2, 0.4, 2.0),
        (400.0, 384.0, 416.0): (1.0, 2.0),
        (480.0, 620.0): (0.5, 0.5),
        (425.0, 425.0): (0.25, 0.25),
    }
    t = np.arange(size) / RATE_HZ
    wave = np.zeros(size)
    for number, (pitches, cadence) in enumerate(plans.items()):
        here = (t // 30).astype(int) % len(plans) == number
        place = t % sum(cadence)
        edges = np.cumsum((0.0, *cadence))
        on = np.zeros(size, bool)
        for begin, end in zip(edges[0:-1:2], edges[1::2], strict=False):
            on |= (place >= begin) & (place < end)
        wave += here * on * sum(np.sin(2 * np.pi * pitch * t) for pitch in pitches) / len(pitches)
    return wave * 10 ** (-16 / 20) + rng.standard_normal(size) * 10 ** (-62 / 20)


_KINDS = {"silence": _silence, "noise": _noise, "music": _music, "DTMF": _dtmf, "ringback": _ringback}
