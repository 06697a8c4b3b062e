"""Two engines behind the face of one: the second hears finals again, or makes the sessions for a crowd."""

from dataclasses import replace

from asr.engine import Engine, EngineFacts, EngineSession, Hypothesis, Samples
from asr.errors import EngineError, SessionClosed


def _same_rate(one: EngineFacts, other: EngineFacts) -> None:
    if one.native_rate_hz != other.native_rate_hz:
        raise EngineError(
            f"{one.name} takes {one.native_rate_hz} Hz and {other.name} {other.native_rate_hz} Hz: "
            "two engines behind one session must take the same"
        )


class RefinedEngine:
    """Partials of one engine, finals of another that is slower and better.

    A final that the second engine doubts, or fails on, is the first one's. Where the second hears nobody speak,
    there are no words: engines seldom invent the same ones.

    Parameters
    ----------
    partials, finals : Engine
        For the same rate of samples.

    Raises
    ------
    EngineError
        Where they take samples of different rates.
    """

    def __init__(self, partials: Engine, finals: Engine) -> None:
        first, second = partials.facts, finals.facts
        _same_rate(first, second)
        self._partials, self._finals = partials, finals

    @property
    def facts(self) -> EngineFacts:
        """What both are and can do together."""
        first, second = self._partials.facts, self._finals.facts
        return replace(
            first,
            name=f"{first.name}+{second.name}",
            model_id=f"{first.model_id}+{second.model_id}",
            confidences=first.confidences and second.confidences,
        )

    def load(self) -> None:
        """Read and warm both models."""
        self._partials.load()
        self._finals.load()

    def session(self, limited: bool = False) -> EngineSession:
        """Make one caller's decoder; limited to key phrases, it is the first engine's alone."""
        if limited:
            return self._partials.session(limited=True)
        return _RefinedSession(self._partials.session(), self._finals.session())


class _RefinedSession:
    def __init__(self, partials: EngineSession, finals: EngineSession) -> None:
        self._partials, self._finals = partials, finals

    def feed(self, pcm: Samples) -> None:
        self._partials.feed(pcm)
        self._finals.feed(pcm)

    def partial(self) -> Hypothesis:
        return self._partials.partial()

    def final(self, quick: bool = False) -> Hypothesis:
        if quick:
            return self._partials.final(quick=True)
        try:
            better = self._finals.final()
        except SessionClosed:
            raise
        except EngineError:
            return self._partials.final()
        return self._partials.final() if better.doubted else better

    def reset(self, start_s: float = 0.0) -> None:
        self._partials.reset(start_s)
        self._finals.reset(start_s)

    def close(self) -> None:
        self._partials.close()
        self._finals.close()


class CrowdedEngine:
    """An engine, and another whose sessions, limited to key phrases, stand in for it where the machine is full.

    Parameters
    ----------
    full : Engine
        Makes ordinary sessions.
    phrases : Engine
        Makes limited ones; has key phrases and takes the same rate of samples.

    Raises
    ------
    EngineError
        Where the second cannot be limited, or their rates differ.
    """

    def __init__(self, full: Engine, phrases: Engine) -> None:
        if not phrases.facts.grammar:
            raise EngineError(f"{phrases.facts.model_id} cannot be limited to key phrases, or there are none")
        _same_rate(full.facts, phrases.facts)
        self._full, self._phrases = full, phrases

    @property
    def facts(self) -> EngineFacts:
        """What the first is and can do, with the second's key phrases."""
        second = self._phrases.facts
        return replace(
            self._full.facts,
            model_id=f"{self._full.facts.model_id}/{second.model_id}",
            grammar=second.grammar,
            unknown_words=second.unknown_words,
        )

    def load(self) -> None:
        """Read and warm both models."""
        self._full.load()
        self._phrases.load()

    def session(self, limited: bool = False) -> EngineSession:
        """Make one caller's decoder."""
        return (self._phrases if limited else self._full).session(limited=limited)
