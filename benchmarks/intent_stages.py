"""What understanding a text costs, and how often it is right.

`measure` times `IntentModel.predict` under the shipped intents, on thread CPU time. `accuracy` learns
twenty examples of each label of public sets and routes the rest to three destinations, clean, misheard and
cut short.

Run: python -m benchmarks.intent_stages [--draws N]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np

import config
from benchmarks.intent_sets import IntentTexts, arabic_sets, english_sets
from config.schema import Intent
from router.intent import IntentModel, normalise

CORPORA = Path(__file__).resolve().parent.parent.parent / "shared" / "corpora"
EXAMPLES_PER_LABEL = 20
MAX_TESTED = 1500


def measure(quick: bool) -> list[dict[str, object]]:
    """CPU of one `predict`, in microseconds of thread time: finals, and partials that grow word by word."""
    settings = config.load()
    began = time.thread_time()
    model = IntentModel.fit(settings.intents.intents)
    fit_s = time.thread_time() - began
    rows: list[dict[str, object]] = [_row("intent: learn all languages", "s", np.array([fit_s]))]
    for language in model.languages:
        texts = [text for i in settings.intents.intents if i.language == language for text in i.examples]
        partials = [" ".join(words[:n]) for words in map(str.split, texts) for n in range(1, len(words) + 1)]
        for name, sample in (("final", texts), ("partial", partials)):
            rounds = 1 if quick else 10
            rows.append(
                _row(f"intent: predict, {name}, {language}", "us", _timed(model, sample * rounds, language))
            )
    return rows


def accuracy(corpora: Path, draws: int) -> list[dict[str, object]]:
    """Share of texts routed right, to one of three destinations, per set: mean and deviation over draws."""
    rows: list[dict[str, object]] = []
    for texts in (*english_sets(corpora), *arabic_sets(corpora)):
        results = [_one_draw(texts, seed) for seed in range(draws)]
        row: dict[str, object] = {"set": texts.name, "labels": len(set(texts.destinations)), "draws": draws}
        for name in results[0]:
            values = np.array([result[name] for result in results])
            row[name] = round(float(values.mean()), 4)
        row["clean_sd"] = round(float(np.std([result["clean"] for result in results])), 4)
        rows.append(row)
        print(json.dumps(row, ensure_ascii=False), file=sys.stderr, flush=True)
    return rows


def _one_draw(texts: IntentTexts, seed: int) -> dict[str, float]:
    rng = np.random.default_rng(seed)
    drawn: dict[str, list[str]] = {}
    rest: list[tuple[str, str]] = []
    for i in rng.permutation(len(texts.train)):
        text, label = texts.train[i]
        group = drawn.setdefault(label, [])
        if len(group) < EXAMPLES_PER_LABEL:
            group.append(text)
        else:
            rest.append((text, label))
    intents = [
        Intent(
            name=label, language=texts.language, destination=texts.destinations[label], examples=tuple(group)
        )
        for label, group in sorted(drawn.items())
    ]
    model = IntentModel.fit(intents, seed=seed)
    held_out = list(texts.test) or rest
    held_out = [held_out[i] for i in rng.permutation(len(held_out))[:MAX_TESTED]]
    vocabulary = sorted({word for text, _ in held_out for word in normalise(text).split()})
    result: dict[str, float] = {}
    for name, rate, cut in (
        ("clean", 0.0, None),
        ("wer10", 0.1, None),
        ("wer20", 0.2, None),
        ("wer30", 0.3, None),
        ("first3", 0.0, 3),
        ("first5", 0.0, 5),
        ("first8", 0.0, 8),
        ("first5_wer20", 0.2, 5),
    ):
        right: list[bool] = []
        sure: list[float] = []
        for text, label in held_out:
            words = _misheard(normalise(text).split()[:cut], rate, vocabulary, rng)
            posterior = model.predict(" ".join(words), texts.language)
            right.append(posterior.destination == texts.destinations[label])
            sure.append(posterior.probability)
        result[name] = float(np.mean(right))
        result[f"{name}_said"] = float(np.mean(sure))
        if name in ("wer20", "first5_wer20"):
            routed = np.array(sure) >= np.quantile(sure, 0.1 if name == "wer20" else 0.6)
            result[f"{name}_right_of_surest_{90 if name == 'wer20' else 40}"] = float(
                np.mean(np.array(right)[routed])
            )
    return result


def _misheard(words: list[str], rate: float, vocabulary: list[str], rng: np.random.Generator) -> list[str]:
    """Words with errors as recognisers make them: six in ten taken for another word, two lost, two put in."""
    heard: list[str] = []
    for word, chance in zip(words, rng.random(len(words)), strict=True):
        if chance >= rate:
            heard.append(word)
            continue
        kind = chance / rate
        if kind < 0.6:
            heard.append(vocabulary[rng.integers(len(vocabulary))])
        elif kind < 0.8:
            heard += [word, vocabulary[rng.integers(len(vocabulary))]]
    return heard


def _timed(
    model: IntentModel, texts: list[str], language: str
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    for text in texts[:50]:
        model.predict(text, language)
    costs = np.empty(len(texts))
    for i, text in enumerate(texts):
        began = time.thread_time_ns()
        model.predict(text, language)
        costs[i] = (time.thread_time_ns() - began) / 1000
    return costs


def _row(stage: str, unit: str, values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> dict[str, object]:
    p50, p95, p99, p999 = (round(float(v), 3) for v in np.percentile(values, [50, 95, 99, 99.9]))
    return {
        "stage": stage,
        "unit": unit,
        "n": len(values),
        "p50": p50,
        "p95": p95,
        "p99": p99,
        "p999": p999,
        "cpu_mean": round(float(values.mean()), 3),
    }


def main() -> None:
    """Print both measurements as JSON lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=3, help="draws of training examples for each set")
    options = parser.parse_args()
    rows = measure(quick=False)
    if CORPORA.is_dir():
        rows += accuracy(CORPORA, options.draws)
    else:
        print("the corpora beside the checkout are missing: accuracy was not measured", file=sys.stderr)
    for row in rows:
        print(json.dumps(row, ensure_ascii=False))


if __name__ == "__main__":
    main()
