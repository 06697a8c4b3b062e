"""Labelled audio as operators have it: tables of every kind, labels in two languages, and what is wrong with them."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import example, given
from hypothesis import strategies as st

from emotion.errors import CorpusError
from emotion.training import labels
from emotion.training.cache import Cache, digest
from emotion.training.manifest import Clip, read_manifest
from emotion.training.parts import check, check_apart, parts
from emotion.training.recordings import read_clip, usable
from telephony.audio import write_wav
from tests.emotion import reference
from tests.emotion.corpus import write_corpus


def table(folder: Path, text: str, name: str = "calls.csv") -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def clip(speaker: str, anger: float | None, *, corpus: str = "own", fold: int | None = None, path: str = "a") -> Clip:
    place = "own/manifest.csv:2"
    return Clip(Path(path), corpus, f"{corpus}/{speaker}", "", "ours", anger, None, None, fold=fold, place=place)


# ------------------------------------------------------------------------------------------------ labels


@pytest.mark.parametrize(
    ("word", "emotion"),
    [
        ("angry", "anger"), ("Anger ", "anger"), ("غضب", "anger"), ("غاضبة", "anger"), ("غَضَب", "anger"),
        ("happy", "happiness"), ("فرح", "happiness"), ("محايد", "neutral"), ("calm", "calm"), ("هادئ", "calm"),
        ("sad", "sadness"), ("حزن", "sadness"), ("frustrated", "frustration"), ("مفاجأة", "surprise"), ("", ""),
        ("meh", None),
    ],
)  # fmt: skip
def test_feelings_are_known_by_many_names(word: str, emotion: str | None) -> None:
    assert labels.emotion_of(word) == emotion


@pytest.mark.parametrize(
    ("word", "end"),
    [("high", 1.0), ("عالي", 1.0), ("No", 0.0), ("نعم", 1.0), ("0", 0.0), ("0.45", 0.5), ("0.7", 1.0), ("medium", 0.5)],
)
def test_ends_of_a_scale(word: str, end: float) -> None:
    assert labels.side(word) == end


@pytest.mark.parametrize("word", ["5", "-1", "nan", "inf", "loud"])
def test_what_is_no_end_of_a_scale_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        labels.side(word)


# ------------------------------------------------------------------------------------------------ tables


def test_labels_come_from_the_manifest(tmp_path: Path) -> None:
    write_corpus(tmp_path / "own", 2)
    clips = read_manifest(tmp_path / "own")
    assert [(c.emotion, c.anger, c.arousal, c.valence) for c in clips[:3]] == [
        ("anger", 1.0, 1.0, 0.0),
        ("calm", 0.0, 0.0, 0.5),
        ("happiness", 0.0, 1.0, 1.0),
    ]
    assert clips[0].speaker == "own/0"
    assert clips[0].place == f"{tmp_path / 'own' / 'manifest.csv'}:2"
    assert read_manifest(tmp_path / "own" / "manifest.csv") == clips


def test_every_column_is_read(tmp_path: Path) -> None:
    file = table(
        tmp_path,
        "File;Speaker ID;Label;Sex;Language;License;Intensity;Fold\n1.wav;7;غاضب;أنثى;AR;own calls;strong;3\n",
    )
    (found,) = read_manifest(file)
    assert found == Clip(
        tmp_path / "1.wav", "calls", "calls/7", "anger", "own calls", 1.0, 1.0, 0.0,
        language="ar", gender="f", intensity="strong", fold=3, place=f"{file}:2",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("path,speaker,emotion\n1.wav,a,angry\n", "utf-8"),
        ("path\tspeaker\temotion\r\n\r\n1.wav\ta\tangry\r\n", "utf-8-sig"),
        ('path;speaker;emotion\n"1.wav";"a";"angry"\n', "utf-16"),
    ],
)
def test_tables_as_programs_write_them(text: str, encoding: str, tmp_path: Path) -> None:
    file = tmp_path / "calls.csv"
    file.write_bytes(text.encode(encoding))
    (found,) = read_manifest(file)
    assert (found.path, found.speaker, found.anger) == (tmp_path / "1.wav", "calls/a", 1.0)


def test_a_column_of_anger_is_enough_and_overrules(tmp_path: Path) -> None:
    file = table(
        tmp_path, "path,speaker,emotion,anger\n1.wav,a,,yes\n2.wav,a,,0.1\n3.wav,b,frustrated,1\n4.wav,b,sad,\n"
    )
    assert [(c.emotion, c.anger) for c in read_manifest(file)] == [
        ("anger", 1.0),
        ("", 0.0),
        ("frustration", 1.0),
        ("sadness", 0.0),
    ]


def test_several_corpora_in_one_table(tmp_path: Path) -> None:
    file = table(tmp_path, "path,speaker,emotion,corpus\n1.wav,a,angry,north\n2.wav,a,calm,south\n")
    assert [(c.corpus, c.speaker) for c in read_manifest(file)] == [("north", "north/a"), ("south", "south/a")]


def test_paths_with_backslashes_are_found(tmp_path: Path) -> None:
    (tmp_path / "calls").mkdir()
    write_wav(tmp_path / "calls" / "1.wav", reference.buzz(150.0, 1.0))
    (found,) = read_manifest(table(tmp_path, "path,speaker,emotion\ncalls\\1.wav,a,angry\n"))
    assert found.path.is_file()


def test_rows_that_cannot_be_used_are_told_of_by_line(tmp_path: Path) -> None:
    file = table(
        tmp_path,
        "path,speaker,emotion,arousal\n1.wav,a,angry,high\n2.wav,a,meh,\n,a,calm,low\n4.wav,,calm,low\n"
        "1.wav,b,calm,low\n6.wav,b,,\n7.wav,b,meh,\n8.wav,b,calm,loud\n",
    )
    told: list[str] = []
    clips = read_manifest(file, told.append)
    assert [c.path.name for c in clips] == ["1.wav", "8.wav"]
    assert clips[1].arousal is None
    assert told == [
        f"{file}:4: no path; this row is left out",
        f"{file}:5: no speaker; this row is left out",
        f"{file}:6: 1.wav stands in {file}:2 already; this row is left out",
        f"{file}:7: no label that says anything; this row is left out",
        told[4],
        told[5],
    ]
    assert told[4].startswith(f"{file}:3: unknown emotion 'meh' (2 rows say so); known are anger, happiness")
    assert told[5].startswith(f"{file}:9: unknown arousal 'loud' (one row says so); write high or low")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"path,emotion\n1.wav,angry\n", r"calls\.csv:1: columns missing: speaker; without speakers"),
        (b"path,speaker\n1.wav,a\n", r"columns missing: one of emotion arousal valence anger"),
        (b"path,speaker,emotion\n", r"no rows"),
        (b"", r"no rows"),
        (b"path,speaker,emotion\n1.wav,a,meh\n", r"no row can be used; labels are anger"),
        ("path,speaker,emotion\n1.wav,a,غضب\n".encode("cp1256"), r"calls\.csv:2: not UTF-8 text"),
        (b"\x00\x01\x02\xff\xfe", r"calls\.csv:1: not UTF-8"),
        (b'path,speaker,emotion\n"' + b"x" * 200_000, r"not a table"),
    ],
)
def test_what_is_no_manifest_says_why(content: bytes, said: str, tmp_path: Path) -> None:
    file = tmp_path / "calls.csv"
    file.write_bytes(content)
    with pytest.raises(CorpusError, match=said):
        read_manifest(file)


def test_a_manifest_that_is_not_there(tmp_path: Path) -> None:
    for missing in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(CorpusError, match=r"cannot be read \(No such file or directory\); name a table"):
            read_manifest(missing)


_WORDS = st.sampled_from(
    [
        "path", "speaker", "emotion", "anger", "fold", "angry", "غاضب", "calm", "1", "0.5", "nan", "a\\b.wav", '"',
        "\n", "\r", ",", ";", "\t", "\0", "\u2028", "x" * 300, "9" * 5000, "٣",
    ]
)  # fmt: skip
_ROWS = st.lists(st.lists(_WORDS, min_size=3, max_size=6).map(",".join), max_size=6).map("\n".join)


@given(st.one_of(st.binary(max_size=200), _ROWS.map(lambda rows: f"path,speaker,emotion,anger,fold\n{rows}".encode())))
@example(b"path,speaker,emotion,fold\n" + b"x" * 300 + b"\\a.wav,a,angry," + b"9" * 5000)
def test_any_table_is_read_or_refused_and_so_are_its_recordings(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.csv"
    file.write_bytes(content)
    with contextlib.suppress(CorpusError):
        for found in read_manifest(file):
            with pytest.raises(CorpusError, match=r"any\.csv:\d+: "):
                read_clip(found)


# -------------------------------------------------------------------------------------------- recordings


def recorded(folder: Path, name: str) -> Clip:
    return clip("a", 1.0, path=str(folder / name))


def test_recordings_of_any_rate_channels_and_format_are_heard(tmp_path: Path) -> None:
    pcm = reference.buzz(150.0, 1.0)
    write_wav(tmp_path / "8000.wav", pcm)
    wide = np.repeat(pcm, 6)
    soundfile.write(tmp_path / "48000.flac", np.stack((wide, wide), axis=1), 48000)
    for name in ("8000.wav", "48000.flac"):
        heard = read_clip(recorded(tmp_path, name))
        assert heard.dtype == np.int16
        assert len(heard) == pytest.approx(8000, abs=2), name


def test_damaged_recordings_are_left_out_and_named(tmp_path: Path) -> None:
    for name in ("1.wav", "2.wav", "3.wav", "4.wav", "5.wav"):
        write_wav(tmp_path / name, reference.buzz(150.0, 1.0))
    (tmp_path / "text.wav").write_text("this is text")
    write_wav(tmp_path / "short.wav", reference.buzz(150.0, 0.1))
    write_wav(tmp_path / "silent.wav", np.zeros(8000, np.int16))
    names = ["1.wav", "text.wav", "2.wav", "short.wav", "3.wav", "silent.wav", "4.wav", "gone.wav", "5.wav"]
    told: list[str] = []
    steps: list[tuple[str, int, int]] = []
    good = usable([recorded(tmp_path, name) for name in names], told.append, lambda *step: steps.append(step))
    assert [c.path.name for c in good] == ["1.wav", "2.wav", "3.wav", "4.wav", "5.wav"]
    assert [line.split(": ")[0] for line in told] == ["own/manifest.csv:2"] * 4
    assert ["text.wav" in told[0], "too short" in told[1], "silent" in told[2], "no such file" in told[3]] == [True] * 4
    assert steps[-1] == ("reading", 9, 9)


def test_where_most_are_missing_the_paths_are_wrong(tmp_path: Path) -> None:
    write_wav(tmp_path / "1.wav", reference.buzz(150.0, 1.0))
    clips = [recorded(tmp_path, name) for name in ("1.wav", "gone.wav", "too.wav")]
    with pytest.raises(CorpusError, match=r"manifest\.csv:2: .*gone\.wav.*2 of 3 .* relative to its own folder"):
        usable(clips, lambda _line: None)


# ----------------------------------------------------------------------------------------- what is enough


@pytest.mark.parametrize(
    ("clips", "said"),
    [
        ([], "0 speaker"),
        ([clip("a", 1.0), clip("a", 0.0)], r"own/manifest\.csv: 1 speaker; two or more"),
        ([clip("a", 1.0), clip("b", 1.0)], "no recording is labelled not angry"),
        ([clip("a", None), clip("b", 0.0)], "no recording is labelled angry"),
        ([clip("a", 1.0), clip("b", 0.0), clip("c", 0.0)], "only speaker own/a is angry"),
    ],
)
def test_too_little_to_learn_from(clips: list[Clip], said: str) -> None:
    with pytest.raises(CorpusError, match=said):
        check(clips)


def test_a_recording_that_is_named_twice_is_refused(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    table(tmp_path / "one", "path,speaker,emotion\n../1.wav,a,angry\n", "manifest.csv")
    table(tmp_path / "two", "path,speaker,emotion\n../2.wav,b,calm\n../one/../1.wav,b,calm\n", "manifest.csv")
    one, two = (read_manifest(tmp_path / name) for name in ("one", "two"))
    check_apart(one, two[:1])
    for clips, judged in (([*one, *two], []), (one, two)):
        with pytest.raises(CorpusError, match=r"two/manifest\.csv:3: 1\.wav stands in .*one/manifest\.csv:2 too"):
            check_apart(clips, judged)


def test_two_speakers_with_both_are_enough() -> None:
    clips = [clip(speaker, anger) for speaker in "ab" for anger in (0.0, 1.0)]
    check(clips)
    assert parts(clips) == ["speakers 1 of 2"] * 2 + ["speakers 2 of 2"] * 2


def test_corpora_are_parts_where_two_know_anger() -> None:
    clips = [clip("a", anger, corpus=corpus) for corpus in ("one", "two") for anger in (0.0, 1.0)]
    assert parts(clips) == ["one", "one", "two", "two"]
    calm = [clip("a", 0.0, corpus="three"), clip("b", 0.0, corpus="three")]
    assert parts([*clips, *calm])[-1] == "three"
    assert set(parts([*clips[:2], clip("b", 1.0, corpus="one"), clip("b", 0.0, corpus="one"), *calm])) == {
        "speakers 1 of 2",
        "speakers 2 of 2",
    }


def test_folds_are_parts_unless_they_tear_a_speaker() -> None:
    clips = [clip(s, anger, fold=fold) for s, fold in (("a", 0), ("b", 0), ("c", 1)) for anger in (0.0, 1.0)]
    assert parts(clips) == ["fold 0"] * 4 + ["fold 1"] * 2
    torn = [*clips, clip("c", 0.0, fold=0)]
    assert {part.split()[0] for part in parts(torn)} == {"speakers"}


def test_groups_of_speakers_share_anger_and_tear_nobody() -> None:
    rng = np.random.default_rng(3)
    clips = [clip(f"s{n}", float(k < rng.integers(0, 4))) for n in range(23) for k in range(6)]
    names = parts(clips)
    by_speaker = {(c.speaker, name) for c, name in zip(clips, names, strict=True)}
    assert len(by_speaker) == 23
    angry = [sum(c.anger == 1.0 for c, n in zip(clips, names, strict=True) if n == part) for part in set(names)]
    assert len(angry) == 5
    assert max(angry) - min(angry) <= 3
    assert parts(clips) == names


# ------------------------------------------------------------------------------------------------- cache


def test_what_is_kept_is_found_by_its_recipe_and_damage_is_not_believed(tmp_path: Path) -> None:
    pcm = reference.buzz(150.0, 0.2)
    name, arrays = digest(pcm), {"x": np.arange(5.0)}
    cache = Cache(tmp_path, "recipe")
    assert cache.get(name) is None
    cache.put(name, arrays)
    found = Cache(tmp_path, "recipe").get(name)
    assert found is not None
    np.testing.assert_array_equal(found["x"], arrays["x"])
    assert Cache(tmp_path, "another").get(name) is None
    assert cache.get(digest(pcm[1:])) is None
    (file,) = tmp_path.rglob("*.npz")
    for damage in (file.read_bytes()[:-9], b"", b"PK"):
        file.write_bytes(damage)
        assert cache.get(name) is None
    cache.put(name, arrays)
    assert cache.get(name) is not None
    assert os.listdir(file.parent) == [file.name]


def test_without_a_folder_nothing_is_kept() -> None:
    cache = Cache(None, "recipe")
    cache.put("ab", {"x": np.zeros(1)})
    assert cache.get("ab") is None
