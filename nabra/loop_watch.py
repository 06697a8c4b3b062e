"""How late the event loop is: the one measure of whether the live path keeps up."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

TICK_S = 0.1
WINDOW = 20
LATE_S = 0.1
"""Half of the ticks of the window this late: the machine has no time for tone."""
CALM_S = 5.0


class LoopWatch:
    """Measures the loop's lateness, and says when there is too little time for what can be left out.

    Parameters
    ----------
    clock : monotonic seconds.
    on_overload : called when the machine becomes too busy.
    """

    def __init__(self, clock: Callable[[], float], on_overload: Callable[[], None]) -> None:
        self._clock = clock
        self._on_overload = on_overload
        self._late_s: deque[float] = deque(maxlen=WINDOW)
        self._busy_until_s = float("-inf")
        self._task: asyncio.Task[None] | None = None

    @property
    def late_s(self) -> float:
        """The greatest lateness of the last two seconds, in seconds."""
        return max(self._late_s, default=0.0)

    def busy(self) -> str:
        """Return why there is no time for tone, or an empty text."""
        return "the machine is too busy for tone" if self._clock() < self._busy_until_s else ""

    def start(self) -> None:
        """Begin to measure, in the running loop."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="loop-watch")

    def stop(self) -> None:
        """End measuring."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def note(self, late_s: float) -> None:
        """Take one measurement."""
        self._late_s.append(max(0.0, late_s))
        median_s = sorted(self._late_s)[len(self._late_s) // 2]
        if len(self._late_s) == WINDOW and median_s > LATE_S:
            was_busy = self.busy()
            self._busy_until_s = self._clock() + CALM_S
            if not was_busy:
                self._on_overload()

    async def _run(self) -> None:
        while True:
            due_s = self._clock() + TICK_S
            await asyncio.sleep(TICK_S)
            self.note(self._clock() - due_s)
