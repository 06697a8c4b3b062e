"""Honest figures: every corpus judged by a model that never saw it, intervals drawn over speakers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotion.training.fit import (
    TARGETS,
    FitSettings,
    Scale,
    ToneFit,
    balanced_weights,
    both_classes,
    fit_committee,
    fit_scale,
    fit_scaler,
)
from emotion.training.table import PREFIXES_S, Table

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

THRESHOLDS = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9)
"""Of the probability of anger, at which the card counts alarms."""

_DRAWS = 300


def auc(score: Floats, positive: Mask, weights: Floats | None = None) -> float:
    """Area under the ROC curve, ties counted half; NaN where a class is missing."""
    w = np.ones(len(score)) if weights is None else weights
    order = np.argsort(score, kind="stable")
    s, p, w = score[order], positive[order], w[order]
    _, group = np.unique(s, return_inverse=True)
    pos = np.bincount(group, weights=np.where(p, w, 0.0))
    neg = np.bincount(group, weights=np.where(p, 0.0, w))
    if pos.sum() <= 0.0 or neg.sum() <= 0.0:
        return float("nan")
    below = np.cumsum(neg) - neg
    return float(np.sum(pos * (below + 0.5 * neg)) / (pos.sum() * neg.sum()))


def auc_interval(score: Floats, positive: Mask, speaker: NDArray[np.str_], seed: int) -> tuple[float, float]:
    """95 % interval of the AUC by drawing speakers with replacement."""
    rng = np.random.default_rng(seed)
    names, number = np.unique(speaker, return_inverse=True)
    found = []
    for _ in range(_DRAWS):
        times = np.bincount(rng.integers(0, len(names), len(names)), minlength=len(names))
        value = auc(score, positive, times[number].astype(np.float64))
        if np.isfinite(value):
            found.append(value)
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


def calibration_error(probability: Floats, label: Floats, weights: Floats) -> float:
    """Expected calibration error over ten equal bins, weighted."""
    place = np.minimum((probability * 10).astype(int), 9)
    error = 0.0
    for b in range(10):
        here = place == b
        total = weights[here].sum()
        if total > 0.0:
            error += abs(np.sum(weights[here] * (probability[here] - label[here])))
    return float(error / weights.sum())


def recall_at_false_alarms(score: Floats, positive: Mask, share: float) -> float:
    """Share of positives above the threshold that alarms `share` of the negatives."""
    return float(np.mean(score[positive] > np.quantile(score[~positive], 1.0 - share)))


def alarms(probability: Floats, angry: Mask, calm: Mask) -> dict[str, dict[str, float]]:
    """Shares of clips alarmed at each of THRESHOLDS: of the angry, of all others, of the calm among those.

    Parameters
    ----------
    probability : of anger, one a clip, shape (n,).
    angry, calm : who is angry, and who of the others is little aroused, shape (n,).
    """
    groups = {"angry": angry, "others": ~angry, "calm": calm & ~angry}
    return {
        f"{threshold:g}": {
            name: float(np.mean(probability[members] >= threshold)) for name, members in groups.items() if members.any()
        }
        for threshold in THRESHOLDS
    }


def leave_one_out(
    table: Table, corpora: Sequence[str], settings: FitSettings, done: Callable[[int], None] = lambda _fits: None
) -> dict[str, Floats]:
    """Logits of every row of `corpora`, by target, each from a model that saw none of its corpus; NaN elsewhere.

    `done` is told after each fit how many there were.
    """
    corpus = table.corpus()
    found = {target: np.full(len(corpus), np.nan) for target in TARGETS}
    fits = 0
    for left_out in corpora:
        rows = np.isin(corpus, [name for name in corpora if name != left_out])
        test = corpus == left_out
        scaler = fit_scaler(table, rows)
        for target in TARGETS:
            committee = fit_committee(table, rows, target, scaler, settings)
            found[target][test] = committee.logits(scaler(table.features[test]))
            fits += 1
            done(fits)
    return found


def scales_from(table: Table, logits: dict[str, Floats], corpora: Sequence[str]) -> dict[str, Scale]:
    """Scales fitted on left-out logits of `corpora`, both classes and all corpora with the same say (prior 0.5)."""
    scales = {}
    inside = np.isin(table.corpus(), list(corpora))
    for target in TARGETS:
        label = table.label(target)
        rows = inside & np.isfinite(label) & np.isfinite(logits[target])
        if not both_classes(label[rows]):
            scales[target] = Scale(0.0, 0.0)
            continue
        weights = balanced_weights(table, rows, label)
        scales[target] = fit_scale(logits[target][rows], label[rows], weights[rows])
    return scales


def _figures(table: Table, rows: Mask, target: str, probability: Floats, seed: int) -> dict[str, Any]:
    label = table.label(target)
    rows = rows & np.isfinite(label) & (label != 0.5) & np.isfinite(probability)
    positive = label == 1.0
    speaker = table.speaker()
    whole = rows & table.whole & ~table.degraded
    if not both_classes(label[whole]):
        return {}
    low, high = auc_interval(probability[whole], positive[whole], speaker[whole], seed)
    weights = np.zeros(len(label))
    for value in (False, True):
        members = whole & (positive == value)
        weights[members] = 1.0 / members.sum()
    result: dict[str, Any] = {
        "clips": int(whole.sum()),
        "speakers": len(np.unique(speaker[whole])),
        "auc": auc(probability[whole], positive[whole]),
        "auc_95": [low, high],
        "auc_degraded": auc(*_pair(probability, positive, rows & table.whole & table.degraded)),
        "ece": calibration_error(probability[whole], label[whole], weights[whole]),
        "recall_at_5pct_false_alarms": recall_at_false_alarms(probability[whole], positive[whole], 0.05),
    }
    by_heard = {}
    # Only clips that reach 2 s: otherwise each column would be about other clips.
    long = np.isin(table.clip, table.clip[(table.prefix_s == 2.0) & ~table.degraded])
    for seconds in PREFIXES_S[:3]:
        here = rows & long & ~table.degraded & (table.prefix_s == seconds)
        if len(np.unique(positive[here])) == 2:
            by_heard[str(seconds)] = auc(probability[here], positive[here])
    here = rows & long & ~table.degraded & table.whole
    # A hundred long clips at least, or the row is about a handful of them.
    if here.sum() >= 100 and len(np.unique(positive[here])) == 2:
        by_heard["all"] = auc(probability[here], positive[here])
        result["auc_by_seconds_of_same_clips"] = by_heard
    return result


def _pair(probability: Floats, positive: Mask, rows: Mask) -> tuple[Floats, Mask]:
    return probability[rows], positive[rows]


def all_figures(
    table: Table,
    trained: Sequence[str],
    others: Sequence[str],
    *,
    logits: dict[str, Floats],
    shipped: ToneFit,
    seed: int,
) -> dict[str, Any]:
    """Figures by target and corpus: trained corpora by models without them, others by what ships."""
    corpus = table.corpus()
    result: dict[str, Any] = {}
    for target in TARGETS:
        entry: dict[str, Any] = {}
        for name in trained:
            # The scale, too, comes from the other corpora.
            scale = scales_from(table, logits, [c for c in trained if c != name])[target]
            probability = scale(logits[target])
            entry[name] = _figures(table, corpus == name, target, probability, seed)
            if target == "anger" and entry[name]:
                calls = (corpus == name) & table.whole & ~table.degraded & np.isfinite(table.label("anger"))
                angry, calm = table.label("anger") == 1.0, table.label("arousal") == 0.0
                entry[name]["alarms"] = alarms(probability[calls], angry[calls], calm[calls])
        found = [entry[name] for name in trained if entry[name]]
        mean = {
            key: float(np.mean([figures[key] for figures in found])) if found else None
            for key in ("auc", "auc_degraded", "ece", "recall_at_5pct_false_alarms")
        }
        result[target] = {"left_out": entry, "left_out_mean": mean, "never_trained": {}}
        for name in others:
            rows = corpus == name
            probability = np.full(len(corpus), np.nan)
            standardised = shipped.scaler(table.features[rows])
            probability[rows] = shipped.scales[target](shipped.committees[target].logits(standardised))
            figures = _figures(table, rows, target, probability, seed)
            if figures:
                result[target]["never_trained"][name] = figures
    return result
