"""What engines refuse before native code sees it, with words that say how to mend it."""

import json
from pathlib import Path

import pytest

from asr.engines import EngineKind, EngineSpec, create_engine
from asr.errors import EngineError, GrammarInvalid, ModelInvalid, ModelMissing, WireError
from asr.scripted_engine import ScriptedLine
from asr.vosk_engine import check_model_directory, grammar_json


def test_a_language_without_a_model_says_how_to_name_one() -> None:
    with pytest.raises(ModelMissing, match=r"English only, not 'ar'.*speech\.models\.ar"):
        create_engine(EngineSpec(EngineKind.MOONSHINE, "ar"))
    with pytest.raises(ModelMissing, match=r"needs the directory.*speech\.models\.ar"):
        create_engine(EngineSpec(EngineKind.VOSK, "ar"))


def test_a_vosk_directory_is_checked_part_by_part(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing):
        check_model_directory(tmp_path / "none")
    parts = ["am/final.mdl", "conf/mfcc.conf", "graph/HCLr.fst", "graph/Gr.fst"]
    for part in parts:
        with pytest.raises(ModelInvalid, match=r"is missing"):
            check_model_directory(tmp_path)
        (tmp_path / part).parent.mkdir(exist_ok=True)
        (tmp_path / part).write_bytes(b"x")
    check_model_directory(tmp_path)
    (tmp_path / parts[0]).write_bytes(b"")
    with pytest.raises(ModelInvalid, match="is empty"):
        check_model_directory(tmp_path)


def test_a_directory_above_the_model_is_pointed_down(tmp_path: Path) -> None:
    (tmp_path / "vosk-model-small" / "am").mkdir(parents=True)
    with pytest.raises(ModelInvalid, match=r"did you mean .*vosk-model-small"):
        check_model_directory(tmp_path)


@pytest.mark.parametrize("phrases", [(), ("",), ("  ",), ("x" * 300,), ("[unk]",), ("a\0b",)])
def test_a_grammar_that_would_crash_native_code_is_refused(phrases: tuple[str, ...]) -> None:
    with pytest.raises(GrammarInvalid):
        grammar_json(phrases)


def test_a_grammar_is_json_with_a_word_for_everything_else() -> None:
    assert json.loads(grammar_json(("where is  my order", "طلبي", "طلبي"))) == [
        "where is my order",
        "طلبي",
        "[unk]",
    ]


def test_the_embedded_engine_cannot_be_limited() -> None:
    with pytest.raises(EngineError, match="cannot be limited"):
        create_engine(EngineSpec(EngineKind.MOONSHINE, "en", phrases=("a",))).session(limited=True)


def test_a_description_comes_back_from_json() -> None:
    spec = EngineSpec(EngineKind.SCRIPTED, "ar", Path("x"), ("a",), (ScriptedLine(0.0, 1.0, "مرحبا"),))
    assert EngineSpec.from_json(spec.to_json()) == spec
    spec = EngineSpec(EngineKind.MOONSHINE, "en", final=spec, crowded=Path("small"), kept=Path("kept"))
    assert EngineSpec.from_json(spec.to_json()) == spec
    for text in ("", "{}", "[]", '{"kind": "none"}'):
        with pytest.raises(WireError):
            EngineSpec.from_json(text)
