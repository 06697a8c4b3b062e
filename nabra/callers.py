"""Which language a caller is greeted and understood in, and who said so."""

from __future__ import annotations

from enum import StrEnum

from config.schema import Config


class Source(StrEnum):
    """Who said which language a call has, from the word that counts most to the one that counts least."""

    DIALPLAN = "dialplan"
    CUSTOMER = "customer"
    LINE = "line"
    DEFAULT = "default"


def language_of(config: Config, said: str | None, caller_number: str, dialled: str) -> tuple[str, Source]:
    """Return the language of a call, one of the configuration's, and who said so; some microseconds.

    Parameters
    ----------
    config : of the call's generation.
    said : the dialplan's word, None or an unknown language where it leaves that to us.
    caller_number : as announced; looked up in the customer record.
    dialled : as announced; looked up among the lines.
    """
    if said is not None and said in config.languages:
        return said, Source.DIALPLAN
    wanted = config.customers.book.language_of(caller_number)
    if wanted is not None:
        return wanted, Source.CUSTOMER
    for line in config.lines:
        if line.number == dialled:
            return line.language, Source.LINE
    return config.default_language, Source.DEFAULT
