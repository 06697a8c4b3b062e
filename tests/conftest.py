"""Fixtures that every room's tests share."""

import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from emotion import kernels_key
from nabra.state import KERNEL_CACHE_VARIABLE, RECOGNISER_CACHE_VARIABLE

# A run that was started in the background has Ctrl-C ignored, and every process that a test starts would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
ROOT = Path(__file__).resolve().parent.parent
# Before anything imports numba: compiled kernels where they are kept for this state of their sources without a variable
# (emotion/kernels), so that processes with it and without it find what the others compiled.
os.environ[KERNEL_CACHE_VARIABLE] = os.environ.get(KERNEL_CACHE_VARIABLE) or str(
    ROOT / "emotion" / "kernels" / "__pycache__" / kernels_key()
)
# Every worker of every test site would build its networks anew otherwise; the tests' own processes inherit it.
RECOGNISERS = ROOT / ".pytest_cache" / "recognisers"
os.environ[RECOGNISER_CACHE_VARIABLE] = str(RECOGNISERS)


@pytest.fixture(autouse=True)
def unrecorded() -> Iterator[list[str]]:
    """Calls of this test that ended without a decision record: in no test may there be one that is not meant."""
    calls: list[str] = []

    class Listening(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.getMessage() == "a call ended without a decision record":
                calls.append(record.__dict__["data"]["call"])

    handler = Listening()
    logger = logging.getLogger("nabra.service")
    logger.addHandler(handler)
    yield calls
    logger.removeHandler(handler)
    assert not calls, f"without a decision record: {calls}"


@pytest.fixture(scope="session")
def corpora() -> Path:
    """Folder of the corpora beside the checkout; tests that need it are skipped where it is missing."""
    folder = ROOT.parent / "shared" / "corpora"
    if not folder.is_dir():
        pytest.skip("the corpora beside the checkout are missing")
    return folder
