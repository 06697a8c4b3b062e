"""What a recogniser pool is set to, and what it tells of itself."""

from dataclasses import dataclass

from asr.errors import SettingsInvalid


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """How many workers, and what they may use.

    Attributes
    ----------
    workers : int
        Processes; each holds its own models and uses at most one core.
    start_timeout_s : float
        Time for a process to start and read its models, s.
    hang_timeout_s : float
        A worker with work to do that says nothing for this long is killed, s.
    max_rss_mb : float
        A worker that has grown to this is replaced when none of its calls is speaking, MB.
    max_load : float
        Share of its time that a worker may spend on what cannot be shed; beyond it no new call is taken.
    max_backlog_s : float
        A final that has waited this long means that no new call is taken, s.
    settle_s : float
        Time over which a new call is counted at its expected cost, until it shows in the measured load, s.
    expected_load : float
        Share of a worker that a call on an engine that does not stream is expected to need.
    expected_streaming_load : float
        The same on a streaming engine with its whole language model.
    soft_buffer, hard_buffer : int
        Bytes waiting for a worker at which partial requests are dropped, and at which it counts as hung.
    """

    workers: int = 1
    start_timeout_s: float = 60.0
    hang_timeout_s: float = 2.0
    max_rss_mb: float = 1500.0
    max_load: float = 0.8
    max_backlog_s: float = 2.0
    settle_s: float = 8.0
    expected_load: float = 0.03
    expected_streaming_load: float = 0.3
    soft_buffer: int = 1 << 18
    hard_buffer: int = 1 << 22

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if not 1 <= self.workers <= 256 or self.hang_timeout_s < 0.2 or self.start_timeout_s <= 0:
            raise SettingsInvalid(f"recogniser pool settings out of range: {self}")
        if not 0 < self.max_load <= 1 or self.max_backlog_s <= 0 or self.soft_buffer > self.hard_buffer:
            raise SettingsInvalid(f"recogniser pool settings out of range: {self}")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A call that got no recogniser.

    Attributes
    ----------
    call_id, language : str
        As asked for.
    reason : str
        Plain English, for the call's record.
    """

    call_id: str
    language: str
    reason: str


@dataclass(frozen=True, slots=True)
class WorkerHealth:
    """One worker as it was last heard of.

    Attributes
    ----------
    pid : int or None
        None while there is no process.
    ready : bool
        True while its models are warm.
    calls : int
        Calls it serves.
    load, partial_load : float
        Share of the last seconds spent on finals and streamed audio, and on partials.
    backlog_s : float
        Age of its oldest unanswered final, s.
    rss_mb : float
        Resident memory, MB.
    """

    pid: int | None
    ready: bool
    calls: int
    load: float
    partial_load: float
    backlog_s: float
    rss_mb: float


@dataclass(frozen=True, slots=True)
class PoolHealth:
    """The pool as a whole.

    Attributes
    ----------
    workers : tuple of WorkerHealth
        One per slot.
    languages : tuple of str
        Languages that a ready worker serves.
    starts, crashes, hangs, recycles : int
        Processes started, lost on their own, killed for silence, and replaced for their size.
    refused : int
        Calls that got no recogniser.
    partials_dropped : int
        Partial requests given up before they reached a worker.
    """

    workers: tuple[WorkerHealth, ...]
    languages: tuple[str, ...]
    starts: int
    crashes: int
    hangs: int
    recycles: int
    refused: int
    partials_dropped: int
