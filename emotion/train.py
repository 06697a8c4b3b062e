"""Train the tone model from labelled recordings; `nabra train` is its command line.

Clips come from `emotion.training.manifest`. Written are tone.onnx, tone.json and MODEL_CARD.md. The same
recordings, labels, versions of packages and seed give the same files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from emotion.errors import CorpusError

if TYPE_CHECKING:
    from emotion.training.alarms import Calls
    from emotion.training.judging import Witness
    from emotion.training.manifest import Clip
    from emotion.training.recordings import Progress

VERSION = "4"
PRIOR = 0.5
SEEDS = 3


def train(
    clips: Sequence[Clip],
    judged: Sequence[Clip] = (),
    *,
    out: Path,
    cache: Path | None = None,
    seeds: int = SEEDS,
    quick: bool = False,
    progress: Progress = lambda _what, _done, _of: None,
) -> dict[str, Any]:
    """Train, judge, and write the three files into `out`; return what tone.json holds.

    Parameters
    ----------
    clips
        To train on; every recording must be readable (`recordings.usable` sees to that). What is left out
        together for the figures is for `parts.parts` to say: corpora, or speakers where there is one corpus.
    judged
        Of other corpora: never trained on, only judged by.
    out
        Folder of the files; made where it is missing.
    cache
        Folder that keeps features between runs, None for none.
    seeds
        Times that everything is fitted and judged, each from a seed of its own; figures are means. The model
        of the first seed ships. 1 or more.
    quick
        A small model in seconds, to see that everything works; not to be used.
    progress
        Is told what is being done, how many of it are done, and how many there are.

    Raises
    ------
    CorpusError
        If nothing that holds for other people can be learnt from the clips, a recording cannot be read, or a
        corpus is both trained on and judged by.
    """
    from emotion.functionals import FEATURES, FEATURES_HASH
    from emotion.training.alarms import KINDS, alarm_figures, as_model, listen
    from emotion.training.beside import NETS, Teacher, hear, networks_of
    from emotion.training.cache import Cache
    from emotion.training.card import write_card
    from emotion.training.export import export
    from emotion.training.feelings import TAUGHT, Effort
    from emotion.training.figures import all_figures
    from emotion.training.fit import FitSettings, categories_of
    from emotion.training.judging import NOBODY, fits_of, witnesses
    from emotion.training.networks import Shape
    from emotion.training.parts import check, folds, parts
    from emotion.training.table import COPIES, build_table

    check(clips)
    trained, others = _corpora(clips), _corpora(judged)
    if both := set(trained) & set(others):
        raise CorpusError(f"{', '.join(sorted(both))}: named both to train on and to judge by; choose one")
    settings = FitSettings(Shape(hidden=8, members=2, passes=3)) if quick else FitSettings()
    # One thread: the sums of several differ in their last bits, and the machine is shared.
    with threadpool_limits(1):
        groups = folds(clips)
        held = [replace(clip, corpus=part) for clip, part in zip(clips, parts(clips), strict=True)]
        names, categories = _corpora(held), categories_of(held)
        table = build_table([*held, *judged], seed=settings.seed, cache=cache, progress=progress)
        by_row = np.array([*groups, *[""] * len(judged)])[table.clip]
        count = _Count(progress, "fitting", seeds * fits_of(names, len(set(groups))))
        by_seed = [
            witnesses(table, names, by_row, categories, replace(settings, seed=settings.seed + seed), count)
            for seed in range(seeds)
        ]
        effort = Effort(units=8, head=8, steps=3, batch=16) if quick else Effort()
        kept = Cache(cache, f"networks {TAUGHT} {effort}")
        count = _Count(progress, "networks", seeds * networks_of(names, len(set(groups))))
        heard = [
            hear(Teacher(table, by_row, categories, effort, settings.seed + seed, kept, count), names, witnesses)
            for seed, witnesses in enumerate(by_seed)
        ]
        beside = heard[0].beside
        figures = all_figures(table, names, others, [one.witnesses for one in heard], [one.named for one in heard])
        # Alarms are of anger, which rests on the committee alone.
        shipped = by_seed[0][NOBODY]
        calls = listen(held, groups, settings.seed, as_model(shipped.fit, shipped.scales), progress)
        count = _Count(progress, "alarms", seeds * fits_of(names, len(set(groups))) * len(KINDS))
        peaks = {kind: _peaks(calls[kind], by_seed, count) for kind in KINDS}
        figures["alarms"] = {
            kind: alarm_figures(calls[kind], *peaks[kind], names, NOBODY) for kind in KINDS if len(calls[kind].angry)
        }
        if not quick:
            figures["perturbations"] = _perturbations(held, names, by_seed[0], settings.seed, progress)
    _for_thresholds(figures)
    file, scales = out / "tone.onnx", heard[0].witnesses[NOBODY].scales
    alarm_at = figures["alarms"].get("made_calls", {}).get("ships", {})
    export(
        shipped.fit,
        scales,
        file,
        version=VERSION,
        prior=PRIOR,
        corpora=",".join(trained),
        facts={"nabra.alarm_at": json.dumps(_rounded(alarm_at))},
        beside=beside if categories else None,
    )
    content = file.read_bytes()
    facts: dict[str, Any] = {
        "version": VERSION,
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "features": FEATURES_HASH,
        "feature_count": len(FEATURES),
        "prior": PRIOR,
        "alarm_at": alarm_at,
        "seed": settings.seed,
        "seeds": seeds,
        "trained_on": trained,
        "judged_on": others,
        "licences": {name: sorted({clip.licence for clip in clips if clip.corpus == name}) for name in trained},
        "copies": COPIES,
        "networks": settings.shape.members,
        "hidden": settings.shape.hidden,
        "sequence_networks": 0 if beside.nets is None else NETS,
        "sequence_units": effort.units,
        "sequence_arousal": beside.arousal,
        "categories": list(categories),
        "scales": {target: [scale.slope, scale.shift] for target, scale in scales.items()},
        "figures": figures,
    }
    (out / "tone.json").write_text(json.dumps(_rounded(facts), indent=1) + "\n", encoding="utf-8")
    (out / "MODEL_CARD.md").write_text(write_card(facts, [*clips, *judged], trained, others), encoding="utf-8")
    return facts


class _Count:
    """Tells progress one step further at each call."""

    def __init__(self, progress: Progress, what: str, of: int) -> None:
        self._progress, self._what, self._of, self._done = progress, what, of, 0
        progress(what, 0, of)

    def __call__(self) -> None:
        self._done += 1
        self._progress(self._what, self._done, self._of)


def _peaks(
    calls: Calls, by_seed: Sequence[dict[str, Witness]], done: Callable[[], None]
) -> tuple[list[dict[str, NDArray[np.float64]]], list[dict[str, NDArray[np.float64]]]]:
    """By seed: peaks of the calls of each part from the model without it, and of all others from those inside."""
    from emotion.training.alarms import as_model

    outside, inside = [], []
    for witnesses in by_seed:
        out, inner = {}, {}
        for part, witness in witnesses.items():
            # Of the model that knows everybody there is nobody to ask.
            out[part] = calls.peaks(as_model(witness.fit, witness.scales), calls.corpus == part)
            done()
            inner[part] = np.full(len(calls.angry), np.nan)
            for fold, fit in witness.fits.items():
                chosen = (calls.corpus != part) & (calls.fold == fold)
                peaks = calls.peaks(as_model(fit, witness.scales), chosen)
                inner[part][chosen] = peaks[chosen]
                done()
        outside.append(out)
        inside.append(inner)
    return outside, inside


def _perturbations(
    clips: Sequence[Clip], parts: Sequence[str], witnesses: dict[str, Witness], seed: int, progress: Progress
) -> dict[str, Any]:
    """What perturbations do to each part, judged by the model that knows nothing of it."""
    from emotion.training.alarms import as_model
    from emotion.training.perturbed import perturbation_figures

    found = {}
    for number, part in enumerate(parts):
        witness = witnesses[part]
        own = [clip for clip in clips if clip.corpus == part and clip.anger is not None]
        if len({clip.anger for clip in own}) == 2:
            found[part] = perturbation_figures(as_model(witness.fit, witness.scales), own, seed=seed)
        progress("perturbing", number + 1, len(parts))
    return found


def _for_thresholds(figures: dict[str, Any]) -> None:
    """Put the alarms beside the other figures of anger, by thresholds at the model's own prior."""
    from emotion.training.alarms import at_half
    from emotion.training.calibrate import sigmoid

    tables = figures["alarms"].get("made_calls", {}).get("by_threshold", {})
    for part, entry in figures["anger"]["left_out"].items():
        if entry and part in tables:
            entry["alarms"] = {f"{sigmoid(np.array(at_half(float(p)))):.4g}": row for p, row in tables[part].items()}


def _corpora(clips: Sequence[Clip]) -> list[str]:
    return list(dict.fromkeys(clip.corpus for clip in clips))


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    return [_rounded(inner) for inner in value] if isinstance(value, list) else value
