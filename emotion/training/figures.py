"""Honest figures: every part judged by models that never saw it, over several seeds, intervals drawn over speakers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from emotion.training import measures
from emotion.training.calibrate import ANGRY_CALLS, both_classes
from emotion.training.fit import TARGETS
from emotion.training.judging import NOBODY, Witness, whole
from emotion.training.measures import auc
from emotion.training.table import PREFIXES_S, Table

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
BySeed = Sequence[Mapping[str, Witness]]

SILENT: Final = 0.1
"""Share of recordings that the model may be silent about."""
MEANS: Final = (
    "auc",
    "auc_degraded",
    "ece",
    "ece_at_prior",
    "log_loss_gain_at_prior",
    "recall_at_5pct_false_alarms",
    "errors_left_at_10pct_silent",
)

_FEW = 20


def all_figures(
    table: Table, trained: Sequence[str], others: Sequence[str], by_seed: BySeed, named: Sequence[Floats]
) -> dict[str, Any]:
    """Figures by target and corpus: of parts left out, of corpora never trained on by what ships, of categories.

    Every figure is the mean over seeds; `auc_sd` is what seeds differ by. See `_figures` for the entries. 'intensity':
    arousal, high against low intensity, of corpora never trained on. 'categories': recall of feelings, speakers left
    out, by `named`: logits of the categories by seed, of those whom the networks did not know.
    """
    corpus = table.corpus()
    result: dict[str, Any] = {}
    for target in TARGETS:
        left_out: dict[str, Any] = {}
        for name in trained:
            logits = [witnesses[name].outside for witnesses in by_seed]
            said = [w[name].probability(target, w[name].outside) for w in by_seed]
            left_out[name] = _figures(table, corpus == name, target, said)
            if target == "anger" and left_out[name]:
                column = TARGETS.index(target)
                left = [
                    _errors_left(table, name, w[name].inside[:, column], o[:, column])
                    for w, o in zip(by_seed, logits, strict=True)
                ]
                left_out[name]["errors_left_at_10pct_silent"] = float(np.mean(left))
        found = [left_out[name] for name in trained if left_out[name]]
        mean: dict[str, Any] = {
            key: float(np.mean([figures[key] for figures in found])) if found else None
            for key in MEANS
            if not found or all(key in figures for figures in found)
        }
        if found:
            mean["auc_sd"] = float(np.std(np.mean([figures["auc_by_seed"] for figures in found], axis=0)))
            mean["heard"] = _mean_heard([figures["heard"] for figures in found if figures["heard"]])
        never = {}
        for name in others:
            said = [w[NOBODY].probability(target, w[NOBODY].outside) for w in by_seed]
            if figures := _figures(table, corpus == name, target, said):
                never[name] = figures
        result[target] = {"left_out": left_out, "left_out_mean": mean, "never_trained": never}
    arousal = [witnesses[NOBODY].outside[:, TARGETS.index("arousal")] for witnesses in by_seed]
    result["intensity"] = {name: entry for name in others if (entry := _intensity(table, name, arousal))}
    result["categories"] = {
        name: entry for name in trained if (entry := _categories(table, name, named, by_seed[0][NOBODY].fit.categories))
    }
    return result


def _figures(table: Table, rows: Mask, target: str, said: Sequence[Floats]) -> dict[str, Any]:
    """Figures of one target on one corpus, from its probabilities at a prior of one half, by seed.

    Clips and speakers; 'auc' with 'auc_95', 'auc_sd' and 'auc_by_seed', of whole clean recordings; 'auc_degraded' of
    worsened copies; 'ece' at a prior of one half, 'ece_at_prior' and 'log_loss_gain_at_prior' at ANGRY_CALLS;
    'recall_at_5pct_false_alarms' at the corpus's own threshold; 'heard': AUC by seconds heard beside that of the
    same recordings whole; 'by': AUC by gender and language. Empty where there are not both kinds.
    """
    label = table.label(target)
    rows = rows & np.isfinite(label) & (label != 0.5) & np.isfinite(said[0])
    positive = label == 1.0
    clean = rows & whole(table)
    if not both_classes(label[clean]):
        return {}
    speaker = table.speaker()
    low, high = measures.auc_interval([p[clean] for p in said], positive[clean], speaker[clean], 1)
    own = [auc(p[clean], positive[clean]) for p in said]

    def mean(measure: Callable[[Floats, Mask], float], chosen: Mask) -> float:
        return float(np.mean([measure(p[chosen], positive[chosen]) for p in said]))

    return {
        "clips": int(clean.sum()),
        "speakers": len(np.unique(speaker[clean])),
        "auc": float(np.mean(own)),
        "auc_95": [low, high],
        "auc_sd": float(np.std(own)),
        "auc_by_seed": own,
        "auc_degraded": mean(auc, rows & table.whole & ~table.clean),
        "ece": mean(lambda p, y: measures.calibration_error_at(p, y, 0.5), clean),
        "ece_at_prior": mean(lambda p, y: measures.calibration_error_at(p, y, ANGRY_CALLS), clean),
        "log_loss_gain_at_prior": mean(lambda p, y: measures.log_loss_gain(p, y, ANGRY_CALLS), clean),
        "recall_at_5pct_false_alarms": mean(lambda p, y: measures.recall_at_false_alarms(p, y, 0.05), clean),
        "heard": _heard(table, rows & table.clean, positive, said),
        "by": _by_group(table, clean, positive, said),
    }


def _heard(table: Table, rows: Mask, positive: Mask, said: Sequence[Floats]) -> dict[str, dict[str, float]]:
    """AUC after so many seconds of speech, and of the same recordings whole, by seconds."""
    found = {}
    for seconds in PREFIXES_S[:3]:
        early = rows & (table.prefix_s == seconds)
        last = rows & table.whole & np.isin(table.clip, table.clip[early])
        if min(positive[early].sum(), (~positive[early]).sum()) >= _FEW:
            whole_, part = (
                float(np.mean([auc(p[chosen], positive[chosen]) for p in said])) for chosen in (last, early)
            )
            found[f"{seconds:g}"] = {"clips": int(early.sum()), "auc": part, "auc_whole": whole_}
    return found


def _mean_heard(found: Sequence[Mapping[str, Mapping[str, float]]]) -> dict[str, dict[str, float]]:
    """Means over corpora that all have the seconds, and the share of the whole's AUC."""
    result = {}
    for seconds in found[0] if found else ():
        if all(seconds in one for one in found):
            part, whole_ = (float(np.mean([one[seconds][key] for one in found])) for key in ("auc", "auc_whole"))
            result[seconds] = {"auc": part, "auc_whole": whole_, "share": part / whole_}
    return result


def _by_group(table: Table, rows: Mask, positive: Mask, said: Sequence[Floats]) -> dict[str, dict[str, Any]]:
    """AUC of each gender and language of which both kinds are known, with intervals over speakers."""
    speaker = table.speaker()
    found: dict[str, dict[str, Any]] = {}
    for kind in ("gender", "language"):
        group = np.array([getattr(clip, kind) for clip in table.clips])[table.clip]
        for name in np.unique(group[rows]):
            here = rows & (group == name)
            if name and min(positive[here].sum(), (~positive[here]).sum()) >= _FEW:
                found[f"{kind} {name}"] = {
                    "clips": int(here.sum()),
                    "speakers": len(np.unique(speaker[here])),
                    "auc": float(np.mean([auc(p[here], positive[here]) for p in said])),
                    "auc_95": list(measures.auc_interval([p[here] for p in said], positive[here], speaker[here], 1)),
                }
    return found


def _errors_left(table: Table, part: str, inside: Floats, outside: Floats) -> float:
    """Errors of anger left on a part where the least sure are not judged; the threshold is from the other parts."""
    positive, corpus = table.label("anger") == 1.0, table.corpus()
    known = whole(table) & np.isfinite(table.label("anger"))
    taught, judged = known & np.isfinite(inside), known & (corpus == part)
    if not taught.any():
        return 1.0
    weights = np.zeros(len(positive))
    for name in np.unique(corpus[taught]):
        here = taught & (corpus == name)
        weights[here] = measures.class_weights(positive[here], 0.5)
    limit = measures.best_threshold(inside[taught], positive[taught], weights[taught])
    return measures.errors_left(outside[judged], positive[judged], limit, SILENT)


def _intensity(table: Table, name: str, logits: Sequence[Floats]) -> dict[str, Any]:
    """Arousal of recordings marked as of high against low intensity; empty where they are not."""
    intensity = np.array([clip.intensity for clip in table.clips])[table.clip]
    rows = (table.corpus() == name) & whole(table) & np.isin(intensity, ["high", "low"])
    if len(np.unique(intensity[rows])) < 2:
        return {}
    positive, speaker = intensity == "high", table.speaker()
    return {
        "clips": int(rows.sum()),
        "auc": float(np.mean([auc(x[rows], positive[rows]) for x in logits])),
        "auc_95": list(measures.auc_interval([x[rows] for x in logits], positive[rows], speaker[rows], 1)),
    }


def _categories(table: Table, name: str, named: Sequence[Floats], categories: Sequence[str]) -> dict[str, Any]:
    """Unweighted average recall of the categories that a corpus knows, by models that do not know the speaker."""
    emotion = np.array([clip.emotion for clip in table.clips])[table.clip]
    rows = (table.corpus() == name) & whole(table) & np.isin(emotion, list(categories))
    if categories:
        rows &= np.isfinite(named[0]).all(axis=1)
    known = [place for place, category in enumerate(categories) if category in emotion[rows]]
    if len(known) < 2:
        return {}
    names = np.array(categories)[known]
    found = [
        measures.unweighted_average_recall(names[logits[np.ix_(rows, known)].argmax(axis=1)], emotion[rows])
        for logits in named
    ]
    return {"clips": int(rows.sum()), "categories": len(known), "uar": float(np.mean(found)), "uar_by_seed": found}
