"""Fixtures that every room's tests share."""

from pathlib import Path

import pytest

from nabra.state import use_kernel_cache

ROOT = Path(__file__).resolve().parent.parent
# Before anything imports numba: beside the sources a kernel would outlive a change of what it was compiled from.
use_kernel_cache(ROOT / ".pytest_cache")


@pytest.fixture(scope="session")
def corpora() -> Path:
    """Folder of the corpora beside the checkout; tests that need it are skipped where it is missing."""
    folder = ROOT.parent / "shared" / "corpora"
    if not folder.is_dir():
        pytest.skip("the corpora beside the checkout are missing")
    return folder
