"""The model card: what the model is, was trained on, can do, and cannot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

from emotion.training.calibrate import ANGRY_CALLS
from emotion.training.manifest import Clip

_KIND = {"ravdess": "acted, English", "nemo": "acted, Polish", "emodb": "acted, German"}
_KIND |= {
    "turev": "acted single words, Turkish",
    "baved": "acted single words, Arabic",
    "tess": "acted, English",
}
_CODECS = ("A-law", "mu-law", "GSM 06.10", "Opus, 13 kbit/s", "Opus, 8 kbit/s", "tandem")


def non_commercial(licences: Sequence[str]) -> bool:
    """Whether any licence text forbids commercial use, or leaves it open by being absent."""
    return any("-NC" in text or "not stated" in text or "none stated" in text for text in licences)


def write_card(facts: dict[str, Any], clips: Sequence[Clip], trained: Sequence[str], others: Sequence[str]) -> str:
    """The card as Markdown, from the facts that are stored beside it as JSON."""
    licences = sorted({clip.licence for clip in clips if clip.corpus in trained})
    figures = facts["figures"]
    return _CARD.format(
        first=_FORBIDS if non_commercial(licences) else _ALLOWS,
        version=facts["version"],
        sha=facts["sha256"][:12],
        size=facts["bytes"],
        features=facts["features"],
        networks=facts["networks"],
        sequences=_sequences(facts),
        hidden=facts["hidden"],
        prior=facts["prior"],
        seeds=facts["seeds"],
        copies=facts["copies"],
        ece=figures["anger"]["left_out_mean"]["ece"],
        data="\n".join(_data_row(name, clips, name in trained) for name in (*trained, *others)),
        figures="\n\n".join(_targets(name, figures[name]) for name in ("anger", "arousal", "valence")),
        groups=_groups(figures["anger"]["left_out"]),
        categories=_categories(figures["categories"]),
        intensity="".join(
            f"High against low intensity, {name} (never trained): AUC of arousal {one['auc']:.3f} {_interval(one)}.\n"
            for name, one in figures["intensity"].items()
        ),
        anger=_anger(figures["anger"]),
        ships=_ships(facts["alarm_at"]),
        alarms="\n\n".join(_alarms(kind, part) for kind, part in figures["alarms"].items()),
        perturbations=_perturbations(figures.get("perturbations", {})),
    )


def _data_row(name: str, clips: Sequence[Clip], trained: bool) -> str:
    own = [clip for clip in clips if clip.corpus == name]
    terms = "; ".join(sorted({clip.licence for clip in own}))
    speakers = len({clip.speaker for clip in own})
    use = "training" if trained else "judging only"
    return f"| {name} | {_KIND.get(name, 'own')} | {len(own)} | {speakers} | {terms} | {use} |"


def _targets(target: str, part: dict[str, Any]) -> str:
    mean = part["left_out_mean"]
    if mean.get("auc") is None:
        return f"### {target}\n\nNot learnt: no part of the data has labels of both kinds. It is always 0.5."
    rows = [f"### {target}", "", _HEAD, "|---|---|---|---|---|---|---|"]
    rows += [_figures_row(name, entry) for name, entry in part["left_out"].items() if entry]
    rows += [_figures_row(f"{name} (never trained)", entry) for name, entry in part["never_trained"].items()]
    rows.append(
        f"| mean, left out | {mean['auc']:.3f} (seeds +-{mean['auc_sd']:.3f}) | {mean['auc_degraded']:.3f} "
        f"| {_heard(mean['heard'])} | {mean['ece']:.3f} | {mean['ece_at_prior']:.3f} / "
        f"{mean['log_loss_gain_at_prior']:+.2f} | {mean['recall_at_5pct_false_alarms']:.2f} |"
    )
    return "\n".join(rows)


def _figures_row(label: str, entry: dict[str, Any]) -> str:
    return (
        f"| {label} | {entry['auc']:.3f} {_interval(entry)} | {entry['auc_degraded']:.3f} | {_heard(entry['heard'])} "
        f"| {entry['ece']:.3f} | {entry['ece_at_prior']:.3f} / {entry['log_loss_gain_at_prior']:+.2f} "
        f"| {entry['recall_at_5pct_false_alarms']:.2f} |"
    )


def _interval(entry: Mapping[str, Any]) -> str:
    low, high = entry["auc_95"]
    return f"({low:.2f}-{high:.2f})"


def _heard(heard: Mapping[str, Mapping[str, float]]) -> str:
    found = [f"{s} s {100 * one['auc'] / one['auc_whole']:.1f} %" for s, one in heard.items()]
    return ", ".join(found) or "-"


def _groups(left_out: Mapping[str, Any]) -> str:
    rows = ["| corpus | group | clips | speakers | AUC of anger (95 %) |", "|---|---|---|---|---|"]
    rows += [
        f"| {corpus} | {group} | {one['clips']} | {one['speakers']} | {one['auc']:.3f} {_interval(one)} |"
        for corpus, entry in left_out.items()
        if entry
        for group, one in entry["by"].items()
    ]
    return "\n".join(rows) if len(rows) > 2 else "Gender and language are not known."


def _categories(found: Mapping[str, Any]) -> str:
    if not found:
        return "No corpus tells feelings apart."
    seeds = len(next(iter(found.values()))["uar_by_seed"])
    each = "; ".join(f"{name}: {one['uar']:.2f} of {one['categories']}" for name, one in found.items())
    return f"{each} (mean over seeds: {seeds})."


def _sequences(facts: Mapping[str, Any]) -> str:
    """How feelings are told apart, wrapped as the card is."""
    if not facts["categories"]:
        return ""
    nets, units = facts["sequence_networks"], facts["sequence_units"]
    said = f"Feelings told apart: {', '.join(facts['categories'])}."
    if nets:
        said += (
            f" {nets} causal sequence networks, {units} units wide, help the committee to say which it is: they hear "
            "steps of 50 ms as they come."
        )
        if facts["sequence_arousal"]:
            said += (
                " Arousal rests on the committee and on these networks, each with the same say (by design, not by "
                "trial); valence and anger rest on the committee alone. For the figures of a corpus left out, the "
                "networks beside the committee have not heard one fold of the other speakers either: by these arousal "
                "gets its scale."
            )
        else:
            said += " Arousal, valence and anger rest on the committee alone."
    return "\n" + fill(said, 110) + "\n"


def _anger(part: Mapping[str, Any]) -> str:
    left = part["left_out_mean"].get("errors_left_at_10pct_silent")
    if left is None:
        return ""
    return (
        f"Where the model is silent about the tenth of recordings nearest to the threshold, {100 * left:.0f} % of the "
        "errors of anger are left (both kinds with the same say, threshold from the other parts; leaving out any "
        "tenth would leave 90 %)."
    )


def _ships(thresholds: Mapping[str, float]) -> str:
    return "; ".join(
        f"**{threshold:.3f} for {100 * float(share):g} % of calm calls**" for share, threshold in thresholds.items()
    )


def _alarms(kind: str, part: Mapping[str, Any]) -> str:
    """What each threshold alarms, by part and on average, and how many alarms are right."""
    by_part = part["by_threshold"]
    titles = {"recordings": "Single recordings as calls", "made_calls": "Calls of 6 to 10 s"}
    counted = ", ".join(f"{name} {n['angry']} angry, {n['calm']} calm" for name, n in part["calls"].items())
    rows = [f"#### {titles[kind]}", "", f"Calls: {counted}.", ""]
    rows += ["| threshold |" + "".join(f" {name} |" for name in by_part) + " right among calm / all others |"]
    rows += ["|---" * (len(by_part) + 2) + "|"]
    for threshold, mean in by_part["mean"].items():
        cells = "".join(f" {_shares(entry[threshold])} |" for entry in by_part.values())
        rows.append(f"| {threshold} |{cells} {_right(mean)} |")
    for share, mean in part["at_share"]["mean"].items():
        own = [entry.get(share, {}) for name, entry in part["at_share"].items() if name != "mean"]
        cells = "".join(f" {_shares(entry)} ({entry.get('threshold', 0.0):.3f}) |" for entry in own)
        rows.append(f"| for {100 * float(share):g} % of calm |{cells} {_shares(mean)} | {_right(mean)} |")
    return "\n".join(rows)


def _shares(share: Mapping[str, float]) -> str:
    return " / ".join(f"{100 * share[group]:.1f}" if group in share else "-" for group in ("angry", "others", "calm"))


def _right(mean: Mapping[str, Any]) -> str:
    found = [mean.get("precision_calm"), mean.get("precision_others")]
    return " / ".join("-" if one is None else f"{100 * one:.0f}" for one in found)


def _perturbations(found: Mapping[str, Any]) -> str:
    """Shift, alarms and AUC of each perturbation, means over the parts, codecs first."""
    if not found:
        return "Not measured."
    names = dict.fromkeys(name for part in found.values() for name in part["perturbed"])
    rows = [
        "| what happens | what is done | shift | alarmed, not angry | alarmed, angry | AUC |",
        "|---|---|---|---|---|---|",
    ]
    for name in sorted(names, key=lambda name: name not in _CODECS):
        parts = [part["perturbed"][name] for part in found.values() if name in part["perturbed"]]
        shifts = [part["shift_log_odds"] for part in parts if part["shift_log_odds"] is not None]
        shift = f"{sum(shifts) / len(shifts):+.2f} ({min(shifts):+.2f} to {max(shifts):+.2f})" if shifts else "-"
        pairs = [_pair([part[key] for part in parts]) for key in ("alarmed_not_angry", "alarmed_angry")]
        aucs = [part["auc"] for part in parts if None not in part["auc"]]
        area = " -> ".join(f"{sum(pair[k] for pair in aucs) / len(aucs):.3f}" for k in (0, 1)) if aucs else "-"
        rows.append(f"| {name} | {parts[0]['what']} | {shift} | {pairs[0]} | {pairs[1]} | {area} |")
    return "\n".join(rows)


def _pair(shares: Sequence[Sequence[float]]) -> str:
    return " -> ".join(f"{100 * sum(pair[k] for pair in shares) / len(shares):.0f}" for k in (0, 1))


_FORBIDS = "**Trained on data for non-commercial use only: do not sell a service that rests on this file.**"
_ALLOWS = "Trained on data whose licences allow commercial use."
_HEAD = (
    "| corpus | AUC (95 %) | AUC, worsened copies | of the whole's AUC after | ECE | ECE / log loss saved at 3 % "
    "| recall |"
)
_CARD = (
    """{first}

# Tone model

Version {version}, SHA-256 `{sha}...`, {size} bytes of ONNX, features `{features}`. Written by
`nabra train`; the figures are in `tone.json` beside it.

It is given statistics of the newest 8 s of a caller's speech on a phone line (8 kHz, G.711), none of
which depends on the level, and says how likely high arousal, a pleasant feeling, and anger are.
{networks} small networks, {hidden} hidden units each, averaged; each learnt arousal, valence, anger and the
feelings that a corpus names at once, and anger is judged by its own output and by its share of the feelings.
{sequences}

Probabilities assume a prior of {prior}: as if half of all callers were angry. They are a scale of
evidence. Where 3 % of callers are angry, 0.5 on this scale means 3 %, 0.9 means 22 %, and 0.97 means 50
%; `tone.anger_prior` in the configuration restates them.

## Data

| corpus | what | clips | speakers | licence as found | used for |
|---|---|---|---|---|---|
{data}

Each clip enters as it is and {copies} times worsened (speed, vocal effort, room, noise and other voices, tilt,
handset, level within 12 dB, codec, lost packets, mu-law), after 1, 1.5, 2 and 3 s of counted speech and whole;
every corpus has the same say, and within it every class.

## Figures

Means over {seeds} seeds. Corpora trained on are judged by models that saw nothing of them; the scale of their
probabilities and every threshold come from the other corpora, from models that did not know the speaker.
Corpora never trained on are judged by the model that ships. Whole clips; 95 % intervals are drawn over
speakers. ECE at a prior of one half and of 3 %; log loss saved: of what always saying 3 % costs. Recall: at the
threshold that alarms 5 % of the corpus's own others.

{figures}

{intensity}
{anger}

Unweighted average recall of the feelings that a corpus knows, speakers left out, one model for all: {categories}

### Anger by gender and language

{groups}

"""
    + f"""## What a threshold on anger alarms

Per call, followed by the tracker as a live call is: per cent alarmed of the angry / of all others (acted joy and
fear among them) / of those others who are little aroused, as most callers are. The last column is per cent of
alarms that are right where {100 * ANGRY_CALLS:g} % of callers are angry and the rest are all calm / like all
others. Thresholds are probabilities at that prior, as `tone.angry_at` in the configuration is. The last rows:
thresholds (in brackets) found on calm calls of the other corpora.

"""
    """Thresholds for this model, from calls of 6 to 10 s of the corpora trained on, speakers left out: {ships}.

{alarms}

## What lines, rooms and voices do to it

Recordings of each part, judged by a model that knows nothing of it; means over the parts. Shift of the log-odds of
anger where it is not there (range over the parts); per cent of calls alarmed, as they are -> perturbed, at the
threshold that alarms 5 % of those not angry.

{perturbations}

## Limits

- All of it is acted, in a studio, put through a simulated phone line. Acted speech flatters: expect
  less on real callers, and judge it on your own calls in shadow mode before a route depends on it.
- Ranking carries over to unseen corpora; probabilities and thresholds do not: on a corpus left out the probability of
  anger is {ece:.2f} off on average, because whole corpora sit higher or lower. Read it as "more or less than usual".
- Calls here last seconds. A call of minutes has more chances of a false alarm than these tables say.
- Features were chosen having seen transfers among all corpora trained on; choosing them on two corpora for the third
  costs .01 of the AUC of anger, nothing of arousal's.
- No language of the callers it will mostly meet (Arabic, spontaneous English) was trained on.
- Valence from the voice alone is weak, and which feeling it is is a guess (recall above); do not route on either.
- It knows nothing of the words. Loud is not angry: level is not among its features.
- It abstains under 1 s of counted speech, on noise, tones, clipping, and on what looks like nothing it
  was trained on. Synthetic voices are not callers.
- It is for callers, after a notice, never for scoring agents.
"""
)
