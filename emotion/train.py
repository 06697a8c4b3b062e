"""Train the tone model: `python -m emotion.train --corpora DIR [--out DIR]`.

DIR holds one folder per corpus with a `manifest.csv` (columns path, speaker, emotion, arousal, licence) and
mono audio at 8 kHz. Writes tone.onnx, tone.json and MODEL_CARD.md. The same corpora, versions of packages
and seed give the same file.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from emotion.errors import CorpusError, EmotionError
from emotion.model import DEFAULT_MODEL

VERSION = "1"
PRIOR = 0.5
TRAINED_ON = ("ravdess", "nemo", "emodb")
JUDGED_ON = ("turev", "baved")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _counted(done: int, of: int) -> None:
    if done % 500 == 0:
        _say(f"features: {done} of {of} recordings")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m emotion.train", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--corpora", type=Path, required=True, help="folder with one folder per corpus")
    parser.add_argument("--train", nargs="+", default=list(TRAINED_ON), help="corpora to train on, two or more")
    parser.add_argument("--judge", nargs="*", default=list(JUDGED_ON), help="corpora to judge by, never trained on")
    parser.add_argument("--out", type=Path, default=DEFAULT_MODEL.parent, help="where the three files go")
    parser.add_argument("--cache", type=Path, help="folder that keeps computed features between runs")
    parser.add_argument("--seed", type=int, default=1)
    return parser


def train(
    corpora: Path, trained: Sequence[str], judged: Sequence[str], *, out: Path, cache: Path | None, seed: int
) -> dict[str, Any]:
    """Train, judge, and write the three files into `out`; return what tone.json holds.

    Raises
    ------
    CorpusError
        If a corpus cannot be read, or fewer than two are given to train on.
    """
    from emotion.functionals import FEATURES, FEATURES_HASH
    from emotion.training.card import write_card
    from emotion.training.export import export
    from emotion.training.figures import all_figures, leave_one_out, scales_from
    from emotion.training.fit import FitSettings, fit_tone
    from emotion.training.manifest import read_manifest
    from emotion.training.table import build_table

    if len(set(trained)) < 2 or set(trained) & set(judged):
        raise CorpusError("name two or more corpora to train on (each is left out once), and none of them to judge by")
    clips = [clip for name in (*trained, *judged) for clip in read_manifest(corpora / name)]
    table = build_table(clips, seed=seed, cache=cache, progress=_counted)
    settings = replace(FitSettings(), seed=seed)
    logits = leave_one_out(table, trained, settings, _say)
    _say("the model that ships: all corpora")
    shipped = fit_tone(table, trained, scales_from(table, logits, trained), settings)
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
        "seed": seed,
        "trained_on": list(trained),
        "judged_on": list(judged),
        "networks": settings.committee,
        "hidden": settings.hidden,
        "scales": {target: [scale.slope, scale.shift] for target, scale in shipped.scales.items()},
        "figures": all_figures(table, trained, judged, logits=logits, shipped=shipped, seed=seed),
    }
    (out / "tone.json").write_text(json.dumps(_rounded(facts), indent=1) + "\n", encoding="utf-8")
    (out / "MODEL_CARD.md").write_text(write_card(facts, clips, trained, judged), encoding="utf-8")
    return facts


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    return [_rounded(inner) for inner in value] if isinstance(value, list) else value


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 on success, 2 on data that cannot be used."""
    options = _parser().parse_args(arguments)
    try:
        # One thread: the sums of several differ in their last bits, and the machine is shared.
        with threadpool_limits(1):
            facts = train(
                options.corpora,
                options.train,
                options.judge,
                out=options.out,
                cache=options.cache,
                seed=options.seed,
            )
    except EmotionError as error:
        _say(f"error: {error}")
        return 2
    for target in ("anger", "arousal", "valence"):
        part = facts["figures"][target]
        print(f"{target}: left-out AUC {part['left_out_mean']['auc']:.3f}", end="")
        print("".join(f", {name} {entry['auc']:.3f}" for name, entry in part["never_trained"].items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
