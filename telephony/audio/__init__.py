"""Telephone audio as plain functions and small stateful parts: a leaf that any room may import.

G.711 in both laws, a streaming resampler that gives the same samples however its input is cut, readers and
writers of sound files, and a telephone line to send clean recordings through. Audio is `numpy.int16`, mono,
one-dimensional; 8000 Hz unless a name says otherwise. Nothing here knows of sockets, calls or clocks. Bad
input raises `AudioError`.
"""

from telephony.audio.errors import AudioError
from telephony.audio.files import read_audio, write_wav
from telephony.audio.g711 import alaw_decode, alaw_encode, mulaw_decode, mulaw_encode
from telephony.audio.line import telephone_channel
from telephony.audio.resample import StreamResampler, resample

__all__ = [
    "AudioError",
    "StreamResampler",
    "alaw_decode",
    "alaw_encode",
    "mulaw_decode",
    "mulaw_encode",
    "read_audio",
    "resample",
    "telephone_channel",
    "write_wav",
]
