"""How well the tone model that ships hears: what its training measured, and what is measured here on other corpora.

Corpora that it never learnt from are among the corpora beside the checkout. Each recording of them goes
through the whole live path, frame by frame, with every frame flagged as speech; its last estimate that may be used
counts. What training measured on corpora left out needs models that no longer exist, and is read from the model's own
facts; each row says which of the two it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from emotion import ToneModel, TrackerSettings, trace
from emotion.training.manifest import Clip, read_manifest
from emotion.training.measures import auc, auc_interval
from emotion.training.recordings import read_clip

CORPORA = Path(__file__).resolve().parent.parent.parent / "shared" / "corpora" / "emotion"
"""Beside the checkout."""

Row = dict[str, object]


def accuracy(quick: bool) -> list[Row]:
    """Return rows of stage and note: figures of the model that ships."""
    return [*_from_training(), *_measured(quick)]


def _row(name: str, note: str, count: int = 0) -> Row:
    return {"stage": f"emotion: {name}", "n": count, "note": note}


def _from_training() -> Iterator[Row]:
    model = ToneModel.load()
    facts = json.loads(model.path.with_suffix(".json").read_text(encoding="utf-8"))
    figures = facts["figures"]
    for target in ("anger", "arousal"):
        entries, mean = figures[target]["left_out"], figures[target]["left_out_mean"]
        each = ", ".join(
            f"{name} {entry['auc']:.3f} ({entry['auc_95'][0]:.2f}-{entry['auc_95'][1]:.2f})"
            for name, entry in entries.items()
        )
        note = f"AUC {mean['auc']:.3f}, seeds differ by {mean['auc_sd']:.3f}: {each}"
        yield _row(f"{target}, each corpus left out", f"{note}; from training", _clips(entries))
    mean = figures["anger"]["left_out_mean"]
    heard = mean["heard"]
    share = ", ".join(f"{seconds} s {entry['share']:.3f}" for seconds, entry in heard.items())
    yield _row("anger heard early, as a share of all heard", f"AUC: {share}; from training")
    yield _row(
        "calibration of anger, each corpus left out",
        f"ECE {mean['ece_at_prior']:.3f} at a prior of .03 (log loss {100 * mean['log_loss_gain_at_prior']:+.0f} % "
        f"against always saying the prior), {mean['ece']:.3f} at .5; errors left where the least sure tenth is not "
        f"judged: {100 * mean['errors_left_at_10pct_silent']:.0f} %; from training",
    )
    for kind, calls in figures["alarms"].items():
        for share, found in calls["at_share"]["mean"].items():
            note = (
                f"{100 * found['angry']:.0f} % of the angry alarmed, {100 * found['calm']:.1f} % of the calm, "
                f"{100 * found['others']:.0f} % of all others; {_percent(found.get('precision_calm'))} of alarms right "
                f"among calm calls where 3 % are angry, {_percent(found.get('precision_others'))} among all others"
            )
            name = (
                f"alarms per call ({kind.replace('_', ' ')}), unseen corpus, {100 * float(share):g} % of calms allowed"
            )
            yield _row(name, f"{note}; from training")
    uar = ", ".join(
        f"{name} {entry['categories']}: {entry['uar']:.3f}" for name, entry in figures["categories"].items()
    )
    yield _row("categories, speakers left out, UAR", f"{uar}; from training", _clips(figures["categories"]))


def _clips(entries: Mapping[str, Mapping[str, Any]]) -> int:
    return sum(int(entry["clips"]) for entry in entries.values())


def _percent(share: float | None) -> str:
    return "none" if share is None else f"{100 * share:.0f} %"


def _measured(quick: bool) -> Iterator[Row]:
    model = ToneModel.load()
    for name in ("turev", "baved"):
        if not (CORPORA / name).is_dir():
            yield _row(f"{name}, never trained on", "not measured: the corpora beside the checkout are missing")
            continue
        clips = read_manifest(CORPORA / name)[:: 10 if quick else 1]
        heard = [_last(model, clip) for clip in clips]
        for what, label, place in (
            ("anger against the rest", [clip.anger for clip in clips], 0),
            ("arousal, high against low", [clip.arousal for clip in clips], 1),
            ("arousal, most against least intense", [_INTENSE.get(clip.intensity) for clip in clips], 1),
        ):
            known = [i for i, value in enumerate(label) if value is not None and heard[i] is not None]
            positive = np.array([label[i] == 1.0 for i in known])
            if len(set(positive.tolist())) < 2 or not {label[i] for i in known} <= {0.0, 1.0}:
                continue
            score = np.array([found[place] for i in known if (found := heard[i]) is not None])
            low, high = auc_interval(score, positive, np.array([clips[i].speaker for i in known]), seed=1)
            refused = sum(1 for i, value in enumerate(label) if value is not None and heard[i] is None)
            note = f"AUC {auc(score, positive):.3f} ({low:.2f}-{high:.2f}), measured now; abstained on {refused}"
            yield _row(f"{name}, never trained on: {what}", note, len(known))


# Single words: they would all be too short for a call.
_SHORT = TrackerSettings(min_voiced_s=0.4)
_INTENSE = {"high": 1.0, "low": 0.0}


def _last(model: ToneModel, clip: Clip) -> tuple[float, float] | None:
    """Anger and arousal of the last estimate that may be used, None where there is none."""
    pcm = read_clip(clip)
    frames = -(-len(pcm) // 160)
    used = [estimate for estimate in trace(pcm, [True] * frames, model, _SHORT) if not estimate.abstained]
    return (used[-1].anger, used[-1].arousal) if used else None
