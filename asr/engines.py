"""Makes an engine from a plain description that can be written down and sent to another process."""

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from asr.engine import Engine
from asr.errors import EngineError, ModelMissing, WireError
from asr.moonshine_engine import MoonshineEngine
from asr.scripted_engine import ScriptedEngine, ScriptedLine
from asr.vosk_engine import VoskEngine


class EngineKind(StrEnum):
    """The engines there are."""

    MOONSHINE = "moonshine"
    VOSK = "vosk"
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
    grammar : tuple of str
        Phrases that recognition is limited to (Vosk); empty for none.
    script : tuple of ScriptedLine
        What a scripted engine says.
    """

    kind: EngineKind
    language: str
    model_path: Path | None = None
    grammar: tuple[str, ...] = ()
    script: tuple[ScriptedLine, ...] = ()

    def to_json(self) -> str:
        """Return the description as one JSON object."""
        fields = asdict(self)
        fields["model_path"] = None if self.model_path is None else str(self.model_path)
        return json.dumps(fields, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "EngineSpec":
        """Read a description; raises WireError where it is none."""
        try:
            fields = json.loads(text)
            path = fields["model_path"]
            return cls(
                EngineKind(fields["kind"]),
                str(fields["language"]),
                None if path is None else Path(path),
                tuple(str(phrase) for phrase in fields["grammar"]),
                tuple(ScriptedLine(**line) for line in fields["script"]),
            )
        except (ValueError, KeyError, TypeError) as problem:
            raise WireError(f"not the description of an engine: {text[:80]!r}") from problem


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
    if spec.kind is EngineKind.SCRIPTED:
        return ScriptedEngine(spec.script, spec.language)
    if spec.kind is EngineKind.MOONSHINE:
        if spec.language != "en":
            raise ModelMissing(
                f"the embedded recogniser understands English only, not {spec.language!r}: name the "
                f"directory of a Vosk model for it (config: speech.models.{spec.language}, engine and path)"
            )
        if spec.grammar:
            raise EngineError("the embedded recogniser takes no grammar: use a Vosk model, or leave it out")
        return MoonshineEngine(spec.model_path)
    if spec.model_path is None:
        raise ModelMissing(
            f"the Vosk engine for {spec.language!r} needs the directory of a model: unpack one from the Vosk "
            f"project's list of models and name it (config: speech.models.{spec.language}, path: ...)"
        )
    return VoskEngine(spec.model_path, spec.language, spec.grammar)
