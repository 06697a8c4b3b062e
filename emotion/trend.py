"""Whether a caller grows angrier or calmer: the slope of the log-odds of anger over the newest estimates.

The slope is that of Tukey's resistant line ("Exploratory Data Analysis", 1977): from the median of the
oldest third of the estimates to the median of the newest third. A few outliers do not move it.
"""

from __future__ import annotations

from collections import deque
from statistics import median

SPAN_S = 8.0
"""Audio time that the trend looks back, s."""
LEAST = 9
"""Fewer estimates than this have no trend."""


class Trend:
    """The trend of one call."""

    __slots__ = ("_points",)

    def __init__(self) -> None:
        self._points: deque[tuple[float, float]] = deque()

    def add(self, t_s: float, anger_log_odds: float) -> None:
        """Take an estimate that may be used, made at audio time `t_s` (rising)."""
        self._points.append((t_s, anger_log_odds))
        while self._points[0][0] <= t_s - SPAN_S:
            self._points.popleft()

    @property
    def per_10_s(self) -> float:
        """Change of the log-odds of anger per 10 s of audio time, over the last SPAN_S; 0.0 under LEAST estimates."""
        if len(self._points) < LEAST:
            return 0.0
        points = list(self._points)
        third = len(points) // 3
        first, last = points[:third], points[-third:]
        rise = median(y for _, y in last) - median(y for _, y in first)
        return 10.0 * rise / (median(t for t, _ in last) - median(t for t, _ in first))
