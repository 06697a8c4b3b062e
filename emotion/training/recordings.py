"""The sound behind the labels: every recording as the phone line would give it, and which cannot be used."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from emotion.errors import CorpusError
from emotion.layout import RATE_HZ
from emotion.training.manifest import Clip, Tell
from telephony.audio import AudioError, read_audio

Samples = NDArray[np.int16]
Progress = Callable[[str, int, int], None]
"""Is told what is being done, how many of it are done, and how many there are."""

LEAST_S = 0.3
_QUIET = 8


def read_clip(clip: Clip) -> Samples:
    """Read a recording of any rate, channels and format as int16 at 8 kHz, through G.711.

    Raises
    ------
    CorpusError
        If it is missing, damaged, shorter than LEAST_S, or silent; the message begins with the row's place.
    """
    try:
        pcm = read_audio(clip.path)
    except (AudioError, OSError) as error:
        raise CorpusError(f"{clip.place}: {error}") from error
    if len(pcm) < LEAST_S * RATE_HZ:
        raise CorpusError(f"{clip.place}: {clip.path}: {len(pcm) / RATE_HZ:.2f} s long, too short to say anything")
    if int(np.abs(pcm.astype(np.int32)).max()) <= _QUIET:
        raise CorpusError(f"{clip.place}: {clip.path}: silent")
    return pcm


def usable(clips: Sequence[Clip], tell: Tell, progress: Progress = lambda _what, _done, _of: None) -> list[Clip]:
    """Read every recording once and return the clips whose recording can be used, in order.

    Those that cannot are told of, one line each.

    Raises
    ------
    CorpusError
        If more than half of a manifest cannot be used: then the paths, not the recordings, are wrong.
    """
    good: list[Clip] = []
    bad: dict[str, list[str]] = defaultdict(list)
    of: dict[str, int] = defaultdict(int)
    for number, clip in enumerate(clips):
        manifest = clip.place.rpartition(":")[0]
        of[manifest] += 1
        try:
            read_clip(clip)
            good.append(clip)
        except CorpusError as error:
            bad[manifest].append(str(error))
        progress("reading", number + 1, len(clips))
    for manifest, errors in bad.items():
        if len(errors) > of[manifest] / 2:
            raise CorpusError(
                f"{errors[0]} ({len(errors)} of {of[manifest]} recordings of {manifest} cannot be used; "
                "paths in it are relative to its own folder)"
            )
        for text in errors:
            tell(text)
    return good
