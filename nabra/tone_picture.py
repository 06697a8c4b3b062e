"""How a recording sounds, as a picture: sound, spectrogram, anger with its alarm, arousal and valence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nabra.drawing import (
    ANGER,
    AROUSAL,
    CALL,
    FAINT,
    GRID,
    INK,
    RATE_HZ,
    VALENCE,
    Span,
    apart,
    canvas,
    draw_sound,
    label,
    save,
)
from nabra.tone_trace import EVERY_S, Estimated, ToneTrace, percent, runs, trend_word

_VOICE = "#dbe7f3"
_TICKS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97)
_WINDOW, _QUIET_DB, _RANGE_DB = 256, -30.0, 55.0
_MOST_COLUMNS = 1100


def draw_tone(trace: ToneTrace, path: Path, *, title: str = "") -> None:
    """Draw how a recording sounds over time as a PNG.

    Where there is voice, the ground of the sound is blue. Curves are as strong as the model is confident; where it
    abstains there are none, and its reason. Anger is on a scale of evidence: half way up says nothing.

    Parameters
    ----------
    trace : the recording and its estimates.
    path : where the picture goes; its folder must exist.
    title : the recording's name where it is empty.
    """
    trace = trace.thinned(_MOST_COLUMNS)
    length_s = max(trace.length_s, 0.5)
    span = Span(0.0, length_s * 1.1)
    figure, axes = canvas((0.75, 0.75, 1.25, 1.05), height_in=7.0, span=span, top=0.885, bottom=0.075)
    sound, spectrum, anger, others = axes
    draw_sound(sound, trace.pcm)
    low, high = sound.get_ylim()
    voice = [(begin_s, end_s - begin_s) for begin_s, end_s in trace.stretches()]
    sound.broken_barh(voice, (low, high - low), facecolors=_VOICE, zorder=0, linewidth=0)
    _draw_spectrum(spectrum, trace, length_s)
    _draw_anger(anger, trace, span)
    _draw_others(others, trace, span)
    moment = trace.alarmed_at_s
    if moment is not None:
        for one in axes:
            one.axvline(moment, color=ANGER, linewidth=1.4, linestyle=(0, (4, 2)))
        label(anger, moment - span.part(0.004), 1.02, f"alarm at {moment:.2f} s", ANGER, align="right", weight="bold")
    figure.text(0.075, 0.95, title or trace.name, fontsize=14, weight="bold", color=INK, parse_math=False)
    figure.text(0.075, 0.915, "   ·   ".join(_facts(trace)), fontsize=9.5, color=INK)
    save(figure, path)


def _facts(trace: ToneTrace) -> list[str]:
    facts = [f"{trace.length_s:.1f} s", f"{trace.speech_s:.1f} s of speech"]
    usable = [item for item in trace.estimates if not item.abstained]
    if not usable:
        last = trace.last
        return [*facts, f"abstains: {last.reason or 'not sure'}" if last is not None else "no voice"]
    last = usable[-1]
    facts.append(f"anger {percent(last.anger)}, {trend_word(last)}")
    if trace.alarmed_at_s is not None:
        facts.append(f"alarm at {trace.alarmed_at_s:.2f} s")
    else:
        facts.append("no alarm" if trace.weighed else "too little voice for an alarm")
    facts.append(f"{percent(trace.prior)} of calls taken to be angry")
    return facts


def _draw_spectrum(axes: Any, trace: ToneTrace, length_s: float) -> None:
    """Draw the power of 32 ms windows in dB, loud ones dark."""
    axes.set_ylim(0, RATE_HZ / 2000)
    axes.set_yticks([0, 2, 4])
    axes.set_ylabel("kHz", fontsize=9, color=INK)
    hop = max(_WINDOW // 4, len(trace.pcm) // _MOST_COLUMNS)
    starts = np.arange(0, len(trace.pcm) - _WINDOW + 1, hop)
    if not len(starts):
        return
    frames: npt.NDArray[np.float64] = trace.pcm[starts[:, None] + np.arange(_WINDOW)] / 32768.0
    power = np.abs(np.fft.rfft(frames * np.hanning(_WINDOW), axis=1)) ** 2 / _WINDOW
    decibels = 10.0 * np.log10(power + 1e-12)
    # The loudest are black in a quiet recording too, unless there is nothing but the line's own noise.
    black = max(float(np.quantile(decibels, 0.995)), _QUIET_DB)
    decibels = np.clip(1.0 + (decibels - black) / _RANGE_DB, 0.0, 1.0)
    end_s = (starts[-1] + _WINDOW) / RATE_HZ
    axes.imshow(
        decibels.T, origin="lower", aspect="auto", cmap="bone_r", vmin=0.0, vmax=1.1, interpolation="bilinear",
        extent=(0.0, min(end_s, length_s), 0.0, RATE_HZ / 2000), zorder=1,
    )  # fmt: skip


def _draw_anger(axes: Any, trace: ToneTrace, span: Span) -> None:
    """Draw anger now and the evidence of the call, against the threshold, on a scale of evidence."""
    axes.set_ylim(-0.05, 1.08)  # what is nothing is a line too
    ticks: list[float] = []
    for probability in _TICKS:
        if 0.04 < trace.evidence(probability) < 0.97 and (
            not ticks or trace.evidence(probability) - trace.evidence(ticks[-1]) > 0.08
        ):
            ticks.append(probability)
    axes.set_yticks([trace.evidence(probability) for probability in ticks], [f"{100 * p:g} %" for p in ticks])
    axes.set_ylabel("anger", fontsize=9, color=INK)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    threshold = trace.evidence(trace.alarm_at)
    axes.axhline(threshold, color=ANGER, linewidth=1.0, linestyle=(0, (2, 2)), zorder=2)
    label(axes, span.part(0.004), threshold + 0.05, f"alarm from {percent(trace.alarm_at)}", ANGER, size=8)
    if not trace.estimates:
        label(axes, span.part(0.45), 0.3, "no voice", FAINT, align="center", size=10)
    _hatch(axes, trace, span, say=True)
    known = [item for item in trace.estimates if item.call_anger > 0.0]
    if known:
        x, y = [item.t_s for item in known], [trace.evidence(item.call_anger) for item in known]
        axes.plot(x, y, color=CALL, linewidth=1.6, zorder=3)
    for alarmed, group in groupby(trace.estimates, key=lambda item: item.alarmed):
        if alarmed:
            times = [item.t_s for item in group]
            axes.axvspan(times[0] - EVERY_S, times[-1], color=ANGER, alpha=0.1, linewidth=0, zorder=0)
    _draw_curve(axes, trace.estimates, lambda item: trace.evidence(item.anger), ANGER)
    ends = [(trace.evidence(known[-1].call_anger), "call", percent(known[-1].call_anger), CALL)] if known else []
    ends += [
        (trace.evidence(item.anger), "now", percent(item.anger), ANGER)
        for item in trace.estimates[-1:]
        if not item.abstained
    ]
    _name_ends(axes, trace, span, ends)


def _draw_others(axes: Any, trace: ToneTrace, span: Span) -> None:
    """Draw arousal and valence, 0 to 1, and a strip that is as dark as the model is confident."""
    axes.set_ylim(-0.16, 1.06)
    axes.set_yticks([0, 0.5, 1])
    axes.set_ylabel("arousal, valence", fontsize=9, color=INK)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    _hatch(axes, trace, span, say=False)
    _draw_curve(axes, trace.estimates, lambda item: item.valence, VALENCE)
    _draw_curve(axes, trace.estimates, lambda item: item.arousal, AROUSAL)
    step_s = max(EVERY_S, trace.length_s / _MOST_COLUMNS)
    strip = [(item.t_s - step_s, step_s) for item in trace.estimates]
    axes.broken_barh(strip, (-0.145, 0.07), facecolors=_paler(INK, trace.estimates, least=0.0), linewidth=0)
    if trace.estimates:
        label(axes, trace.estimates[-1].t_s + span.part(0.006), -0.1, "confidence", INK, size=8)
    last = trace.last
    if last is not None and not last.abstained:
        pairs = [(last.arousal, "arousal", AROUSAL), (last.valence, "valence", VALENCE)]
        _name_ends(axes, trace, span, [(value, name, f"{value:.2f}", colour) for value, name, colour in pairs])


def _draw_curve(axes: Any, estimates: Sequence[Estimated], value: Callable[[Estimated], float], colour: str) -> None:
    """Draw one curve, each piece as strong as the model is confident; nothing where it abstains."""
    from matplotlib.collections import LineCollection

    for reason, group in runs(estimates):
        if reason:
            continue
        points = np.array([(item.t_s, value(item)) for item in group])
        shades = _paler(colour, group, least=0.2)
        if len(points) > 1:
            pieces = np.stack((points[:-1], points[1:]), axis=1)
            axes.add_collection(
                LineCollection(list(pieces), colors=shades[1:], linewidths=2.2, capstyle="round", zorder=4)
            )
        axes.scatter(points[:, 0], points[:, 1], s=9 if len(estimates) < 200 else 0, c=shades, linewidths=0, zorder=4)


def _paler(colour: str, estimates: Sequence[Estimated], *, least: float) -> list[tuple[float, ...]]:
    """Return a colour for each estimate, mixed with white where the model is less confident; opaque, so that what
    lies over one another is no darker.
    """
    full = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255.0
    shares = (least + (1.0 - least) * item.confidence for item in estimates)
    return [tuple(1.0 - share * (1.0 - full)) for share in shares]


def _hatch(axes: Any, trace: ToneTrace, span: Span, *, say: bool) -> None:
    """Hatch the stretches over which the model abstains, and say why where there is room."""
    for reason, group in runs(trace.estimates):
        if not reason:
            continue
        begin_s, end_s = max(0.0, group[0].t_s - EVERY_S), group[-1].t_s
        axes.axvspan(begin_s, end_s, facecolor="#f5f5f5", edgecolor="#d8dde2", hatch="///", linewidth=0, zorder=1)
        if say and end_s - begin_s > span.part(0.0065 * len(reason)):
            label(axes, (begin_s + end_s) / 2, 0.3, reason, INK, align="center")
        elif say and end_s - begin_s > span.part(0.01):
            label(axes, begin_s, 0.97, reason, INK, size=7.5)


def _name_ends(axes: Any, trace: ToneTrace, span: Span, ends: Sequence[tuple[float, str, str, str]]) -> None:
    """Name curves where they end, apart from one another: (height, name, value, colour)."""
    x = trace.estimates[-1].t_s + span.part(0.006) if trace.estimates else 0.0
    for (_, name, value, colour), y in zip(ends, apart([height for height, *_ in ends], 0.13), strict=True):
        label(axes, x, y, f"{name} {value}", colour, size=9)
