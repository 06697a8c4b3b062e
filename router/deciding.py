"""The version of deciding: what a generation's hash cannot see otherwise, because it is in the code and not in the
configuration."""

DECIDING = 1
"""Raised whenever the same evidence, under the same configuration and the same fitted intents, would be decided
otherwise: another destination, priority, moment, question, or agent asked for. Wording alone is no other decision.

It is part of every generation's hash and stands on every record, so that a call is only taken as decided alike by what
decides alike. `tests/router/test_deciding.py` fails where decisions changed and this did not.
"""
