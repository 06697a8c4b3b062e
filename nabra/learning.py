"""Learning an operator's examples in a process of its own, so that the calls of a running service are not slowed by it.

The process writes what it learnt where the next `fit` of the same examples finds it (`router.intent.artifact`), and
ends; it gives way to everything else on the machine, and its memory goes with it. Where that cannot be, the examples
are learnt in the service after all, and the log says so. One that does not end in time is ended, and what asked for it
is refused: the next that asks is not kept waiting.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from threading import Lock

from config.schema import Intent
from nabra.errors import ServiceError
from nabra.sentence_encoder import UseEncoder
from router.intent import IntentModel, SentenceEncoder, stored_file

log = logging.getLogger(__name__)

_NICE = 10
LEAST_S = 120.0
PER_EXAMPLE_S = 0.2
"""What a process may take, and for each example more. With the encoder it takes 3 ms for one, where it is alone."""


class Learner:
    """Starts such processes, one at a time.

    Parameters
    ----------
    least_s, per_example_s : a process that takes longer is ended.
    """

    def __init__(self, least_s: float = LEAST_S, per_example_s: float = PER_EXAMPLE_S) -> None:
        self._least_s = least_s
        self._per_example_s = per_example_s
        self._one_at_a_time = Lock()
        self._process: multiprocessing.process.BaseProcess | None = None
        self._stopped = False

    def learn(self, intents: Sequence[Intent], folder: Path, encoder: SentenceEncoder | None) -> None:
        """Return when what is learnt of these intents is in `folder`, or when it has to be learnt by whoever asks.

        Blocks for as long as that takes: for a thread.

        Parameters
        ----------
        intents : of every language.
        folder : where what was learnt is kept.
        encoder : that sentences are to be read by, or None.

        Raises
        ------
        ServiceError
            The process was killed, as it is where the machine has no memory left for it: it would have none here
            either; it did not end in time; or the service is being stopped.
        """
        with self._one_at_a_time:
            file = stored_file(intents, folder, "" if encoder is None else encoder.encoder_id)
            if file.exists():
                return
            problem = _not_writable(folder) or self._elsewhere(intents, folder, encoder)
            if not problem and not file.exists():
                problem = f"{folder} does not keep what is written there"
        if problem:
            log.warning("the examples are learnt in the service itself, which slows its calls meanwhile: %s", problem)

    def stop(self) -> None:
        """End the process that learns; harmless where there is none."""
        self._stopped = True
        process = self._process
        if process is not None:
            process.kill()

    def _elsewhere(self, intents: Sequence[Intent], folder: Path, encoder: SentenceEncoder | None) -> str:
        """Have a process learn; return why it could not, "" where it could."""
        process = multiprocessing.get_context("spawn").Process(
            target=_learn, args=(tuple(intents), folder, encoder is not None), name="nabra-learns", daemon=True
        )
        try:
            process.start()
        except OSError as error:
            return f"no process could be started for it: {error.strerror or error}"
        self._process = process
        try:
            if self._stopped:
                process.kill()
            limit_s = self._least_s + self._per_example_s * sum(len(intent.examples) for intent in intents)
            process.join(limit_s)
            late = process.is_alive()
            if late:
                process.kill()
                process.join()
        finally:
            self._process = None
        if self._stopped:
            raise ServiceError("the service is being stopped: the new configuration is not learnt any more")
        if late:
            raise ServiceError(
                f"the new examples were not learnt in {limit_s:.0f} s, and the process for it was ended; try again "
                f"when the machine has less to do{', or set intents.sentence_encoder to none' if encoder else ''}"
            )
        if process.exitcode == -signal.SIGKILL:
            raise ServiceError(
                "the process that learnt the new examples was killed, perhaps for want of memory; free some, or give "
                "fewer examples"
            )
        return f"the process for it ended with {process.exitcode}" if process.exitcode else ""


def _not_writable(folder: Path) -> str:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return f"{folder} cannot be made: {error.strerror}"
    return "" if os.access(folder, os.W_OK | os.X_OK) else f"{folder} cannot be written"


def _learn(intents: Sequence[Intent], folder: Path, with_encoder: bool) -> None:
    # The service is told of Ctrl-C, and ends this.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(_NICE)
    IntentModel.fit(intents, cache_dir=folder, encoder=UseEncoder() if with_encoder else None)
