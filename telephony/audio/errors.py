"""The one exception of the audio leaf.

    AudioError    audio that cannot be read, written, converted or is not of the agreed shape

It does not derive from `TelephonyError`: rooms that import this leaf know nothing of telephony.
"""


class AudioError(Exception):
    """Audio is missing, unreadable, or not of the shape that a function asks for."""
