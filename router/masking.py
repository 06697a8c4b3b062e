"""What a record shows of who called."""

from __future__ import annotations

_KEPT_DIGITS = 3


def mask_number(text: str) -> str:
    """Replace every digit of a telephone number but the last three by `*`; masking twice changes nothing.

    Digits of any script count. Of fewer than six digits nothing is kept: an extension names a person.
    """
    places = [index for index, letter in enumerate(text) if letter.isdigit() or letter == "*"]
    kept = set(places[-_KEPT_DIGITS:]) if len(places) >= 2 * _KEPT_DIGITS else set()
    return "".join("*" if letter.isdigit() and at not in kept else letter for at, letter in enumerate(text))
