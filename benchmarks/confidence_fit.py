"""Fits and judges the map from Moonshine's token probabilities to the chance that a word is right.

    python -m benchmarks.confidence_fit speech DIR --corpora CORPORA     synthetic calls, spoken by several voices
    python -m benchmarks.confidence_fit fit DIR --corpora CORPORA        writes the map and prints its figures

Learnt from sentences of CLINC150 (CC BY 3.0) and BANKING77 (CC BY 4.0) spoken by synthetic voices. Judged on voices
and texts of the same kind that it has not seen, and on people: TESS and RAVDESS, of which nothing is learnt, because
their terms forbid that for a service that is sold. All of it goes through G.711 and the product's own voice activity
first. Words are right where the best alignment with what was said has the same word; numbers are spelled out and
contractions taken apart on both sides.
"""

import argparse
import csv
import json
import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

from asr.confidence import FEATURES, SHIPPED, Calibration, features
from asr.decoder import Answer, DecoderClient
from asr.engine import Samples
from asr.listener import Listener, ListenerSettings
from asr.moonshine_engine import MoonshineEngine, Networks, best_model, embedded_model
from telephony.audio import StreamResampler, mulaw_decode, mulaw_encode, resample

VOICES = (
    ("flite", "rms"),
    ("kokoro", "jm_kumo"),
    ("flite", "slt"),
    ("kokoro", "jf_alpha+jm_kumo"),
    ("flite", "awb"),
    ("kokoro", "jf_nezumi"),
    ("flite", "kal16"),
    ("kokoro", "jf_gongitsune+jm_kumo"),
)
HELD_OUT_VOICES = frozenset({"flite/awb", "kokoro/jf_gongitsune+jm_kumo"})
_PLAIN = re.compile(r"[A-Za-z ,.?'!]+")


def texts(corpora: Path, most: int) -> list[str]:
    """Return sentences that callers could say, in a fixed random order."""
    clinc = json.loads((corpora / "intent/clinc150/data_full.json").read_text(encoding="utf-8"))
    found = [row[0] for row in clinc["train"] + clinc["oos_train"]]
    with (corpora / "intent/banking77/train.csv").open(encoding="utf-8", newline="") as file:
        found += [row[0] for row in list(csv.reader(file))[1:]]
    lines = (" ".join(text.split()) for text in found)
    plain = [text for text in dict.fromkeys(lines) if _PLAIN.fullmatch(text) and 1 <= len(text.split()) <= 16]
    random.Random(5).shuffle(plain)
    return plain[:most]


def speak(folder: Path, corpora: Path, most: int) -> None:
    """Say ``most`` sentences, one voice each in turn, on a telephone line, as FLAC with a manifest."""
    from nabra.demo.make_samples import Line, Voices, on_the_line

    voices, rows = Voices(), []
    folder.mkdir(parents=True, exist_ok=True)
    for number, text in enumerate(texts(corpora, most)):
        engine, voice = VOICES[number % len(VOICES)]
        rng = np.random.default_rng(number)
        line = Line(float(rng.uniform(-34, -16)), float(rng.uniform(10, 35)), lead_in_s=0.6, tail_s=1.0)
        file = folder / f"{number:04d}.flac"
        if not file.exists():
            wave = voices.speak(engine, voice, text, float(rng.uniform(0.9, 1.25)))
            soundfile.write(file, on_the_line(wave, line, rng), 8000, subtype="PCM_16")
        rows.append({"file": file.name, "text": text, "voice": f"{engine}/{voice}"})
    (folder / "manifest.json").write_text(json.dumps(rows, indent=0), encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Clip:
    """A piece of speech: 8 kHz samples off a G.711 line, what was said, and who said it."""

    pcm: Samples
    text: str
    voice: str


def spoken_clips(folder: Path) -> list[Clip]:
    """Return the synthetic calls of a folder made by :func:`speak`."""
    rows = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return [Clip(_on_a_line(folder / row["file"]), row["text"], row["voice"]) for row in rows]


def acted_clips(corpora: Path, corpus: str, every: int) -> list[Clip]:
    """Return every so manieth clip of TESS or RAVDESS."""
    folder = corpora / "emotion" / corpus
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))[::every]
    return [Clip(_on_a_line(folder / row["path"]), row["text"], f"{corpus}/{row['speaker']}") for row in rows]


def _on_a_line(path: Path) -> Samples:
    audio, rate_hz = soundfile.read(path, dtype="int16", always_2d=True)
    pcm = resample(np.ascontiguousarray(audio[:, 0]), int(rate_hz), 8000)
    return mulaw_decode(mulaw_encode(np.concatenate([pcm, np.zeros(8000, np.int16)])))


class _Segments:
    """A decoder that keeps each segment as it is when its final is asked for, and says nothing."""

    def __init__(self) -> None:
        self.found: dict[int, Samples] = {}
        self._fed: list[Samples] = []

    def attach(self, client: DecoderClient) -> None:
        self._client = client

    def begin(self, segment: int, start_s: float) -> None:
        self._fed = []

    def feed(self, segment: int, pcm: Samples) -> None:
        self._fed.append(pcm.copy())

    def ask(self, segment: int, request: int, final: bool) -> None:
        if final:
            self.found[segment] = np.concatenate(self._fed)
        self._client.on_answer(Answer(segment, request, "", None, 0.0))

    def hurry(self, segment: int, request: int) -> None:
        """Nothing is late here."""

    def recall(self, segment: int, request: int) -> None:
        """Nothing is early here."""

    def end(self, segment: int) -> None:
        """Nothing to forget."""

    def close(self) -> None:
        """Nothing to close."""


def segments(pcm: Samples) -> list[Samples]:
    """Return what the product's voice activity hands on of a clip."""
    decoder = _Segments()
    listener = Listener(decoder, ListenerSettings(), lambda event: None)
    for at in range(0, pcm.size, 160):
        listener.push(pcm[at : at + 160])
    listener.force_final()
    return list(decoder.found.values())


_UNITS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_TAKEN_APART = (
    ("won't", "will not"), ("can't", "can not"), ("cannot", "can not"), ("n't", " not"), ("'m", " am"), ("'re", " are"),
    ("'s", " is"), ("'ve", " have"), ("'ll", " will"), ("'d", " would"),
)  # fmt: skip


def plain(text: str) -> list[str]:
    """Words in lower case; numbers to a thousand spelled out, contractions taken apart."""
    text = text.lower().replace("\u2019", "'").replace("%", " percent ").replace("e-mail", "email")
    for written, apart in _TAKEN_APART:
        text = text.replace(written, apart)
    words: list[str] = []
    for word in re.sub(r"[^a-z0-9 ]", " ", text).split():
        words += _number(int(word)) if word.isdigit() and len(word) < 4 else [word]
    return words


def _number(value: int) -> list[str]:
    if value < 20:
        return [_UNITS[value]]
    if value < 100:
        return [_TENS[value // 10], *(_number(value % 10) if value % 10 else [])]
    return [_UNITS[value // 100], "hundred", *(_number(value % 100) if value % 100 else [])]


def compared(said: Sequence[str], heard: Sequence[str]) -> tuple[int, list[bool]]:
    """Return the edit distance in words, and of each word heard whether it was said."""
    cost = np.zeros((len(said) + 1, len(heard) + 1), np.int64)
    cost[:, 0], cost[0] = np.arange(len(said) + 1), np.arange(len(heard) + 1)
    for i, word in enumerate(said, 1):
        for j, other in enumerate(heard, 1):
            cost[i, j] = min(cost[i - 1, j] + 1, cost[i, j - 1] + 1, cost[i - 1, j - 1] + (word != other))
    right = [False] * len(heard)
    i, j = len(said), len(heard)
    while i and j:
        if cost[i, j] == cost[i - 1, j - 1] + (said[i - 1] != heard[j - 1]):
            right[j - 1] = said[i - 1] == heard[j - 1]
            i, j = i - 1, j - 1
        elif cost[i, j] == cost[i, j - 1] + 1:
            j -= 1
        else:
            i -= 1
    return int(cost[-1, -1]), right


@dataclass(frozen=True, slots=True)
class Judged:
    """Words heard in a set of clips: their features, whether each was right, and the errors of the set."""

    x: npt.NDArray[np.float64]
    right: npt.NDArray[np.bool_]
    errors: int
    said: int


def judge(networks: Networks, clips: Iterable[Clip]) -> Judged:
    """Decode clips as the product would and compare each word with what was said."""
    x, right = [np.zeros((0, len(FEATURES)))], [np.zeros(0, bool)]
    errors = said = 0
    for clip in clips:
        parts: list[str] = []
        owners: list[int] = []
        words = 0
        for pcm in segments(clip.pcm):
            spoken = networks.transcribe(StreamResampler(8000, 16_000).push(pcm))
            if not spoken.words:
                continue
            x.append(features(spoken.words, spoken.seconds))
            for word, _ in spoken.words:
                apart = plain(word)
                parts += apart
                owners += [words] * len(apart)
                words += 1
        wrong_words, of_parts = compared(plain(clip.text), parts)
        errors += wrong_words
        said += len(plain(clip.text))
        # A word is right where all that it stands for was said.
        verdict = np.ones(words, bool)
        np.logical_and.at(verdict, owners, of_parts)
        right.append(verdict)
    return Judged(np.concatenate(x), np.concatenate(right), errors, said)


def fitted(sets: Sequence[Judged]) -> Calibration:
    """Fit the map; each set has the same weight, however many words it has."""
    from sklearn.linear_model import LogisticRegression

    x, y = np.concatenate([s.x for s in sets]), np.concatenate([s.right for s in sets])
    weight = np.concatenate([np.full(s.right.size, x.shape[0] / len(sets) / s.right.size) for s in sets])
    centre, spread = x.mean(axis=0), x.std(axis=0) + 1e-6
    model = LogisticRegression(C=0.1, max_iter=1000).fit((x - centre) / spread, y, weight)
    centre_, spread_, weight_ = (tuple(round(float(v), 5) for v in row) for row in (centre, spread, model.coef_[0]))
    return Calibration(centre_, spread_, weight_, round(float(model.intercept_[0]), 5))


def figures(judged: Judged, calibration: Calibration) -> dict[str, float]:
    """Return word error rate, words, share right, mean chance, calibration error (10 bins) and AUC."""
    from sklearn.metrics import roc_auc_score

    z = (judged.x - np.array(calibration.centre)) / np.array(calibration.spread)
    chance = np.clip(1 / (1 + np.exp(-(z @ np.array(calibration.weight) + calibration.bias))), 0.01, 0.99)
    bins = np.minimum((chance * 10).astype(int), 9)
    gaps = [abs(judged.right[bins == b].mean() - chance[bins == b].mean()) * (bins == b).mean() for b in set(bins)]
    return {
        "wer": round(judged.errors / judged.said, 4),
        "words": int(judged.right.size),
        "right": round(float(judged.right.mean()), 4),
        "mean_chance": round(float(chance.mean()), 4),
        "ece": round(float(sum(gaps)), 4),
        "auc": round(float(roc_auc_score(judged.right, chance)), 4),
        # What the mean probability of the word's tokens would do, without any map.
        "raw_ece": round(_raw_error(judged), 4),
        "raw_auc": round(float(roc_auc_score(judged.right, judged.x[:, FEATURES.index("mean score of the word")])), 4),
    }


def _raw_error(judged: Judged) -> float:
    raw = np.exp(judged.x[:, FEATURES.index("mean score of the word")])
    bins = np.minimum((raw * 10).astype(int), 9)
    return float(
        sum(abs(judged.right[bins == b].mean() - raw[bins == b].mean()) * (bins == b).mean() for b in set(bins))
    )


def fit(folder: Path, corpora: Path, models: Sequence[Path]) -> dict[str, Any]:
    """Fit a map for each model and return the content of the shipped file, figures and card included."""
    spoken = spoken_clips(folder)
    learn = {
        "synthetic": [clip for n, clip in enumerate(spoken) if clip.voice not in HELD_OUT_VOICES and n % 4],
    }
    held_out = {
        "synthetic, other texts": [
            clip for n, clip in enumerate(spoken) if clip.voice not in HELD_OUT_VOICES and n % 4 == 0
        ],
        "synthetic, other voices": [clip for clip in spoken if clip.voice in HELD_OUT_VOICES],
        "tess": acted_clips(corpora, "tess", 7),
        "ravdess": acted_clips(corpora, "ravdess", 12),
    }
    found: dict[str, Any] = {}
    for path in models:
        engine, networks = MoonshineEngine(path), Networks(path)
        sets = {name: judge(networks, clips) for name, clips in (learn | held_out).items()}
        calibration = fitted([sets[name] for name in learn])
        found[engine.facts.model_id] = {
            "centre": calibration.centre,
            "spread": calibration.spread,
            "weight": calibration.weight,
            "bias": calibration.bias,
            "learnt_from": {name: figures(sets[name], calibration) for name in learn},
            "judged_on": {name: figures(sets[name], calibration) for name in held_out},
        }
    return {"card": __doc__, "features": FEATURES, "models": found}


def main() -> int:
    """Make the speech, or fit the maps."""
    parser = argparse.ArgumentParser(description="confidence of Moonshine's words")
    parser.add_argument("what", choices=("speech", "fit"))
    parser.add_argument("folder", type=Path, help="where the synthetic calls are")
    parser.add_argument("--corpora", type=Path, required=True)
    parser.add_argument("--sentences", type=int, default=400)
    args = parser.parse_args()
    if args.what == "speech":
        speak(args.folder, args.corpora, args.sentences)
        return 0
    found = fit(args.folder, args.corpora, sorted({embedded_model(), best_model()}))
    SHIPPED.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for model, about in found["models"].items():
        for name, row in (about["learnt_from"] | about["judged_on"]).items():
            print(f"{model:34} {name:26} {row}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
