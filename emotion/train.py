"""Train the tone model from labelled recordings; `nabra train` is its command line.

Clips come from `emotion.training.manifest`. Written are tone.onnx, tone.json and MODEL_CARD.md. The same
recordings, labels, versions of packages and seeds give the same file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from emotion.training.manifest import Clip
    from emotion.training.recordings import Progress

VERSION = "1"
PRIOR = 0.5
SEEDS = 5


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
        Fits of each target, each from a seed of its own; what ships is their mean. 1 or more.
    quick
        A small model in seconds, to see that everything works; not to be used.
    progress
        Is told what is being done, how many of it are done, and how many there are.

    Raises
    ------
    CorpusError
        If nothing that holds for other people can be learnt from the clips, a recording cannot be read or is
        named twice, or a corpus is both trained on and judged by.
    """
    from emotion.functionals import FEATURES, FEATURES_HASH
    from emotion.training.card import write_card
    from emotion.training.export import export
    from emotion.training.figures import all_figures, leave_one_out, scales_from
    from emotion.training.fit import FitSettings, fit_tone
    from emotion.training.parts import check, check_apart, parts
    from emotion.training.table import build_table

    check(clips)
    check_apart(clips, judged)
    trained, others = _corpora(clips), _corpora(judged)
    settings = FitSettings(hidden=8, committee=seeds, passes=3) if quick else FitSettings(committee=seeds)
    # One thread: the sums of several differ in their last bits, and the machine is shared.
    with threadpool_limits(1):
        held = [replace(clip, corpus=part) for clip, part in zip(clips, parts(clips), strict=True)]
        names = _corpora(held)
        table = build_table([*held, *judged], seed=settings.seed, cache=cache, progress=progress)
        fits = 3 * len(names) + 1

        def fitted(done: int) -> None:
            progress("fitting", done, fits)

        fitted(0)
        logits = leave_one_out(table, names, settings, fitted)
        shipped = fit_tone(table, names, scales_from(table, logits, names), settings)
        fitted(fits)
        figures = all_figures(table, names, others, logits=logits, shipped=shipped, seed=settings.seed)
    file = out / "tone.onnx"
    export(shipped, file, version=VERSION, prior=PRIOR, corpora=",".join(trained))
    content = file.read_bytes()
    facts: dict[str, Any] = {
        "version": VERSION,
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "features": FEATURES_HASH,
        "feature_count": len(FEATURES),
        "prior": PRIOR,
        "seed": settings.seed,
        "trained_on": trained,
        "judged_on": others,
        "licences": {name: sorted({clip.licence for clip in clips if clip.corpus == name}) for name in trained},
        "networks": settings.committee,
        "hidden": settings.hidden,
        "scales": {target: [scale.slope, scale.shift] for target, scale in shipped.scales.items()},
        "figures": figures,
    }
    (out / "tone.json").write_text(json.dumps(_rounded(facts), indent=1) + "\n", encoding="utf-8")
    (out / "MODEL_CARD.md").write_text(write_card(facts, [*clips, *judged], trained, others), encoding="utf-8")
    return facts


def _corpora(clips: Sequence[Clip]) -> list[str]:
    return list(dict.fromkeys(clip.corpus for clip in clips))


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    return [_rounded(inner) for inner in value] if isinstance(value, list) else value
