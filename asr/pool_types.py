"""What a recogniser pool is set to, and what it tells of itself."""

from dataclasses import dataclass
from enum import StrEnum

from asr.errors import SettingsInvalid


class Rung(StrEnum):
    """What a call is listened to with: everything, key phrases only, or nothing of its words."""

    FULL = "full"
    PHRASES = "phrases"
    NONE = "none"


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
        A worker with work to do that says nothing for this long is killed, s of its own CPU time; where it is given
        none, of time. Where an engine was measured to need longer for the longest segment, that is the limit.
    max_rss_mb : float
        A worker that has grown to this is replaced, MB.
    max_age_s : float
        A worker that is this old is replaced, s.
    max_load : float
        Share of its time that a worker may spend on what cannot be shed; beyond it a new call is not listened to.
    full_load : float
        The same for calls that hear everything, where key phrases alone are the next rung: what is between the two
        is theirs.
    climb_load : float
        Calls climb only where that leaves this share of the limit free.
    max_backlog_s : float
        A final that has waited this long means that no new call is taken, s.
    settle_s : float
        Time over which a new call is counted as if it talked, s; and the shortest time between two steps of a call.
    best_rung : Rung
        No call is listened to with more than this: FULL, or PHRASES.
    admit_all : bool
        True takes every call on the best rung, whatever the load: for measurements.
    soft_buffer, hard_buffer : int
        Bytes waiting for a worker at which partial requests are dropped, and at which it counts as hung.
    """

    workers: int = 1
    start_timeout_s: float = 60.0
    hang_timeout_s: float = 2.0
    max_rss_mb: float = 1500.0
    max_age_s: float = 24 * 3600.0
    max_load: float = 0.9
    full_load: float = 0.75
    climb_load: float = 0.15
    max_backlog_s: float = 2.0
    settle_s: float = 8.0
    best_rung: Rung = Rung.FULL
    admit_all: bool = False
    soft_buffer: int = 1 << 18
    hard_buffer: int = 1 << 22

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if not 1 <= self.workers <= 256 or self.hang_timeout_s < 0.2 or self.start_timeout_s <= 0:
            raise SettingsInvalid(f"recogniser pool settings out of range: {self}")
        if self.max_rss_mb <= 0 or self.max_age_s <= 0 or not 0 <= self.climb_load < 1 or self.settle_s <= 0:
            raise SettingsInvalid(f"recogniser pool settings out of range: {self}")
        if (
            not 0 < self.full_load <= self.max_load <= 1
            or self.max_backlog_s <= 0
            or self.soft_buffer > self.hard_buffer
        ):
            raise SettingsInvalid(f"recogniser pool settings out of range: {self}")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A call that was not listened to with everything, from its beginning or from some time on.

    Attributes
    ----------
    call_id, language : str
        As asked for.
    reason : str
        Plain English, for the call's record.
    rung : Rung
        What it is listened to with instead.
    """

    call_id: str
    language: str
    reason: str
    rung: Rung = Rung.NONE


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
    age_s : float
        Since its process was started, s.
    leaving : bool
        True while it is being replaced.
    """

    pid: int | None
    ready: bool
    calls: int
    load: float
    partial_load: float
    backlog_s: float
    rss_mb: float
    age_s: float
    leaving: bool


@dataclass(frozen=True, slots=True)
class PoolHealth:
    """The pool as a whole.

    Attributes
    ----------
    workers : tuple of WorkerHealth
        One per process; one more than configured while one is being replaced.
    languages : tuple of str
        Languages that a ready worker serves.
    starts, crashes, hangs, recycles : int
        Processes started, lost on their own, killed for silence, and replaced for their size or age.
    refused : int
        Calls that could not be listened to with everything when they came.
    climbs, descents : int
        Steps of calls after that, up and down.
    on_phrases, on_nothing : int
        Calls of which only key phrases are heard now, and calls of which nothing is.
    costs : tuple of (language, rung, float)
        Share of a worker that a caller takes while speaking, as it was measured last.
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
    climbs: int
    descents: int
    on_phrases: int
    on_nothing: int
    costs: tuple[tuple[str, Rung, float], ...]
