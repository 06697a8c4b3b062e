"""The valid word that somebody probably meant."""

import difflib
from collections.abc import Iterable


def nearest(found: str, valid: Iterable[str]) -> str | None:
    """The valid word most like the one found, or None where none is near."""
    valid = list(valid)
    longer = [word for word in valid if len(found) > 2 and word.startswith(found.lower())]
    if len(longer) == 1:
        return longer[0]
    matches = difflib.get_close_matches(found.lower(), valid, n=1, cutoff=0.6)
    return matches[0] if matches else None
