"""Makes an engine from a plain description that can be written down and sent to another process."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from asr.engine import Engine
from asr.errors import ModelMissing, WireError
from asr.moonshine_engine import MoonshineEngine
from asr.refined_engine import CrowdedEngine, RefinedEngine
from asr.scripted_engine import ScriptedEngine, ScriptedLine
from asr.vosk_engine import VoskEngine
from asr.whisper_engine import WhisperEngine


class EngineKind(StrEnum):
    """The engines there are."""

    MOONSHINE = "moonshine"
    VOSK = "vosk"
    WHISPER = "whisper"
    SCRIPTED = "scripted"


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """Which engine, on which model, for which language.

    Attributes
    ----------
    kind : EngineKind
        The engine.
    language : str
        Language code, such as ``en`` or ``ar``.
    model_path : Path or None
        Directory of the model; needed by Vosk, None for the embedded Moonshine.
    phrases : tuple of str
        The operator's key phrases, to which a session can be limited where the engine has a grammar.
    script : tuple of ScriptedLine
        What a scripted engine says.
    final : EngineSpec or None
        A slower engine that hears finals again, better; None for none.
    crowded : Path or None
        Directory of a small Vosk model that makes the sessions limited to key phrases, where the engine itself
        cannot.
    kept : Path or None
        Directory where what is made of a model is kept for the next process; None for nowhere. Moonshine uses it.
    """

    kind: EngineKind
    language: str
    model_path: Path | None = None
    phrases: tuple[str, ...] = ()
    script: tuple[ScriptedLine, ...] = ()
    final: "EngineSpec | None" = None
    crowded: Path | None = None
    kept: Path | None = None

    def to_json(self) -> str:
        """Return the description as one JSON object."""
        return json.dumps(asdict(self), ensure_ascii=False, default=str)

    @classmethod
    def from_json(cls, text: str) -> "EngineSpec":
        """Read a description; raises WireError where it is none."""
        try:
            return cls._from_plain(json.loads(text))
        except (ValueError, KeyError, TypeError) as problem:
            raise WireError(f"not the description of an engine: {text[:80]!r}") from problem

    @classmethod
    def _from_plain(cls, fields: Mapping[str, Any]) -> "EngineSpec":
        path, final, crowded, kept = (fields[name] for name in ("model_path", "final", "crowded", "kept"))
        return cls(
            EngineKind(fields["kind"]),
            str(fields["language"]),
            None if path is None else Path(path),
            tuple(str(phrase) for phrase in fields["phrases"]),
            tuple(ScriptedLine(**line) for line in fields["script"]),
            None if final is None else cls._from_plain(final),
            None if crowded is None else Path(crowded),
            None if kept is None else Path(kept),
        )


def create_engine(spec: EngineSpec) -> Engine:
    """Make an engine; its model is read by ``load()``.

    Parameters
    ----------
    spec : EngineSpec
        See there.

    Raises
    ------
    ModelMissing
        Where the language has no model, saying how to name one.
    ModelInvalid, GrammarInvalid, EngineError
        Where what was named cannot work.
    """
    engine = _plain_engine(spec)
    if spec.crowded is not None and not engine.facts.grammar:
        engine = CrowdedEngine(engine, VoskEngine(spec.crowded, spec.language, spec.phrases))
    return engine if spec.final is None else RefinedEngine(engine, create_engine(spec.final))


def _plain_engine(spec: EngineSpec) -> Engine:
    if spec.kind is EngineKind.SCRIPTED:
        return ScriptedEngine(spec.script, spec.language, spec.phrases)
    if spec.kind is EngineKind.WHISPER:
        return WhisperEngine(spec.model_path, spec.language)
    if spec.kind is EngineKind.MOONSHINE:
        if spec.language != "en":
            raise ModelMissing(
                f"the embedded recogniser understands English only, not {spec.language!r}: name the "
                f"directory of a Vosk model for it (config: speech.models.{spec.language}, engine and path)"
            )
        return MoonshineEngine(spec.model_path, spec.kept)
    if spec.model_path is None:
        raise ModelMissing(
            f"the Vosk engine for {spec.language!r} needs the directory of a model: unpack one from the Vosk "
            f"project's list of models and name it (config: speech.models.{spec.language}, path: ...)"
        )
    return VoskEngine(spec.model_path, spec.language, spec.phrases)
