"""What calls listen with: recognisers and the tone model."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from asr.decoder import Decoder, DecoderClient, InlineDecoder
from asr.endpoint import EndpointSettings
from asr.engine import Engine, Samples
from asr.engines import EngineKind, EngineSpec, create_engine
from asr.errors import ModelMissing
from asr.listener import ListenerSettings
from config.schema import Config, SpeechEngine
from emotion import ToneModel, TrackerSettings
from emotion.model import at_prior
from nabra.tone_batches import ToneAsker, ToneAtOnce


@dataclass(frozen=True, slots=True)
class Ears:
    """What a call listens with; shared by all calls of a process."""

    languages: frozenset[str]
    """Languages that a recogniser is configured for."""
    decoder: Callable[[str, str], Decoder | None]
    """Given call and language: a recogniser's place, or None where there is none for this call."""
    listener: ListenerSettings
    recogniser_id: Callable[[str], str]
    """Given a language: name and digest of its recogniser's model, empty where there is none."""
    tone: ToneAsker | None
    """Where the tone model is asked; None where no call's tone is analysed."""
    too_busy: Callable[[], str] = lambda: ""
    """Why the machine has no time for tone just now; empty where it has."""

    def no_tone(self) -> str:
        """Return why the tone of a call that begins now cannot be heard; empty where it can."""
        return self.too_busy() or (self.tone.trouble if self.tone is not None else "")

    def models(self, language: str) -> dict[str, str]:
        """Return the ids of the models that listen to a call, for its record."""
        ids = {"recogniser": self.recogniser_id(language), "tone": self.tone.model.model_id if self.tone else ""}
        return {name: model_id for name, model_id in ids.items() if model_id}


class Deaf:
    """The place of a recogniser where there is none: voice activity goes on, words never come."""

    def attach(self, client: DecoderClient) -> None:
        """Nobody will be answered."""

    def begin(self, segment: int, start_s: float) -> None:
        """Not heard."""

    def feed(self, segment: int, pcm: Samples) -> None:
        """Not heard."""

    def ask(self, segment: int, request: int, final: bool) -> None:
        """Not answered."""

    def hurry(self, segment: int, request: int) -> None:
        """Nothing was asked for."""

    def recall(self, segment: int, request: int) -> None:
        """Nothing was asked for."""

    def end(self, segment: int) -> None:
        """Not heard."""

    def close(self) -> None:
        """Nothing to forget."""


def speech_specs(config: Config) -> Mapping[str, EngineSpec]:
    """Return the recogniser of each language that has one."""
    return {
        language: EngineSpec(EngineKind(model.engine.value), language, model.path)
        for language, model in config.speech.models.items()
        if model.engine is not SpeechEngine.NONE
    }


def listener_settings(config: Config) -> ListenerSettings:
    """Return when a phrase counts as paused and ended, and how often its words are asked for."""
    speech = config.speech
    endpoint = EndpointSettings(
        speculative_ms=speech.speculative_ms,
        endpoint_ms=speech.endpoint_ms,
        sure_ms=speech.endpoint_sure_ms,
        hesitation_ms=speech.endpoint_hesitation_ms,
    )
    return ListenerSettings(endpoint=endpoint, partial_every_ms=speech.partial_every_ms)


def tracker_settings(config: Config, model: ToneModel) -> TrackerSettings:
    """Return how much voice an estimate of tone needs, how many calls are taken to be angry, and what alarms."""
    tone = config.tone
    return TrackerSettings(
        min_voiced_s=tone.min_voiced_s,
        anger_prior=tone.anger_prior,
        # The tracker's threshold is on the model's own scale.
        alarm_at=at_prior(tone.angry_at, tone.anger_prior, model.prior),
    )


def tone_model(config: Config) -> ToneModel | None:
    """Load the tone model, or None where tone is switched off for the whole site."""
    if not config.tone.enabled:
        return None
    return ToneModel.load() if config.tone.model is None else ToneModel.load(config.tone.model)


def offline_recogniser(config: Config, language: str) -> Engine:
    """Return the recogniser of one language, loaded into this process.

    Raises
    ------
    AsrError
        The configuration has no recogniser for the language, or its model cannot be loaded.
    """
    specs = speech_specs(config)
    if language not in specs:
        raise ModelMissing(
            f"no recogniser for '{language}': name one under speech.models in {config.source or 'the config'}"
        )
    engine = create_engine(specs[language])
    engine.load()
    return engine


def offline_ears(config: Config, languages: Collection[str]) -> Ears:
    """Return ears that answer at once, in this process, for recordings in these languages.

    Raises
    ------
    AsrError, EmotionError
        A model cannot be loaded.
    """
    specs = speech_specs(config)
    engines = {language: offline_recogniser(config, language) for language in languages if language in specs}

    def decoder(_call: str, language: str) -> Decoder | None:
        engine = engines.get(language)
        return None if engine is None else InlineDecoder(engine)

    model = tone_model(config)
    return Ears(
        languages=frozenset(engines),
        decoder=decoder,
        listener=listener_settings(config),
        recogniser_id=lambda language: engines[language].facts.model_id if language in engines else "",
        tone=None if model is None else ToneAtOnce(model),
    )
