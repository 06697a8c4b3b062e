"""The model card: what the model is, was trained on, can do, and cannot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from emotion.training.manifest import Clip

_KIND = {"ravdess": "acted, English", "nemo": "acted, Polish", "emodb": "acted, German"}
_KIND |= {
    "turev": "acted single words, Turkish",
    "baved": "acted single words, Arabic",
    "tess": "acted, English",
}


def non_commercial(licences: Sequence[str]) -> bool:
    """Whether any licence text forbids commercial use, or leaves it open by being absent."""
    return any("-NC" in text or "not stated" in text or "none stated" in text for text in licences)


def write_card(facts: dict[str, Any], clips: Sequence[Clip], trained: Sequence[str], others: Sequence[str]) -> str:
    """The card as Markdown, from the facts that are stored beside it as JSON."""
    licences = sorted({clip.licence for clip in clips if clip.corpus in trained})
    return _CARD.format(
        first=_FORBIDS if non_commercial(licences) else _ALLOWS,
        version=facts["version"],
        sha=facts["sha256"][:12],
        size=facts["bytes"],
        features=facts["features"],
        networks=facts["networks"],
        hidden=facts["hidden"],
        prior=facts["prior"],
        ece=facts["figures"]["anger"]["left_out_mean"]["ece"],
        data="\n".join(_data_row(name, clips, name in trained) for name in (*trained, *others)),
        alarms=_alarms(facts["figures"]["anger"]["left_out"]),
        figures="\n\n".join(_table(name, facts["figures"][name]) for name in ("anger", "arousal", "valence")),
    )


def _data_row(name: str, clips: Sequence[Clip], trained: bool) -> str:
    own = [clip for clip in clips if clip.corpus == name]
    terms = "; ".join(sorted({clip.licence for clip in own}))
    speakers = len({clip.speaker for clip in own})
    use = "training" if trained else "judging only"
    return f"| {name} | {_KIND.get(name, 'own')} | {len(own)} | {speakers} | {terms} | {use} |"


def _table(target: str, part: dict[str, Any]) -> str:
    mean = part["left_out_mean"]
    rows = [f"### {target}", "", _HEAD, "|---|---|---|---|---|---|"]
    rows += [_figures_row(name, entry) for name, entry in part["left_out"].items() if entry]
    rows += [_figures_row(f"{name} (never trained)", entry) for name, entry in part["never_trained"].items()]
    if mean["auc"] is None:
        return f"### {target}\n\nNot learnt: no part of the data has labels of both kinds. It is always 0.5."
    rows.append(
        f"| mean, left out | {mean['auc']:.3f} | {mean['auc_degraded']:.3f} | | {mean['ece']:.3f} "
        f"| {mean['recall_at_5pct_false_alarms']:.2f} |"
    )
    return "\n".join(rows)


def _alarms(left_out: Mapping[str, Any]) -> str:
    """What each threshold alarms, by corpus, on average, and how many alarms are right where 3 % are angry."""
    by_corpus = {name: entry["alarms"] for name, entry in left_out.items() if entry}
    head = "".join(f" {name} |" for name in by_corpus)
    rows = [f"| threshold |{head} mean | right, at 3 % angry |", "|---" * (len(by_corpus) + 3) + "|"]
    for threshold in next(iter(by_corpus.values()), {}):
        shares = [alarms[threshold] for alarms in by_corpus.values()]
        mean = {
            group: sum(share.get(group, 0.0) for share in shares) / len(shares) for group in ("angry", "others", "calm")
        }
        hits, false = 0.03 * mean["angry"], 0.97 * mean["others"]
        right = f"{100 * hits / (hits + false):.0f}" if hits + false else "-"
        cells = "".join(f" {_shares(share)} |" for share in (*shares, mean))
        rows.append(f"| {threshold} |{cells} {right} |")
    return "\n".join(rows)


def _shares(share: Mapping[str, float]) -> str:
    return " / ".join(f"{100 * share[group]:.1f}" if group in share else "-" for group in ("angry", "others", "calm"))


def _figures_row(label: str, entry: dict[str, Any]) -> str:
    low, high = entry["auc_95"]
    heard = entry.get("auc_by_seconds_of_same_clips", {})
    by = " / ".join(f"{heard[s]:.2f}" if s in heard else "-" for s in ("1.0", "1.5", "2.0", "all"))
    return (
        f"| {label} | {entry['auc']:.3f} ({low:.2f}-{high:.2f}) | {entry['auc_degraded']:.3f} | {by} "
        f"| {entry['ece']:.3f} | {entry['recall_at_5pct_false_alarms']:.2f} |"
    )


_FORBIDS = "**Trained on data for non-commercial use only: do not sell a service that rests on this file.**"
_ALLOWS = "Trained on data whose licences allow commercial use."
_HEAD = "| corpus | AUC (95 %) | AUC, worsened copy | 1 / 1.5 / 2 s / all heard, same clips | ECE | recall |"
_CARD = """{first}

# Tone model

Version {version}, SHA-256 `{sha}...`, {size} bytes of ONNX, features `{features}`. Written by
`nabra train`; the figures are in `tone.json` beside it.

It is given statistics of the newest 8 s of a caller's speech on a phone line (8 kHz, G.711), none of
which depends on the level, and says how likely high arousal, a pleasant feeling, and anger are.
{networks} small networks per target, {hidden} hidden units each, averaged.

Probabilities assume a prior of {prior}: as if half of all callers were angry. They are a scale of
evidence. Where 3 % of callers are angry, 0.5 on this scale means 3 %, 0.9 means 22 %, and 0.97 means 50
%; `TrackerSettings.anger_prior` restates them.

## Data

| corpus | what | clips | speakers | licence as found | used for |
|---|---|---|---|---|---|
{data}

Each clip enters clean and once worsened (tilt, level within 12 dB, coloured noise at 8-35 dB, mu-law),
after 1, 1.5, 2 and 3 s of counted speech and whole; every corpus has the same say, and within it both
classes.

## Figures

Corpora trained on are judged by models that saw nothing of them, their probabilities scaled on the others
too; corpora never trained on, by the model that ships. Whole clips; 95 % intervals are drawn over
speakers. ECE is at the prior above. Recall: at the threshold that alarms 5 % of the corpus's own others.

{figures}

## What a threshold on anger alarms

Per call, where a call is one whole clip of a corpus left out: per cent alarmed of the angry / of all others
(acted joy and fear among them) / of those others who are little aroused, as most callers are. The last
column is per cent of alarms that are right where 3 % of callers are angry and the rest are like all others.
`tone.angry_at` in the configuration is such a threshold on an average over the call that starts from calm: it
alarms fewer, angry ones too, than this table says, most of all on short calls.

{alarms}

## Limits

- All of it is acted, in a studio, put through a simulated phone line. Acted speech flatters: expect
  less on real callers, and judge it on your own calls in shadow mode before a route depends on it.
- Ranking carries over to unseen corpora; probabilities and thresholds do not: on a corpus left out the probability of
  anger is {ece:.2f} off on average, because whole corpora sit higher or lower. Read it as "more or less than usual".
- No language of the callers it will mostly meet (Arabic, spontaneous English) was trained on.
- Valence from the voice alone is weak; do not route on it.
- It knows nothing of the words. Loud is not angry: level is not among its features.
- It abstains under 1 s of counted speech, on noise, tones, clipping, and on what looks like nothing it
  was trained on. Synthetic voices are not callers.
- It is for callers, after a notice, never for scoring agents.
"""
