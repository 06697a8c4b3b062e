"""Where Nabra keeps what outlives a process: records, compiled kernels, fitted artifacts."""

from __future__ import annotations

import os
from pathlib import Path


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
