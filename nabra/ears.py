"""What calls listen with: recognisers, the tone model and the sentence encoder."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from asr.decoder import Decoder, DecoderClient, InlineDecoder
from asr.endpoint import EndpointSettings
from asr.engine import Engine, Samples
from asr.engines import EngineKind, EngineSpec, create_engine
from asr.errors import ModelMissing
from asr.listener import ListenerSettings
from asr.phrases import words_of
from asr.whisper_engine import INSTALL, runtime_installed
from config.schema import Config, SpeechEngine, SpeechModel
from emotion import ToneModel, TrackerSettings
from emotion.model import at_prior
from nabra.sentence_encoder import encoder_for
from nabra.sentences import SentenceAsker, SentencesAtOnce
from nabra.state import recogniser_cache, state_dir
from nabra.tone_batches import ToneAsker, ToneAtOnce

log = logging.getLogger(__name__)


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
    sentences: SentenceAsker | None = None
    """Where the sentence encoder is asked; None where there is none."""
    too_busy: Callable[[], str] = lambda: ""
    """Why the machine has no time for tone just now; empty where it has."""

    def no_tone(self) -> str:
        """Return why the tone of a call that begins now cannot be heard; empty where it can."""
        return self.too_busy() or (self.tone.trouble if self.tone is not None else "")

    def no_sentences(self) -> str:
        """Return why no sentence encoder reads a call that begins now; empty where one does."""
        return "no sentence encoder is loaded" if self.sentences is None else self.sentences.trouble

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
    """Return the recogniser of each language that has one, without a second one that is not installed."""
    return {
        language: _spec(config, language, model)
        for language, model in config.speech.models.items()
        if model.engine is not SpeechEngine.NONE
    }


def _spec(config: Config, language: str, model: SpeechModel) -> EngineSpec:
    final = None
    if model.final is not None:
        if runtime_installed():
            final = EngineSpec(EngineKind(model.final.value), language, model.final_path)
        else:
            log.warning("calls in %s are heard without %s: %s", language, model.final.value, INSTALL)
    phrases = key_phrases(config, language)
    crowded = model.crowded if phrases else None
    kind = EngineKind(model.engine.value)
    kept = recogniser_cache(config.state_dir or state_dir())
    return EngineSpec(kind, language, model.path, phrases, final=final, crowded=crowded, kept=kept)


def key_phrases(config: Config, language: str) -> tuple[str, ...]:
    """Return what the intents of a language listen for: key phrases and hard words, none twice."""
    own = [intent for intent in config.intents.intents if intent.language == language]
    said = [phrase for intent in own for phrase in (*intent.hard_words, *intent.key_phrases)]
    return tuple(dict.fromkeys(said))


def unheard_words(config: Config, language: str, unknown_words: Collection[str]) -> list[tuple[str, str]]:
    """Return (path in the configuration, word) for each place of a word that a recogniser does not know.

    Parameters
    ----------
    config : as loaded.
    language : of the recogniser.
    unknown_words : as its facts name them.
    """
    unknown = set(unknown_words)
    found: list[tuple[str, str]] = []
    for intent in config.intents.intents:
        if intent.language == language:
            for name in ("key_phrases", "hard_words"):
                for i, phrase in enumerate(getattr(intent, name)):
                    place = f"intents.{language}.{intent.name}.{name}[{i}]"
                    found += [(place, word) for word in words_of(phrase) if word in unknown]
    return found


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
    encoder = encoder_for(config)
    return Ears(
        languages=frozenset(engines),
        decoder=decoder,
        listener=listener_settings(config),
        recogniser_id=lambda language: engines[language].facts.model_id if language in engines else "",
        tone=None if model is None else ToneAtOnce(model),
        sentences=None if encoder is None else SentencesAtOnce(encoder),
    )
