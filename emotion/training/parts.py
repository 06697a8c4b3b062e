"""What is left out together: a corpus, or, where there is only one, some of its speakers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from emotion.errors import CorpusError
from emotion.training.manifest import Clip

MOST = 5


def check(clips: Sequence[Clip]) -> None:
    """Refuse data from which nothing can be learnt that holds for other people.

    Raises
    ------
    CorpusError
        If there are fewer than two speakers, anger or its absence is unknown, or one of the two is known of a
        single speaker only.
    """
    speakers = {clip.speaker for clip in clips}
    where = clips[0].place.rpartition(":")[0] if clips else "the manifests"
    if len(speakers) < 2:
        raise CorpusError(f"{where}: {len(speakers)} speaker; two or more are needed, better twenty")
    for value, kind in ((1.0, "angry"), (0.0, "not angry")):
        own = {clip.speaker for clip in clips if clip.anger == value}
        if not own:
            raise CorpusError(
                f"{where}: no recording is labelled {kind}, so there is nothing to tell apart; add such recordings, "
                "or say it in a column 'anger' (yes or no)"
            )
        if len(own) < 2:
            raise CorpusError(
                f"{where}: only speaker {own.pop()} is {kind}; add recordings of a second one, or the voice would be "
                "learnt for the feeling"
            )


def check_apart(clips: Sequence[Clip], judged: Sequence[Clip]) -> None:
    """Refuse recordings that would judge what they taught.

    Raises
    ------
    CorpusError
        If a recording is named twice, or a corpus is both trained on and judged by.
    """
    if both := {clip.corpus for clip in clips} & {clip.corpus for clip in judged}:
        raise CorpusError(f"{', '.join(sorted(both))}: named both to train on and to judge by; choose one")
    places: dict[Path, str] = {}
    for clip in (*clips, *judged):
        path = clip.path.resolve()
        if path in places:
            raise CorpusError(
                f"{clip.place}: {clip.path.name} stands in {places[path]} too; what was trained on cannot judge, so "
                "name each recording once"
            )
        places[path] = clip.place


def parts(clips: Sequence[Clip]) -> list[str]:
    """Return, for each clip, the name of the part that it is left out with.

    Parts are the corpora, where two of them know both angry and other voices. Else they are the manifest's
    folds, where these keep speakers together and each knows both, or up to MOST groups of speakers that
    share the angry recordings evenly. No speaker is in two parts.
    """
    corpora = [clip.corpus for clip in clips]
    if len(_knowing(clips, corpora)) >= 2:
        return corpora
    folds = ["" if clip.fold is None else f"fold {clip.fold}" for clip in clips]
    if len(_knowing(clips, folds)) == len(set(folds)) >= 2 and not _torn(clips, folds):
        return folds
    return _by_speaker(clips)


def folds(clips: Sequence[Clip]) -> list[str]:
    """Return, for each clip, the name of a group of speakers of all corpora: nobody is in two.

    Within each corpus these are the manifest's folds, where these keep speakers together, or up to MOST groups of
    speakers that share the angry recordings evenly.
    """
    found = [""] * len(clips)
    for corpus in dict.fromkeys(clip.corpus for clip in clips):
        places = [place for place, clip in enumerate(clips) if clip.corpus == corpus]
        own = [clips[place] for place in places]
        numbers = ["" if clip.fold is None else str(clip.fold) for clip in own]
        given = len(set(numbers)) > 1 and "" not in numbers and not _torn(own, numbers)
        for place, name in zip(places, numbers if given else _groups(own), strict=True):
            found[place] = name
    return found


def _knowing(clips: Sequence[Clip], names: Sequence[str]) -> set[str]:
    """Names of the parts that have both angry clips and others."""
    angry = {name for clip, name in zip(clips, names, strict=True) if clip.anger == 1.0}
    return angry & {name for clip, name in zip(clips, names, strict=True) if clip.anger == 0.0}


def _torn(clips: Sequence[Clip], names: Sequence[str]) -> bool:
    """Whether a speaker is in two parts."""
    pairs = {(clip.speaker, name) for clip, name in zip(clips, names, strict=True)}
    return len(pairs) > len({speaker for speaker, _ in pairs})


def _by_speaker(clips: Sequence[Clip]) -> list[str]:
    angry = {clip.speaker for clip in clips if clip.anger == 1.0}
    others = {clip.speaker for clip in clips if clip.anger != 1.0}
    count = min(MOST, len(angry), len(others))
    return [f"speakers {int(group) + 1} of {count}" for group in _groups(clips, count)]


def _groups(clips: Sequence[Clip], most: int = MOST) -> list[str]:
    """Numbers of up to `most` groups of speakers that share the angry recordings, and then the others, evenly."""
    angry: dict[str, int] = defaultdict(int)
    others: dict[str, int] = defaultdict(int)
    for clip in clips:
        (angry if clip.anger == 1.0 else others)[clip.speaker] += 1
    count = min(most, len({*angry, *others}))
    held = [[0, 0] for _ in range(count)]
    place: dict[str, int] = {}
    for speaker in sorted({*angry, *others}, key=lambda name: (-angry[name], -others[name], name)):
        # The part with fewest of what this speaker brings.
        first = 0 if angry[speaker] else 1
        chosen = min(range(count), key=lambda part: (held[part][first], sum(held[part]), part))
        held[chosen][0] += angry[speaker]
        held[chosen][1] += others[speaker]
        place[speaker] = chosen
    return [str(place[clip.speaker]) for clip in clips]
