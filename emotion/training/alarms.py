"""What an alarm is worth per call: recordings followed as calls by the tracker itself, and thresholds for them.

Calls are single recordings (two or three seconds), and recordings of one speaker with one feeling put one after the
other (6 to 10 s). What a call is held against a threshold by is the highest evidence of it (`emotion.alarm`). Nothing
but the model's answers differs between models, so a call is listened to once.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from emotion.alarm import log_odds
from emotion.inquiry import Inquiry, ask
from emotion.layout import RATE_HZ
from emotion.model import ToneModel
from emotion.offline import FRAME
from emotion.tracker import Tracker
from emotion.training.calibrate import ANGRY_CALLS, Scale, sigmoid
from emotion.training.calibrate import log_odds as log_odds_of
from emotion.training.export import export
from emotion.training.fit import ToneFit
from emotion.training.manifest import Clip
from emotion.training.perturbed import flags
from emotion.training.recordings import Progress, Samples, read_clip

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

KINDS: Final = ("recordings", "made_calls")
THRESHOLDS: Final = (0.02, 0.03, 0.045, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3, 0.5)
"""Probabilities of anger of a call at ANGRY_CALLS, at which the card counts alarms."""
SHARES: Final = (0.01, 0.05)
"""Shares of calm calls that may be alarmed, for which thresholds are found."""

_BEFORE_S, _BETWEEN_S, _AFTER_S = 1.0, 0.3, 0.5
_LENGTH_S = (6.0, 10.0)
_MOST_RECORDINGS = 1500
_NO_EVIDENCE = log_odds(0.0)
_ROUNDS = 2


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls of one kind, one entry each: what the tracker asks, and who it is.

    fold: group of speakers. angry; calm: not angry, and little aroused.
    """

    inquiries: tuple[tuple[Inquiry, ...], ...]
    corpus: NDArray[np.str_]
    fold: NDArray[np.str_]
    speaker: NDArray[np.str_]
    angry: Mask
    calm: Mask

    def peaks(self, model: ToneModel, chosen: Mask) -> Floats:
        """Highest evidence of each chosen call, log-odds at the model's prior; shape of all, NaN for the others."""
        calls = np.flatnonzero(chosen)
        trackers = [Tracker(model) for _ in calls]
        found = np.full(len(self.angry), np.nan)
        found[calls] = _NO_EVIDENCE
        # Step by step, because a caller's baseline rests on the answers before; all calls in one run.
        for step in range(max((len(self.inquiries[call]) for call in calls), default=0)):
            due = [
                (call, tracker, tracker.adapted(self.inquiries[call][step]))
                for call, tracker in zip(calls, trackers, strict=True)
                if step < len(self.inquiries[call])
            ]
            for (call, tracker, inquiry), answer in zip(due, ask(model, [one for *_, one in due]), strict=True):
                estimate = tracker.settle(inquiry, answer)
                if estimate is not None:
                    found[call] = max(found[call], log_odds(estimate.call_anger))
        return found


def listen(
    clips: Sequence[Clip],
    fold: Sequence[str],
    seed: int,
    model: ToneModel,
    progress: Progress = lambda _what, _done, _of: None,
) -> dict[str, Calls]:
    """Follow recordings of known anger as calls of each of KINDS; `model` is not asked, and no baseline taken away.

    At most 1500 recordings of a corpus are followed one by one. All of them are put together, in two random orders,
    to calls of one speaker and one feeling.
    """
    rng = np.random.default_rng(seed)
    known = [place for place, clip in enumerate(clips) if clip.anger is not None]
    alone: list[list[int]] = []
    for corpus in dict.fromkeys(clips[place].corpus for place in known):
        own = [place for place in known if clips[place].corpus == corpus]
        alone += [[own[at]] for at in sorted(rng.permutation(len(own))[:_MOST_RECORDINGS])]
    feelings: dict[tuple[str, str, float | None], list[int]] = {}
    for place in known:
        clip = clips[place]
        feelings.setdefault((clip.speaker, clip.emotion, clip.anger), []).append(place)
    together: list[list[int]] = []
    lengths = {place: len(read_clip(clips[place])) / RATE_HZ for place in known}
    for places in feelings.values():
        for _ in range(_ROUNDS):
            call: list[int] = []
            wanted = rng.uniform(*_LENGTH_S)
            for place in rng.permutation(places):
                call.append(int(place))
                if sum(lengths[one] for one in call) >= wanted:
                    together.append(call)
                    call, wanted = [], rng.uniform(*_LENGTH_S)
    made, done, of = {}, 0, len(alone) + len(together)
    for kind, groups in zip(KINDS, (alone, together), strict=True):
        inquiries = []
        for group in groups:
            inquiries.append(_inquiries([read_clip(clips[place]) for place in group], model))
            done += 1
            progress("calls", done, of)
        first = [clips[group[0]] for group in groups]
        made[kind] = Calls(
            tuple(inquiries),
            np.array([clip.corpus for clip in first]),
            np.array([fold[group[0]] for group in groups]),
            np.array([clip.speaker for clip in first]),
            np.array([clip.anger == 1.0 for clip in first], dtype=np.bool_),
            np.array([clip.anger == 0.0 and clip.arousal == 0.0 for clip in first], dtype=np.bool_),
        )
    return made


def as_model(fit: ToneFit, scales: Mapping[str, Scale]) -> ToneModel:
    """The fit as a live call would run it: written, and loaded."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "tone.onnx"
        export(fit, scales, file, version="", prior=0.5, corpora="")
        return ToneModel.load(file)


def threshold(peaks: Floats, calm: Mask, corpus: NDArray[np.str_], share: float) -> float:
    """Least evidence, log-odds, that at most `share` of the calm calls reach, every corpus with the same say.

    NaN where there are no calm calls, or fewer of them than that have any evidence.
    """
    weights = np.zeros(len(peaks))
    heard = calm & np.isfinite(peaks)
    for name in np.unique(corpus[heard]):
        here = heard & (corpus == name)
        weights[here] = 1.0 / here.sum()
    if not heard.any():
        return float("nan")
    order = np.argsort(-peaks[heard])
    values, reached = peaks[heard][order], np.cumsum(weights[heard][order]) / weights.sum()
    place = min(int(np.searchsorted(reached, share, side="right")), len(values) - 1)
    if values[place] <= _NO_EVIDENCE:
        return float("nan")
    higher = values[values > values[place]]
    return float(0.5 * (values[place] + higher[-1])) if len(higher) else float(values[place] + 0.1)


def shares_at(peaks: Floats, calls: Calls, chosen: Mask, limit: float) -> dict[str, float]:
    """Shares of chosen calls that reach `limit`: of the angry, of all others, of the calm among those."""
    groups = {"angry": calls.angry, "others": ~calls.angry, "calm": calls.calm}
    return {
        name: float(np.mean(peaks[chosen & members] >= limit))
        for name, members in groups.items()
        if (chosen & members).any()
    }


def precision(recall: float, false: float) -> float | None:
    """Share of alarms that are right where ANGRY_CALLS of calls are angry; None where there are no alarms."""
    hits, wrong = ANGRY_CALLS * recall, (1.0 - ANGRY_CALLS) * false
    return hits / (hits + wrong) if hits + wrong > 0.0 else None


def at_half(probability: float) -> float:
    """A probability at ANGRY_CALLS as log-odds at a prior of one half."""
    return float(log_odds_of(probability) - log_odds_of(ANGRY_CALLS))


def at_prior_of(log_odds_at_half: float) -> float:
    """The other way round."""
    return float(sigmoid(np.array(log_odds_at_half + log_odds_of(ANGRY_CALLS))))


def alarm_figures(
    calls: Calls,
    outside: Sequence[Mapping[str, Floats]],
    inside: Sequence[Mapping[str, Floats]],
    parts: Sequence[str],
    nobody: str,
) -> dict[str, Any]:
    """Alarms on each part left out, and thresholds; means over seeds.

    Parameters
    ----------
    outside
        By seed, then by part: peaks of the part's calls from the model that knows nothing of it.
    inside
        By seed, then by part left out (and `nobody`): peaks of the other parts' calls from models that know neither
        the part nor the speaker.

    Returns
    -------
    'by_threshold' and 'at_share': by part, and 'mean'; 'ships': thresholds for the model that ships. Each entry of
    'at_share' has the threshold as a probability at ANGRY_CALLS.
    """
    by_threshold: dict[str, Any] = {}
    at_share: dict[str, Any] = {}
    for part in parts:
        chosen = calls.corpus == part
        if not (chosen & calls.angry).any() or not (chosen & ~calls.angry).any():
            continue
        by_threshold[part] = {
            f"{p:g}": _mean([shares_at(peaks[part], calls, chosen, at_half(p)) for peaks in outside])
            for p in THRESHOLDS
        }
        at_share[part] = {}
        for share in SHARES:
            limits = [threshold(peaks[part], calls.calm, calls.corpus, share) for peaks in inside]
            if not np.isfinite(limits).all():
                continue
            found = _mean([shares_at(o[part], calls, chosen, limit) for o, limit in zip(outside, limits, strict=True)])
            at_share[part][f"{share:g}"] = {"threshold": at_prior_of(float(np.mean(limits))), **found}
    result = {
        "calls": {
            part: {
                "angry": int((calls.angry & (calls.corpus == part)).sum()),
                "others": int((~calls.angry & (calls.corpus == part)).sum()),
                "calm": int((calls.calm & (calls.corpus == part)).sum()),
            }
            for part in by_threshold
        },
        "by_threshold": by_threshold | {"mean": _means(by_threshold)},
        "at_share": at_share | {"mean": _means(at_share)},
        "ships": {},
    }
    for share in SHARES:
        limits = [threshold(peaks[nobody], calls.calm, calls.corpus, share) for peaks in inside]
        if np.isfinite(limits).all():
            result["ships"][f"{share:g}"] = at_prior_of(float(np.mean(limits)))
    return result


def _inquiries(recordings: Sequence[Samples], model: ToneModel) -> tuple[Inquiry, ...]:
    before, between, after = (np.zeros(round(s * RATE_HZ), dtype=np.int16) for s in (_BEFORE_S, _BETWEEN_S, _AFTER_S))
    pieces = [piece for pcm in recordings for piece in (between, pcm)][1:]
    pcm = np.concatenate((before, *pieces, after))
    tracker = Tracker(model)
    return tuple(
        inquiry
        for number, speech in enumerate(flags(pcm))
        for inquiry in tracker.feed(pcm[number * FRAME : (number + 1) * FRAME], speech)
    )


def _mean(found: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([one[name] for one in found])) for name in found[0]}


def _means(by_part: Mapping[str, Mapping[str, Mapping[str, float]]]) -> dict[str, Any]:
    """Means over parts, with the precision among calm calls and among all others."""
    result: dict[str, Any] = {}
    for key in dict.fromkeys(key for entry in by_part.values() for key in entry):
        entries = [entry[key] for entry in by_part.values() if key in entry]
        names = [name for name in entries[0] if all(name in entry for entry in entries)]
        mean: dict[str, Any] = {name: float(np.mean([entry[name] for entry in entries])) for name in names}
        for name in ("calm", "others"):
            if name in mean and "angry" in mean:
                mean[f"precision_{name}"] = precision(mean["angry"], mean[name])
        result[key] = mean
    return result
