"""Where Nabra keeps what outlives a process: records, compiled kernels, rebuilt recognisers, fitted artifacts."""

from __future__ import annotations

import os
from pathlib import Path

from emotion import kernels_key

KERNEL_CACHE_VARIABLE = "NUMBA_CACHE_DIR"
RECOGNISER_CACHE_VARIABLE = "NABRA_RECOGNISER_CACHE"


def state_dir() -> Path:
    """Return the state directory, which may not exist yet.

    `$NABRA_STATE` where it is set, else `$XDG_STATE_HOME/nabra`, else `~/.local/state/nabra`.
    """
    own = os.environ.get("NABRA_STATE")
    if own:
        return Path(own).expanduser()
    xdg = os.environ.get("XDG_STATE_HOME")
    base = Path(xdg) if xdg and Path(xdg).is_absolute() else Path.home() / ".local" / "state"
    return base / "nabra"


def use_kernel_cache(directory: Path | None = None) -> Path | None:
    """Let compiled kernels be cached in the state directory; call it before anything imports numba.

    An operator's own `$NUMBA_CACHE_DIR` is left alone. Where the state directory cannot be written, kernels
    are compiled again by every process, and None says so: slower to start, nothing worse.
    """
    if os.environ.get(KERNEL_CACHE_VARIABLE):
        return Path(os.environ[KERNEL_CACHE_VARIABLE])
    # Numba refreshes a kernel when its own file changes, not when one that it uses does: the folder's name does.
    cache = (directory or state_dir()) / f"kernels-{kernels_key()}"
    try:
        cache.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        return None
    if not os.access(cache, os.W_OK):
        return None
    os.environ[KERNEL_CACHE_VARIABLE] = str(cache)
    return cache


def recogniser_cache(state: Path) -> Path:
    """Return where recognisers keep what they made of their models: the variable's directory, else in the state's.

    What is kept there is named by the digest of what it was made of, so several sites may share a directory.
    """
    own = os.environ.get(RECOGNISER_CACHE_VARIABLE)
    return Path(own).expanduser() if own else state / "recognisers"
