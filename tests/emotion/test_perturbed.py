"""Figures per perturbation: the right pairs are compared, intervals are about speakers, and the table says it all."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from emotion import TrackerSettings, trace
from emotion.errors import CorpusError
from emotion.model import ToneModel
from emotion.training import lines, perturbed
from emotion.training.manifest import Clip, read_manifest
from telephony.audio import read_audio, write_wav
from tests.emotion import reference

# The model that ships finds such voices unfamiliar; what it says of them is not the point here.
ALWAYS = TrackerSettings(min_familiarity=0.0)


def clip(path: Path, speaker: str, anger: float | None) -> Clip:
    emotion = {1.0: "anger", 0.0: "calm", None: ""}[anger]
    return Clip(path, "own", f"own/{speaker}", emotion, "ours", anger, anger, None)


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Clip]:
    """Three people, each angry once and calm twice, in voices made by computing, and one without a label."""
    folder = tmp_path_factory.mktemp("own")
    made = []
    t = np.arange(20000) / 8000
    for person in range(3):
        for anger, restless in ((1.0, 60.0), (0.0, 18.0), (0.0, 25.0)):
            hz = 120.0 + 10.0 * person + restless * (1.0 + np.sin(7.0 * t + person + restless))
            syllables = np.abs(np.sin(9.0 * t)) + 0.01
            path = folder / f"{person}-{restless:.0f}.wav"
            write_wav(path, (syllables * reference.buzz(hz, 2.5)).astype(np.int16))
            made.append(clip(path, str(person), anger))
    return [*made, clip(folder / "unlabelled.wav", "9", None)]


@pytest.fixture(scope="session")
def figures(clips: list[Clip]) -> dict[str, object]:
    return perturbed.perturbation_figures(ToneModel.load(), clips, per_corpus=9, seed=1, settings=ALWAYS)


def test_every_perturbation_has_its_entry_or_its_reason(figures: dict[str, object]) -> None:
    found, left_out = figures["perturbed"], figures["left_out"]
    assert isinstance(found, dict)
    assert isinstance(left_out, dict)
    assert set(found) | set(left_out) == {p.name for p in perturbed.PERTURBATIONS}
    assert set(left_out) == {p.name for p in perturbed.PERTURBATIONS if p.codec and lines.missing_codec(p.codec)}
    assert (figures["clips"], figures["angry"], figures["speakers"]) == (9, 3, 3)
    for entry in found.values():
        for share in (*entry["alarmed_not_angry"], *entry["alarmed_angry"], *entry["silent"]):
            assert 0.0 <= share <= 1.0


def test_what_changes_nothing_shifts_nothing(figures: dict[str, dict[str, dict[str, object]]]) -> None:
    """The recordings are of values that mu-law has: mu-law again is the same bits."""
    entry = figures["perturbed"]["mu-law"]
    assert entry["shift_log_odds"] == 0.0
    assert entry["shift_log_odds_95"] == [0.0, 0.0]
    assert entry["auc_change_95"] == [0.0, 0.0]
    assert figures["perturbed"]["loud voice"]["shift_log_odds"] != 0.0


def test_the_same_seed_gives_the_same_figures(
    figures: dict[str, object], clips: list[Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = [p for p in perturbed.PERTURBATIONS if p.name in {"12 dB softer", "babble, 10 dB"}]
    monkeypatch.setattr(perturbed, "PERTURBATIONS", drawn)
    first, again = (perturbed.perturbation_figures(ToneModel.load(), clips, per_corpus=9, seed=4) for _ in range(2))
    assert first == again
    assert set(first["perturbed"]) == {p.name for p in drawn}


def test_the_figures_are_plain_and_the_table_has_a_row_for_each(figures: dict[str, dict[str, object]]) -> None:
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures
    table = perturbed.perturbation_table(figures)
    for perturbation in perturbed.PERTURBATIONS:
        assert f"| {perturbation.name} | " in table
        if perturbation.name in figures["perturbed"]:
            assert perturbation.what in table
    for name in figures["sounds"]:
        assert f"| {name} | " in table
    widths = {line.count("|") for line in table.split("\n\n")[1].splitlines()}
    assert len(widths) == 1


def test_a_missing_codec_or_prompt_is_left_out_with_the_reason(
    clips: list[Clip], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = [p for p in perturbed.PERTURBATIONS if p.name in {"GSM 06.10", "our prompt, 10 dB under", "A-law"}]
    monkeypatch.setattr(perturbed, "PERTURBATIONS", some)
    monkeypatch.setattr(lines, "missing_codec", lambda name: f"no {name} here")
    found = perturbed.perturbation_figures(ToneModel.load(), clips, per_corpus=6, seed=1, prompts=tmp_path)
    assert set(found["perturbed"]) == {"A-law"}
    assert found["left_out"]["GSM 06.10"] == "no gsm here"
    assert "prompt" in found["left_out"]["our prompt, 10 dB under"]
    assert "not measured: no gsm here" in perturbed.perturbation_table(found)


def test_signals_are_not_taken_for_a_caller(figures: dict[str, dict[str, dict[str, float]]]) -> None:
    for name in ("white noise", "pink noise", "key tones", "ringback (Europe)", "busy (Europe)"):
        assert figures["sounds"][name]["usable_share"] == 0.0, name
    assert any(name.startswith("our prompt") for name in figures["sounds"])


def test_clips_without_both_classes_are_refused(clips: list[Clip]) -> None:
    with pytest.raises(CorpusError, match="angry"):
        perturbed.perturbation_figures(ToneModel.load(), [c for c in clips if c.anger != 1.0], seed=1)


def test_what_cannot_be_read_is_named(clips: list[Clip], tmp_path: Path) -> None:
    (tmp_path / "ask.wav").write_bytes(b"no sound")
    with pytest.raises(CorpusError, match=r"ask\.wav"):
        perturbed.perturbation_figures(ToneModel.load(), clips, seed=1, prompts=tmp_path)
    gone = clip(tmp_path / "gone.wav", "0", 1.0)
    with pytest.raises(CorpusError, match=r"gone\.wav"):
        perturbed.perturbation_figures(ToneModel.load(), [gone, *clips], seed=1)


def test_speakers_take_turns() -> None:
    many = [clip(Path(f"a{n}"), "a", 0.0) for n in range(50)]
    few = [clip(Path("b0"), "b", 0.0), clip(Path("c0"), "c", 0.0), clip(Path("d0"), "d", 1.0)]
    chosen = perturbed._chosen([*many, *few], per_corpus=6, seed=2)
    assert sorted(c.speaker for c in chosen) == ["own/a", "own/a", "own/b", "own/c", "own/d"]


def test_flags_are_raised_where_there_is_sound() -> None:
    voice = reference.buzz(150.0, 1.0)
    gap = np.zeros(4000, dtype=np.int16)
    pcm = np.concatenate((gap, voice, gap))
    for recording in (pcm, lines.with_noise(pcm, np.random.default_rng(1), 15.0), lines.level(pcm, -20.0)):
        found = np.array(perturbed.flags(recording))
        assert len(found) == len(pcm) // 160
        assert found[25:80].mean() > 0.95
        assert found[:24].mean() < 0.05
        assert found[81:].mean() < 0.05
    assert perturbed.flags(np.zeros(0, np.int16)) == []
    assert len(perturbed.flags(pcm[:161])) == 2


def test_the_shift_is_that_of_the_estimates_themselves(
    clips: list[Clip], figures: dict[str, dict[str, dict[str, object]]], model: ToneModel
) -> None:
    shifts = []
    for one in clips[:9]:
        if one.anger == 0.0:
            before, after = np.zeros(4000, dtype=np.int16), np.zeros(2400, dtype=np.int16)
            pcm = np.concatenate((before, read_audio(one.path), after))
            newest = []
            for recording in (pcm, lines.mulaw(lines.tilt(pcm, 3.0))):
                usable = [e for e in trace(recording, perturbed.flags(recording), model, ALWAYS) if not e.abstained]
                newest.append(usable[-1].anger)
            shifts.append(newest[1] - newest[0])
    assert len(shifts) == 6
    assert figures["perturbed"]["bright"]["shift_probability"] == pytest.approx(np.mean(shifts), abs=1e-9)


def test_loud_recordings_are_not_angry_ones(corpora: Path, model: ToneModel, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = [p for p in perturbed.PERTURBATIONS if p.name in {"12 dB softer", "12 dB louder", "A-law"}]
    monkeypatch.setattr(perturbed, "PERTURBATIONS", kept)
    own = read_manifest(corpora / "emotion" / "emodb")
    found = perturbed.perturbation_figures(model, own, per_corpus=24, seed=1)
    for name, entry in found["perturbed"].items():
        assert abs(entry["shift_probability"]) < 0.05, name
        assert entry["auc"][1] > 0.8, name
