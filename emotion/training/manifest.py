"""Labelled audio: one row a recording, from a table that says which file, who speaks, and how it sounds."""

from __future__ import annotations

import codecs
import csv
import io
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from emotion.errors import CorpusError
from emotion.training import labels

MANIFEST = "manifest.csv"
NO_LICENCE = "not stated"
_CALLED = {
    "path": "path file filename file_name audio wav recording",
    "speaker": "speaker speaker_id caller caller_id talker actor person",
    "emotion": "emotion label feeling category",
    "arousal": "arousal activation",
    "valence": "valence pleasantness",
    "anger": "anger angry",
    "corpus": "corpus dataset",
    "language": "language lang",
    "gender": "gender sex",
    "licence": "licence license",
    "intensity": "intensity",
    "fold": "fold",
}
_COLUMN = {word: name for name, words in _CALLED.items() for word in words.split()}
_LABELS = ("emotion", "arousal", "valence", "anger")
_SHOWN_LABELS = "anger, happiness, sadness, fear, neutral, calm, frustration, ... or غاضب, محايد, حزن, فرح, ..."
_SIDES = "write high or low (yes or no), or a number from 0 to 1"
_KNOWN = {"emotion": f"known are {_SHOWN_LABELS}", "anger": _SIDES, "arousal": _SIDES, "valence": _SIDES}

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Clip:
    """One labelled recording.

    anger and arousal are 1.0, 0.0, or None where the label says nothing about them; valence may also be 0.5
    (neutral). emotion is one of `labels.EMOTIONS`, or empty. speaker is unique over corpora. language, gender
    (f or m) and intensity are empty where they are not known, fold None. place is the row it came from, as
    `file:line`.
    """

    path: Path
    corpus: str
    speaker: str
    emotion: str
    licence: str
    anger: float | None
    arousal: float | None
    valence: float | None
    language: str = ""
    gender: str = ""
    intensity: str = ""
    fold: int | None = None
    place: str = ""


def read_manifest(source: Path, tell: Tell = lambda _text: None) -> list[Clip]:
    """Read a manifest: a table as CSV (comma, semicolon or tab, first line names the columns), or a folder that
    holds one as manifest.csv.

    Columns: path (relative to the manifest's folder, or absolute), speaker, and at least one of emotion,
    arousal, valence and anger; if there, also corpus, language, gender, licence, intensity and fold. A feeling
    fills in arousal and valence where the manifest has no column for them. Rows that cannot be used are told
    of, one line each, and left out: no path or speaker, no label, the same file again. A label that is not
    known counts as none, and is told of once.

    Parameters
    ----------
    source
        File or folder.
    tell
        Is given one line of text, `file:line: what`, for everything that is left out.

    Raises
    ------
    CorpusError
        If the manifest is missing, is no table, lacks a column, or no row of it can be used.
    """
    file = source / MANIFEST if source.is_dir() else source
    names, rows = _table(file)
    _check_columns(file, names)
    name = file.parent.resolve().name if file.name == MANIFEST else file.stem
    clips: list[Clip] = []
    seen: dict[Path, str] = {}
    unknown: dict[tuple[str, str], list[str]] = {}
    for number, row in rows:
        place = f"{file}:{number}"
        clip = _clip(row, names, place, file.parent, name, tell, unknown)
        if clip is None:
            continue
        if clip.path in seen:
            tell(f"{place}: {clip.path.name} stands in {seen[clip.path]} already; this row is left out")
            continue
        seen[clip.path] = place
        clips.append(clip)
    for (column, word), places in unknown.items():
        rows_of = f"{len(places)} rows say so" if len(places) > 1 else "one row says so"
        tell(f"{places[0]}: unknown {column} '{word}' ({rows_of}); {_KNOWN[column]}")
    if not clips:
        raise CorpusError(f"{file}: no row can be used; labels are {_SHOWN_LABELS}")
    return clips


def _table(file: Path) -> tuple[tuple[str, ...], list[tuple[int, dict[str, str]]]]:
    """Names of the columns that are known, and (line, row) for every row that is not blank."""
    text = _text(file)
    first = text.split("\n", 1)[0]
    delimiter = max("\t;,", key=first.count)
    lines = csv.reader(io.StringIO(text), delimiter=delimiter)
    try:
        head = [_COLUMN.get(labels.plain(cell), "") for cell in next(lines, [])]
        rows = []
        for cells in lines:
            if any(cell.strip() for cell in cells):
                rows.append((lines.line_num, {n: c.strip() for n, c in zip(head, cells, strict=False) if n}))
    except csv.Error as error:
        raise CorpusError(f"{file}:{lines.line_num}: not a table: {error}") from error
    if not rows:
        raise CorpusError(f"{file}: no rows; the first line names the columns, each further line is a recording")
    return tuple(dict.fromkeys(name for name in head if name)), rows


def _text(file: Path) -> str:
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise CorpusError(
            f"{file}: cannot be read ({error.strerror}); name a table of labelled audio, or a folder with a {MANIFEST}"
        ) from error
    wide = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return raw.decode("utf-16" if wide else "utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise CorpusError(f"{file}:{line}: not UTF-8 text; save the table as CSV in UTF-8") from error


def _check_columns(file: Path, names: Sequence[str]) -> None:
    missing = [name for name in ("path", "speaker") if name not in names]
    if not set(names) & set(_LABELS):
        missing.append(f"one of {' '.join(_LABELS)}")
    if missing:
        why = "; without speakers nothing can be said of people who were not trained on" if "speaker" in missing else ""
        raise CorpusError(f"{file}:1: columns missing: {', '.join(missing)}{why}")


def _clip(
    row: dict[str, str],
    names: Sequence[str],
    place: str,
    folder: Path,
    name: str,
    tell: Tell,
    unknown: dict[tuple[str, str], list[str]],
) -> Clip | None:
    for needed in ("path", "speaker"):
        if not row.get(needed):
            tell(f"{place}: no {needed}; this row is left out")
            return None
    doubts: list[tuple[str, str]] = []
    emotion, anger, arousal, valence = _labels(row, names, doubts)
    for doubt in doubts:
        unknown.setdefault(doubt, []).append(place)
    if anger is None and arousal is None and valence is None:
        if not doubts:
            tell(f"{place}: no label that says anything; this row is left out")
        return None
    corpus = row.get("corpus") or name
    return Clip(
        path=_path(row["path"], folder),
        corpus=corpus,
        speaker=f"{corpus}/{row['speaker']}",
        emotion=emotion,
        licence=row.get("licence") or NO_LICENCE,
        anger=anger,
        arousal=arousal,
        valence=valence,
        language=row.get("language", "").lower(),
        gender=labels.gender_of(row.get("gender", "")),
        intensity=row.get("intensity", ""),
        fold=int(row["fold"]) if row.get("fold", "").isdecimal() and len(row["fold"]) < 9 else None,
        place=place,
    )


def _labels(
    row: dict[str, str], names: Sequence[str], doubts: list[tuple[str, str]]
) -> tuple[str, float | None, float | None, float | None]:
    """Emotion, anger, arousal and valence of a row; labels that are not known are added to `doubts`."""
    sides: dict[str, float | None] = {}
    for column in ("anger", "arousal", "valence"):
        try:
            sides[column] = labels.side(row[column]) if row.get(column) else None
        except ValueError:
            sides[column] = None
            doubts.append((column, row[column]))
    emotion = labels.emotion_of(row.get("emotion", ""))
    if emotion is None:
        doubts.append(("emotion", row["emotion"]))
        emotion = ""
    anger = None if sides["anger"] == 0.5 else sides["anger"]
    if anger == 1.0 and not emotion:
        emotion = "anger"
    # A column of anger is about nothing else; frustration is neither angry nor not.
    if anger is None and emotion not in ("", "frustration"):
        anger = float(emotion == "anger")
    arousal = sides["arousal"] if "arousal" in names else labels.arousal_of(emotion)
    valence = sides["valence"] if "valence" in names else labels.valence_of(emotion)
    return emotion, anger, None if arousal == 0.5 else arousal, valence


def _path(text: str, folder: Path) -> Path:
    # A table from Windows; a backslash is a letter like any other elsewhere, so the name as it is comes first.
    path = folder / text
    return folder / text.replace("\\", "/") if "\\" in text and not os.path.exists(path) else path
