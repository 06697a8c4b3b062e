"""Loud is not angry: what lines, rooms, voices and sounds that are no caller do to a tone model.

The same recordings are followed as calls (`emotion.offline.trace`) twice, as they are and perturbed, both at the far
end of a mu-law line, and compared clip by clip. Half a second of silence before each and 0.3 s after it are perturbed
with it, so that noise, music and prompts are there before the caller is, as on a call. Frames are flagged as speech by
their energy alone: within 35 dB of the loudest and 3 dB above the quiet ones, and for 100 ms after such a frame.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from emotion.alarm import log_odds
from emotion.errors import CorpusError
from emotion.layout import RATE_HZ
from emotion.model import ToneModel
from emotion.offline import FRAME, trace
from emotion.tracker import Estimate, TrackerSettings
from emotion.training import lines, sounds, voices
from emotion.training.manifest import Clip
from emotion.training.measures import auc
from emotion.training.recordings import read_clip
from telephony.audio import AudioError, read_audio

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Samples = NDArray[np.int16]

PROMPTS: Final = Path(__file__).parents[2] / "config" / "defaults" / "prompts"
"""The prompts that ship: what callers hear of us."""

_BEFORE_S, _AFTER_S = 0.5, 0.3
_HOLD = 5
_DRAWS = 300
_FALSE_ALARMS = 0.05
_SOUND_S = 10.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What perturbations may mix in: other voices, for babble, and the prompt that the caller hears, None if none."""

    others: Sequence[Samples]
    prompt: Samples | None


Apply = Callable[[Samples, np.random.Generator, Surroundings], Samples]


@dataclass(frozen=True, slots=True)
class Perturbation:
    """One thing that happens to recordings, with a line that says what is done, and the codec that it needs, if any."""

    name: str
    what: str
    apply: Apply
    codec: str = ""


def _plain(function: Callable[..., Samples], **settings: Any) -> Apply:
    return lambda pcm, _rng, _around: function(pcm, **settings)


def _drawn(function: Callable[..., Samples], **settings: Any) -> Apply:
    return lambda pcm, rng, _around: function(pcm, rng, **settings)


def _babble(snr_db: float) -> Apply:
    return lambda pcm, rng, around: lines.babble(pcm, rng, around.others, snr_db)


def _prompt(ratio_db: float) -> Apply:
    def mixed(pcm: Samples, _rng: np.random.Generator, around: Surroundings) -> Samples:
        if around.prompt is None:
            raise CorpusError("there is no prompt to lay under the caller")
        return lines.echo(pcm, around.prompt, ratio_db, 0.1)

    return mixed


def _music(ratio_db: float) -> Apply:
    def mixed(pcm: Samples, rng: np.random.Generator, _around: Surroundings) -> Samples:
        return lines.echo(pcm, voices.to_int16(3000.0 * sounds.music(len(pcm), rng)), ratio_db)

    return mixed


def _worsen(pcm: Samples, rng: np.random.Generator, around: Surroundings) -> Samples:
    return lines.worsen(pcm, rng, around.others)


PERTURBATIONS: Final = (
    Perturbation("12 dB softer", "a factor", _plain(lines.level, db=-12.0)),
    Perturbation("12 dB louder", "a factor, saturating at 16 bits", _plain(lines.level, db=12.0)),
    Perturbation("24 dB louder", "a factor, saturating at 16 bits: overdriven", _plain(lines.level, db=24.0)),
    Perturbation("bright", "tilt of +3 dB an octave, level kept", _plain(lines.tilt, db_per_octave=3.0)),
    Perturbation("dull", "tilt of -3 dB an octave, level kept", _plain(lines.tilt, db_per_octave=-3.0)),
    Perturbation("thin handset", "band of 500-3400 Hz", _plain(lines.handset, low_hz=500.0, high_hz=3400.0)),
    Perturbation("muffled handset", "band of 250-2600 Hz", _plain(lines.handset, low_hz=250.0, high_hz=2600.0)),
    Perturbation("white noise, 20 dB", "added", _drawn(lines.with_noise, snr_db=20.0, colour=0.0)),
    Perturbation("white noise, 10 dB", "added", _drawn(lines.with_noise, snr_db=10.0, colour=0.0)),
    Perturbation("pink noise, 10 dB", "added, power as 1/f", _drawn(lines.with_noise, snr_db=10.0, colour=1.0)),
    Perturbation("car noise, 10 dB", "added, power as 1/f^2", _drawn(lines.with_noise, snr_db=10.0, colour=2.0)),
    Perturbation("babble, 20 dB", "five other recordings added", _babble(20.0)),
    Perturbation("babble, 10 dB", "five other recordings added", _babble(10.0)),
    Perturbation("A-law", "the codec itself", _plain(lines.alaw)),
    Perturbation("mu-law", "the codec itself", _plain(lines.mulaw)),
    Perturbation("GSM 06.10", "the codec itself", _plain(lines.gsm), "gsm"),
    Perturbation("Opus, 13 kbit/s", "the codec itself, narrow band", _plain(lines.opus), "opus"),
    Perturbation("Opus, 8 kbit/s", "the codec itself, narrow band", _plain(lines.opus, compression=1.0), "opus"),
    Perturbation("tandem", "the codecs themselves: A-law, GSM, A-law, mu-law", _plain(lines.tandem), "gsm"),
    Perturbation("3 % lost, silent", "20 ms packets at random", _drawn(lines.packet_loss, share=0.03, concealed=False)),
    Perturbation("10 % lost, concealed", "20 ms packets at random, repeated", _drawn(lines.packet_loss, share=0.1)),
    Perturbation(
        "10 % lost in bursts, silent",
        "runs of 60 ms on average",
        _drawn(lines.packet_loss, share=0.1, burst=3.0, concealed=False),
    ),
    Perturbation(
        "10 % lost in bursts, concealed",
        "runs of 60 ms on average, repeated, fading",
        _drawn(lines.packet_loss, share=0.1, burst=3.0),
    ),
    Perturbation("room, 0.3 s", "simulated reverberation, direct +9 dB", _drawn(lines.room, rt60_s=0.3, direct_db=9.0)),
    Perturbation("room, 0.6 s", "simulated reverberation, direct +3 dB", _drawn(lines.room, rt60_s=0.6, direct_db=3.0)),
    Perturbation("slower", "resampled: speed, pitch and formants x 0.9", _plain(voices.speed, factor=0.9)),
    Perturbation("faster", "resampled: speed, pitch and formants x 1.1", _plain(voices.speed, factor=1.1)),
    Perturbation("lower pitch", "resynthesised: pitch x 0.85", _plain(voices.revoiced, pitch=0.85, formants=1.0)),
    Perturbation("higher pitch", "resynthesised: pitch x 1.18", _plain(voices.revoiced, pitch=1.18, formants=1.0)),
    Perturbation("high voice", "resynthesised: pitch and formants x 1.2", _plain(voices.high, factor=1.2)),
    Perturbation("soft voice", "simulated effort of -6 dB: level, tilt, pitch", _plain(voices.effort, db=-6.0)),
    Perturbation("raised voice", "simulated effort of +6 dB: level, tilt, pitch", _plain(voices.effort, db=6.0)),
    Perturbation("loud voice", "simulated effort of +12 dB: level, tilt, pitch", _plain(voices.effort, db=12.0)),
    Perturbation(
        "hoarse voice",
        "simulated: noise 3 dB under the voice, unsteady cycles",
        _drawn(voices.hoarse, harmonics_to_noise_db=3.0),
    ),
    Perturbation(
        "our prompt, 20 dB under",
        "echo of a prompt that ships, added; a live call reads no tone while one plays",
        _prompt(20.0),
    ),
    Perturbation(
        "our prompt, 10 dB under",
        "echo of a prompt that ships, added; a live call reads no tone while one plays",
        _prompt(10.0),
    ),
    Perturbation("music, 10 dB under", "synthesised, added", _music(10.0)),
    Perturbation("keys between", "three key tones of 100 ms inserted", _drawn(lines.keys_between, digits="159")),
    Perturbation("drawn for training", "a chain of the above as `lines.worsen` draws it", _worsen),
)
"""All that are measured, in the order of the table."""


def perturbation_figures(
    model: ToneModel,
    clips: Sequence[Clip],
    *,
    per_corpus: int = 60,
    seed: int,
    threshold: float | None = None,
    settings: TrackerSettings | None = None,
    prompts: Path = PROMPTS,
) -> dict[str, Any]:
    """What every perturbation does to anger, and what is made of sounds that are no caller.

    Parameters
    ----------
    model
        Any; figures of a model on what it was trained on flatter it.
    clips
        Labelled recordings; those without a label of anger are left out.
    per_corpus
        Clips drawn from each corpus, a third of them angry, all speakers in turn.
    seed
        Of everything drawn.
    threshold
        Of `Estimate.call_anger`, above which a call counts as alarmed; None for the one that alarms 5 % of the clean
        calls that are not angry.
    settings
        As for `Tracker`.
    prompts
        Folder of the prompts that callers hear, WAV; what needs them is left out where it holds none.

    Returns
    -------
    Plain values for JSON: 'clips', 'angry', 'speakers', 'corpora', 'threshold'; 'perturbed' by name with 'what' and
    the entries of `_compared`; 'sounds' by name with 'estimates', 'usable_share' and 'highest_anger' (None where
    nothing was usable); 'left_out' by name with the reason.

    Raises
    ------
    CorpusError
        If there are no angry clips or none that are not, or a recording or prompt cannot be read.
    """
    chosen = _chosen(clips, per_corpus, seed)
    if not any(clip.anger == 1.0 for clip in chosen) or not any(clip.anger == 0.0 for clip in chosen):
        raise CorpusError("figures per perturbation need clips that are angry and clips that are not")
    recordings = [_padded(read_clip(clip)) for clip in chosen]
    spoken = _prompts(prompts)
    prompt = next(iter(spoken.values()), None)
    around = [
        Surroundings([r for r, c in zip(recordings, chosen, strict=True) if c.speaker != clip.speaker][:40], prompt)
        for clip in chosen
    ]
    clean = _heard(recordings, model, settings)
    calm = np.array([clip.anger == 0.0 for clip in chosen])
    limit = float(np.quantile(clean.peak[calm], 1.0 - _FALSE_ALARMS)) if threshold is None else threshold
    crowd = _Crowd.of(chosen, seed)
    left_out: dict[str, str] = {}
    found: dict[str, Any] = {}
    for number, perturbation in enumerate(PERTURBATIONS):
        reason = lines.missing_codec(perturbation.codec) if perturbation.codec else ""
        try:
            if not reason:
                rngs = (np.random.default_rng([seed, number, place]) for place in range(len(chosen)))
                made = [
                    lines.mulaw(perturbation.apply(pcm, rng, near))
                    for pcm, rng, near in zip(recordings, rngs, around, strict=True)
                ]
                found[perturbation.name] = {
                    "what": perturbation.what,
                    **_compared(clean, _heard(made, model, settings), crowd, limit),
                }
        except CorpusError as error:
            reason = str(error)
        if reason:
            left_out[perturbation.name] = reason
    return {
        "clips": len(chosen),
        "angry": int((~calm).sum()),
        "speakers": len({clip.speaker for clip in chosen}),
        "corpora": sorted({clip.corpus for clip in chosen}),
        "threshold": limit,
        "perturbed": found,
        "sounds": {name: _judged(pcm, model, settings) for name, pcm in _no_callers(seed, spoken).items()},
        "left_out": left_out,
    }


def perturbation_table(figures: dict[str, Any]) -> str:
    """The figures as two tables in Markdown, with a line that says what they are about."""
    rows = [
        f"{figures['clips']} clips ({figures['angry']} angry) of {figures['speakers']} speakers from "
        f"{', '.join(figures['corpora'])}, each followed as one call, clean and perturbed. Shift: of the log-odds of "
        "anger where it is not there, 95 % interval drawn over speakers. Alarmed: per cent of calls, clean -> "
        f"perturbed, at a threshold of {figures['threshold']:.2f} on the anger of the call. Silent: per cent of calls "
        "without any usable estimate.",
        "",
        "| what happens | what is done | shift | in probability | alarmed, not angry | alarmed, angry | AUC "
        "| change of AUC | silent |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, entry in figures["perturbed"].items():
        cells = [
            name,
            entry["what"],
            f"{_signed(entry['shift_log_odds'])} {_range(entry['shift_log_odds_95'])}",
            _signed(entry["shift_probability"], 3),
            _change(entry["alarmed_not_angry"]),
            _change(entry["alarmed_angry"]),
            " -> ".join("-" if x is None else f"{x:.3f}" for x in entry["auc"]),
            _range(entry["auc_change_95"], 3),
            _change(entry["silent"]),
        ]
        rows.append(f"| {' | '.join(cells)} |")
    rows += [f"| {name} | not measured: {reason} | | | | | | | |" for name, reason in figures["left_out"].items()]
    rows += [
        "",
        "Sounds that are no caller, every frame flagged as speech (the worst that a detector can do):",
        "",
        "| sound | estimates | of them usable, % | highest usable anger |",
        "|---|---|---|---|",
    ]
    for name, entry in figures["sounds"].items():
        highest = "-" if entry["highest_anger"] is None else f"{entry['highest_anger']:.2f}"
        rows.append(f"| {name} | {entry['estimates']} | {100 * entry['usable_share']:.0f} | {highest} |")
    return "\n".join(rows)


def flags(pcm: Samples) -> list[bool]:
    """Speech or not for each 20 ms (a last, shorter one included), from the energy alone; see the module."""
    padded = np.zeros(-(-len(pcm) // FRAME) * FRAME)
    padded[: len(pcm)] = pcm
    power = np.mean(padded.reshape(-1, FRAME) ** 2, axis=1)
    if not len(power):
        return []
    db = 10.0 * np.log10(power + 1.0)
    loud = (db > db.max() - 35.0) & (db > np.quantile(db, 0.15) + 3.0)
    return [bool(x) for x in np.convolve(loud, np.ones(_HOLD + 1))[: len(loud)] > 0.5]


@dataclass(frozen=True, slots=True)
class _Calls:
    """One entry a call: newest usable log-odds and probability of anger (NaN where none), highest of the call (0.0)."""

    logit: Floats
    probability: Floats
    peak: Floats


@dataclass(frozen=True, slots=True)
class _Crowd:
    """Who is angry, from which corpus, and how often each clip counts in each draw of speakers: (draws, clips)."""

    angry: Mask
    corpus: NDArray[np.str_]
    draws: NDArray[np.int64]

    @classmethod
    def of(cls, clips: Sequence[Clip], seed: int) -> _Crowd:
        rng = np.random.default_rng(seed)
        corpus = np.array([clip.corpus for clip in clips])
        speaker = np.array([clip.speaker for clip in clips])
        draws = np.zeros((_DRAWS, len(clips)), dtype=np.int64)
        for name in np.unique(corpus):
            here = corpus == name
            people, number = np.unique(speaker[here], return_inverse=True)
            for draw in range(_DRAWS):
                times = np.bincount(rng.integers(0, len(people), len(people)), minlength=len(people))
                draws[draw, here] = times[number]
        return cls(np.array([clip.anger == 1.0 for clip in clips]), corpus, draws)

    def interval(self, statistic: Callable[[Floats], float]) -> list[float] | None:
        """95 % of a statistic of the weights, None where it is never a number."""
        values = np.array([statistic(weights.astype(np.float64)) for weights in self.draws])
        values = values[np.isfinite(values)]
        return [float(x) for x in np.quantile(values, [0.025, 0.975])] if len(values) else None


def _chosen(clips: Sequence[Clip], per_corpus: int, seed: int) -> list[Clip]:
    """A third angry and two thirds not from each corpus, speakers in turn, the clips of each in drawn order."""
    rng = np.random.default_rng(seed)
    chosen: list[Clip] = []
    for corpus in sorted({clip.corpus for clip in clips}):
        for anger, count in ((1.0, per_corpus // 3), (0.0, per_corpus - per_corpus // 3)):
            here = [clip for clip in clips if clip.corpus == corpus and clip.anger == anger]
            shuffled = [here[i] for i in rng.permutation(len(here))]
            taken: dict[str, int] = {}
            turn = []
            for place, clip in enumerate(shuffled):
                taken[clip.speaker] = taken.get(clip.speaker, -1) + 1
                turn.append((taken[clip.speaker], place))
            chosen += [shuffled[place] for _, place in sorted(turn)[:count]]
    return chosen


def _prompts(folder: Path) -> dict[str, Samples]:
    try:
        return {file.stem: read_audio(file) for file in sorted(folder.glob("*.wav"))}
    except AudioError as error:
        raise CorpusError(f"a prompt cannot be used: {error}") from error


def _padded(pcm: Samples) -> Samples:
    before, after = (np.zeros(round(s * RATE_HZ), dtype=np.int16) for s in (_BEFORE_S, _AFTER_S))
    return np.concatenate((before, pcm, after))


def _heard(recordings: Sequence[Samples], model: ToneModel, settings: TrackerSettings | None) -> _Calls:
    newest, peak = np.full(len(recordings), np.nan), np.zeros(len(recordings))
    for place, pcm in enumerate(recordings):
        estimates = trace(pcm, flags(pcm), model, settings)
        usable = [estimate for estimate in estimates if not estimate.abstained]
        if usable:
            newest[place] = usable[-1].anger
        peak[place] = max((estimate.call_anger for estimate in estimates), default=0.0)
    logit = np.array([log_odds(p) if np.isfinite(p) else np.nan for p in newest])
    return _Calls(logit, newest, peak)


def _compared(clean: _Calls, worse: _Calls, crowd: _Crowd, threshold: float) -> dict[str, Any]:
    """Shifts over calls usable both times that are not angry; shares of all calls; AUC, mean over corpora, of both."""
    both = np.isfinite(clean.logit) & np.isfinite(worse.logit)
    calm = both & ~crowd.angry
    shift = worse.logit - clean.logit

    def mean_shift(weights: Floats) -> float:
        total = weights[calm].sum()
        return float(np.sum(weights[calm] * shift[calm]) / total) if total > 0.0 else float("nan")

    def area(calls: _Calls, weights: Floats) -> float:
        parts = [
            auc(calls.logit[here], crowd.angry[here], weights[here])
            for here in (both & (crowd.corpus == name) for name in np.unique(crowd.corpus))
            if here.any()
        ]
        known = [part for part in parts if np.isfinite(part)]
        return float(np.mean(known)) if known else float("nan")

    equal = np.ones(len(both))
    return {
        "calls": int(both.sum()),
        "shift_log_odds": _number(mean_shift(equal)),
        "shift_log_odds_95": crowd.interval(mean_shift),
        "shift_probability": _number(
            float(np.mean((worse.probability - clean.probability)[calm])) if calm.any() else np.nan
        ),
        "alarmed_not_angry": [float(np.mean(calls.peak[~crowd.angry] > threshold)) for calls in (clean, worse)],
        "alarmed_angry": [float(np.mean(calls.peak[crowd.angry] > threshold)) for calls in (clean, worse)],
        "auc": [_number(area(calls, equal)) for calls in (clean, worse)],
        "auc_change_95": crowd.interval(lambda weights: area(worse, weights) - area(clean, weights)),
        "silent": [float(np.mean(~np.isfinite(calls.logit))) for calls in (clean, worse)],
    }


def _judged(pcm: Samples, model: ToneModel, settings: TrackerSettings | None) -> dict[str, Any]:
    estimates: list[Estimate] = trace(pcm, lambda _frame: True, model, settings)
    usable = [estimate.anger for estimate in estimates if not estimate.abstained]
    return {
        "estimates": len(estimates),
        "usable_share": len(usable) / len(estimates) if estimates else 0.0,
        "highest_anger": max(usable) if usable else None,
    }


def _no_callers(seed: int, prompts: dict[str, Samples]) -> dict[str, Samples]:
    """Ten seconds of each sound at -20 dBFS, and the prompts as they are, all through mu-law."""
    n = round(_SOUND_S * RATE_HZ)

    def rng() -> np.random.Generator:
        return np.random.default_rng([seed, n])

    waves = {f"music {tune + 1}": sounds.music(n, np.random.default_rng([seed, tune])) for tune in range(3)}
    waves |= {name: sounds.noise(n, rng(), colour) for name, colour in (("white noise", 0.0), ("pink noise", 1.0))}
    waves["key tones"] = sounds.key_presses(n, rng())
    waves |= {name: sounds.cadence(n, *cadence) for name, cadence in sounds.CADENCES.items()}
    made = {name: lines.mulaw(voices.to_int16(sounds.amplitude(-20.0) * wave)) for name, wave in waves.items()}
    return made | {f"our prompt {name}": pcm for name, pcm in prompts.items()}


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _signed(value: float | None, places: int = 2) -> str:
    return "-" if value is None else f"{value:+.{places}f}"


def _range(values: Sequence[float] | None, places: int = 2) -> str:
    return "-" if values is None else f"({values[0]:+.{places}f} to {values[1]:+.{places}f})"


def _change(shares: Sequence[float]) -> str:
    return " -> ".join(f"{100 * share:.0f}" for share in shares)
