"""What understanding a text costs, and how often it is right.

Costs are of `IntentModel.predict` under the shipped intents, on thread CPU time, by words alone and with the
sentence encoder where it is installed; how often it is right is measured by `intent_six`.

Run alone: python -m benchmarks.intent_stages [--quick]
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

import config
from benchmarks.asr_figures import Figure, Finding
from benchmarks.intent_accuracy import BOTH, WORDS
from benchmarks.intent_six import accuracy
from config.schema import Intent
from nabra.sentence_encoder import UseEncoder, installed
from router.intent import IntentModel, SentenceEncoder, spoken

Row = dict[str, object]
Costs = NDArray[np.float64]


def measure(quick: bool) -> Iterator[Row]:
    """Return rows of costs, in microseconds of thread time, and of accuracy."""
    intents = config.load().intents.intents
    yield from _costs(intents, None, quick)
    if installed():
        yield from _costs(intents, UseEncoder(), quick)
    yield from accuracy(quick)


def _costs(intents: Sequence[Intent], encoder: SentenceEncoder | None, quick: bool) -> Iterator[Row]:
    """Rows of learning, of finals, and of partials that grow word by word; reading the probabilities included."""
    reading = WORDS if encoder is None else BOTH
    if encoder is not None:
        encoder.encode(["hello"])  # loads it
    began = time.thread_time()
    model = IntentModel.fit(intents, encoder=encoder)
    yield _row(f"intent: learn all languages, {reading}", "s", np.array([time.thread_time() - began]))
    partials: list[Costs] = []
    for language in model.languages:
        finals = [text for intent in intents if intent.language == language for text in intent.examples]
        growing = [" ".join(words[:n]) for words in map(str.split, finals) for n in range(1, len(words) + 1)]
        for name, sample in (("final", finals), ("partial", growing)):
            chosen = sample * (1 if quick else 10) if encoder is None else sample[:: 20 if quick else 4]
            costs = _timed(_reader(model, encoder, language), chosen)
            if name == "partial":
                partials.append(costs)
            yield _row(f"intent: predict, {name}, {language}, {reading}", "us", costs)
    costs = np.concatenate(partials)
    floor, aim = (0.15, 0.15) if encoder is None else (3.0, 3.0)
    figure = Figure("CPU of a partial, mean", float(costs.mean()) / 1000, "ms", floor, aim)
    note = f"{len(model.languages)} languages, the shipped examples word by word; the 99th percentile is "
    note += f"{np.percentile(costs, 99) / 1000:.3g} ms"
    yield Finding(f"intent: CPU, {reading}", "shipped examples", reading, len(costs), (figure,), note).as_row()


def _reader(model: IntentModel, encoder: SentenceEncoder | None, language: str) -> Callable[[str], object]:
    def read(text: str) -> object:
        vector = None if encoder is None else encoder.encode([spoken(text)])[0]
        return model.predict(text, language, vector).probability

    return read


def _timed(read: Callable[[str], object], texts: Sequence[str]) -> Costs:
    for text in texts[:50]:
        read(text)
    costs = np.empty(len(texts))
    for i, text in enumerate(texts):
        began = time.thread_time_ns()
        read(text)
        costs[i] = (time.thread_time_ns() - began) / 1000
    return costs


def _row(stage: str, unit: str, values: Costs) -> Row:
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
    """Print every row as a JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one draw of each set, and fewer timings")
    for row in measure(parser.parse_args().quick):
        print(json.dumps(row, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
