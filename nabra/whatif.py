"""Past calls decided again under another configuration: what is read, by which process, and what is kept of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from asr.completeness import Ending, ending
from asr.endpoint import Patience
from config.loader import SHIPPED, load
from config.schema import Config
from nabra.ears import listener_settings
from nabra.errors import NabraError
from nabra.generations import fit
from nabra.sentence_encoder import encoder_for
from nabra.sentences import encoded
from router.generation import Generation
from router.recorded import RecordLine
from router.redact import MASK
from router.replay import Silence, WhatIf
from router.rereading import REMEMBERED_TEXTS
from router.resentenced import Read
from router.tally import Tally
from router.whatif import compare, to_row

CONFIG_NAME = "nabra.yaml"


def config_file(path: Path | None) -> Path:
    """Return the file that is meant: itself, the `nabra.yaml` of a folder, or the shipped one.

    Raises
    ------
    NabraError
        A folder has no nabra.yaml.
    """
    if path is None:
        return SHIPPED
    if not path.is_dir():
        return path
    if not (path / CONFIG_NAME).exists():
        raise NabraError(f"{path} holds no {CONFIG_NAME}")
    return path / CONFIG_NAME


def loaded(path: Path) -> Generation:
    """Return the generation of a configuration; its intents are fitted once, and then found by every process.

    Raises
    ------
    ConfigError, RouterError
    """
    config: Config = load(path)
    return fit(config, 1)


def silence_of(config: Config) -> Silence:
    """Return how long a live call under this configuration waits out a silence, as `nabra.call.Call` has it."""
    settings = listener_settings(config).endpoint

    def waits_s(text: str, language: str, sure: bool) -> float:
        # What is redacted on the record were digits, which a live call still saw.
        end = ending(text.replace(MASK, "0"), language)
        short = Patience.SHORT if end is Ending.FINISHED and sure else Patience.NORMAL
        return settings.silence_ms(Patience.LONG if end is Ending.HESITANT else short) / 1000

    return waits_s


def reader_of(generation: Generation) -> Read | None:
    """Return what reads recorded words by a generation's sentence encoder, each text once; None for words alone."""
    encoder = encoder_for(generation.config)
    if encoder is None or not any(map(generation.encoder_of, generation.config.languages)):
        return None

    @lru_cache(maxsize=REMEMBERED_TEXTS)
    def read(text: str, language: str) -> Mapping[str, float]:
        return generation.scores(encoded(encoder, (text,))[0], language)

    return read


def what_if(path: Path) -> WhatIf:
    """Return what decides calls again under a configuration.

    Raises
    ------
    ConfigError, RouterError
    """
    generation = loaded(path)
    return WhatIf(generation, silence_of(generation.config), brief=True, read=reader_of(generation))


@dataclass(slots=True)
class Results:
    """What one piece of the records came to: its calls counted, and those of them that are asked for as rows."""

    tally: Tally = field(default_factory=Tally)
    rows: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class DecideAgain:
    """Work for `nabra.record_files`: decide records again, or take what was decided before (`to_row`'s lines).

    Attributes
    ----------
    config : the configuration to decide under.
    rows : calls to keep as rows: "all", "changed" (and unknown), or "none".
    """

    config: Path
    rows: str = "none"

    def reader(self) -> DecidesAgain:
        """Load the configuration into this process."""
        return DecidesAgain(what_if(self.config), self.rows)


class DecidesAgain:
    """Reader of records that decides them again."""

    def __init__(self, whatif: WhatIf, rows: str) -> None:
        self._whatif = whatif
        self._rows = rows
        self._results = Results()

    def take(self, value: Mapping[str, Any] | RecordLine) -> bool:
        """Decide one record again; False where the line is none."""
        if not isinstance(value, RecordLine) and value.get("kind") != "decision":
            return False
        compared = compare(self._whatif.decide(value))
        self._results.tally.add(compared)
        if self._rows == "all" or (self._rows == "changed" and (compared.changes or compared.now is None)):
            self._results.rows.append(to_row(compared))
        return True

    def found(self) -> Results:
        """Return what there is since the last time."""
        results, self._results = self._results, Results()
        return results
