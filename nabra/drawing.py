"""What pictures of calls and of recordings share: paper, colours, the time axis, the sound, and labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]
RATE_HZ = 8000

INK, FAINT, PAPER, GRID = "#22303c", "#9aa7b2", "#ffffff", "#e6eaee"
SOUND, AROUSAL, VALENCE, ANGER, CALL = "#7f94a6", "#e08e0b", "#3a8f57", "#c8283c", "#2f3e66"


@dataclass(frozen=True, slots=True)
class Span:
    """The stretch of audio time that a picture shows, in seconds."""

    begin_s: float
    end_s: float

    def part(self, share: float) -> float:
        """Return a share of the width in seconds."""
        return (self.end_s - self.begin_s) * share


def canvas(heights: tuple[float, ...], height_in: float, span: Span, *, top: float, bottom: float) -> tuple[Any, Any]:
    """Return a figure and its axes, one under the other, that share the time axis.

    Parameters
    ----------
    heights : of the axes, relative to one another.
    height_in : of the whole picture, inches at 110 dots; it is 11 inches wide.
    span : what the time axis shows.
    top, bottom : where the axes end, as shares of the height.
    """
    # The figure is built without pyplot: no global state, so pictures may be drawn from any thread.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, height_in), dpi=110, facecolor=PAPER)
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(
        len(heights), 1, height_ratios=heights, hspace=0.12, left=0.075, right=0.975, top=top, bottom=bottom
    )
    axes = [figure.add_subplot(grid[row]) for row in range(len(heights))]
    for one in axes:
        one.set_xlim(span.begin_s, span.end_s)
        one.tick_params(colors=INK, labelsize=8, length=3)
        for side, spine in one.spines.items():
            spine.set_visible(side in {"left", "bottom"})
            spine.set_color(FAINT)
    for one in axes[:-1]:
        one.tick_params(labelbottom=False)
    axes[-1].set_xlabel("seconds of the caller's audio", fontsize=9, color=INK)
    return figure, axes


def save(figure: Any, path: Path) -> None:
    """Write the picture; its folder must exist."""
    figure.savefig(path, facecolor=PAPER)


def draw_sound(axes: Any, pcm: Samples) -> None:
    """Draw the envelope: least and greatest sample of each of about 1200 columns."""
    column = max(1, len(pcm) // 1200)
    whole = pcm[: len(pcm) // column * column].reshape(-1, column).astype(np.float64) / 32768.0
    t = (np.arange(len(whole)) + 0.5) * column / RATE_HZ
    reach = max(0.05, float(np.max(np.abs(whole), initial=0.0)) * 1.15)
    if whole.size:
        axes.fill_between(t, whole.min(axis=1), whole.max(axis=1), color=SOUND, linewidth=0.4, edgecolor=SOUND)
    axes.set_ylim(-reach, reach * 1.45)
    axes.set_yticks([])
    axes.set_ylabel("caller", fontsize=9, color=INK)


def apart(heights: Sequence[float], least: float, lowest: float = 0.06, highest: float = 1.0) -> list[float]:
    """Return heights for labels, in the order given, near where each belongs: no two nearer than `least`, none lower
    than `lowest`, and none higher than `highest` where there is room for all.
    """
    order = sorted(range(len(heights)), key=heights.__getitem__)
    placed = list(heights)
    for below, above in pairwise(order):
        placed[above] = max(placed[above], placed[below] + least)
    if not order:
        return []
    # Pushed upwards only; bring them back by half of what the topmost was pushed, and by what it stands too high.
    top = placed[order[-1]]
    down = min(max((top - heights[order[-1]]) / 2, top - highest), placed[order[0]] - lowest)
    return [height - down for height in placed]


def label(
    axes: Any,
    x: float,
    y: float,
    text: str,
    colour: str,
    *,
    align: str = "left",
    size: float = 8.5,
    weight: str = "normal",
) -> None:
    """Write on a white ground, so that lines behind do not cross the letters."""
    ground = {"facecolor": PAPER, "edgecolor": "none", "alpha": 0.7, "pad": 1.2}
    axes.text(
        x, y, text, color=colour, ha=align, va="center", fontsize=size, weight=weight, bbox=ground,
        clip_on=True, parse_math=False, zorder=5,
    )  # fmt: skip
