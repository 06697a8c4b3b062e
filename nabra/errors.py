"""Errors of the front door, and the list of all errors that are shown to a user as one line.

    NabraError
    └── ServiceError        the live service cannot start or reload, with the reason and how to mend it
"""


class NabraError(Exception):
    """Root of the errors that the front door raises itself."""


class ServiceError(NabraError):
    """The live service cannot start, or refuses a new config."""


def user_error_types() -> tuple[type[Exception], ...]:
    """Return the roots of every room's errors: what a command shows as a line, not as a traceback."""
    from asr.errors import AsrError
    from config.errors import ConfigError
    from emotion.errors import EmotionError
    from router.errors import RouterError
    from telephony.audio.errors import AudioError
    from telephony.errors import TelephonyError

    return (NabraError, AsrError, ConfigError, EmotionError, RouterError, AudioError, TelephonyError)
