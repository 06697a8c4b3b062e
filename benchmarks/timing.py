"""How long something takes, as a spread: wall time beside the thread's own CPU time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass

import numpy as np

_WARM_UP = 10


@dataclass(frozen=True, slots=True)
class Spread:
    """Percentiles of one quantity, in microseconds."""

    mean: float
    p50: float
    p95: float
    p99: float
    p999: float
    max: float

    @classmethod
    def of_nanoseconds(cls, values: Iterable[int]) -> Spread:
        """Return the spread of times given in nanoseconds; at least one."""
        us = np.fromiter(values, dtype=np.float64) / 1000.0
        p50, p95, p99, p999 = (float(value) for value in np.percentile(us, (50, 95, 99, 99.9)))
        return cls(float(us.mean()), p50, p95, p99, p999, float(us.max()))


@dataclass(frozen=True, slots=True)
class Stage:
    """One measured stage of the path.

    Attributes
    ----------
    room, name
        Which room, and what of it.
    per
        What one measurement is of: "20 ms frame", "decision", "250 ms estimate".
    count
        How many measurements.
    wall_us, cpu_us
        Their spreads; CPU time is that of the measuring thread alone.
    note
        What to know when reading it; may be empty.
    """

    room: str
    name: str
    per: str
    count: int
    wall_us: Spread
    cpu_us: Spread
    note: str = ""

    def as_json(self) -> dict[str, object]:
        """Return the fields as plain values."""
        return asdict(self)


class Stopwatch:
    """Collects single measurements: `with stopwatch: work()`."""

    def __init__(self) -> None:
        self._wall_ns: list[int] = []
        self._cpu_ns: list[int] = []
        self._wall_from = 0
        self._cpu_from = 0

    def __enter__(self) -> None:
        self._wall_from = time.perf_counter_ns()
        self._cpu_from = time.thread_time_ns()

    def __exit__(self, *_: object) -> None:
        self._cpu_ns.append(time.thread_time_ns() - self._cpu_from)
        self._wall_ns.append(time.perf_counter_ns() - self._wall_from)

    def __len__(self) -> int:
        return len(self._wall_ns)

    @property
    def cpu_s(self) -> float:
        """CPU seconds of everything measured so far."""
        return sum(self._cpu_ns) / 1e9

    @property
    def cpu_us(self) -> list[float]:
        """CPU microseconds of each measurement."""
        return [spent / 1000 for spent in self._cpu_ns]

    def stage(self, room: str, name: str, per: str, note: str = "") -> Stage:
        """Return what was measured so far."""
        wall, cpu = Spread.of_nanoseconds(self._wall_ns), Spread.of_nanoseconds(self._cpu_ns)
        return Stage(room, name, per, len(self), wall, cpu, note)


def measure_calls(room: str, name: str, per: str, work: Callable[[], object], *, count: int, note: str = "") -> Stage:
    """Return how long `work()` takes, `count` times after a few that are not counted."""
    for _ in range(_WARM_UP):
        work()
    watch = Stopwatch()
    for _ in range(count):
        with watch:
            work()
    return watch.stage(room, name, per, note)
