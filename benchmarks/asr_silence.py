"""Words where nobody speaks, and speech that nobody hears.

A word is invented where a listener tells it, as a final or only as a partial, on a sound without speech in it. Speech
is missed where less than half of it is fed to a recogniser.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from asr.decoder import DecoderClient, InlineDecoder
from asr.engine import Engine, Samples
from asr.events import Final, Partial, SpeechEvent, SpeechStarted
from asr.listener import Listener, ListenerSettings
from benchmarks.asr_audio import RATE_HZ, Utterance, in_noise
from benchmarks.asr_figures import Figure, Finding
from benchmarks.asr_words import words_of
from nabra.ears import Deaf

_FRAME = 160


class Fed(Deaf):
    """Keeps which stretches of the call a recogniser would have been fed, and answers nothing."""

    def __init__(self) -> None:
        self.stretches: list[list[float]] = []

    def attach(self, client: DecoderClient) -> None:
        """Nobody will be answered."""

    def begin(self, segment: int, start_s: float) -> None:
        """Open a stretch."""
        self.stretches.append([start_s, start_s])

    def feed(self, segment: int, pcm: Samples) -> None:
        """Let it grow."""
        self.stretches[-1][1] += len(pcm) / RATE_HZ

    def share(self, start_s: float, end_s: float) -> float:
        """Return how much of the time between two audio times was fed, 0..1."""
        inside = sum(max(0.0, min(end, end_s) - max(start, start_s)) for start, end in self.stretches)
        return inside / (end_s - start_s) if end_s > start_s else 1.0


def invented(engine: Engine, pcm: Samples, settings: ListenerSettings | None = None) -> tuple[list[str], int]:
    """Return the words that a call hears in a sound, and how often somebody seemed to speak."""
    words: list[str] = []
    seen: list[int] = []
    running: list[str] = []

    def hear(event: SpeechEvent) -> None:
        nonlocal running
        if isinstance(event, Partial):
            running = _longer(running, event.text)
        elif isinstance(event, Final):
            words.extend(_longer(running, event.text))
            running = []
        elif isinstance(event, SpeechStarted):
            seen.append(1)

    listener = Listener(InlineDecoder(engine), settings or ListenerSettings(), hear)
    for at in range(0, len(pcm), _FRAME):
        listener.push(pcm[at : at + _FRAME])
    listener.force_final()
    listener.close()
    return words + running, len(seen)


def _longer(words: list[str], text: str) -> list[str]:
    others = words_of(text)
    return others if len(others) > len(words) else words


def words_invented(engine: Engine, kinds: Iterable[tuple[str, Samples]], seconds: float) -> Finding:
    """Count the words that an engine behind our layer hears in each kind of sound.

    Parameters
    ----------
    engine : Engine
        Loaded or not.
    kinds : of (name, samples).
    seconds : float
        Length of each kind.
    """
    told: list[str] = []
    total = count = 0
    for kind, pcm in kinds:
        words, starts = invented(engine, pcm)
        total += len(words)
        count += 1
        most = f" ({', '.join(word for word, _ in Counter(words).most_common(3))})" if words else ""
        told.append(f"{kind} {len(words)}{most}, {starts} starts of speech")
    figures = (Figure("words invented", float(total), "words", 0, 0),)
    note = f"{'; '.join(told)}; finals, and partials that were longer than their final"
    audio = f"{count} kinds of sound, computed, {seconds / 60:.3g} minutes of each, G.711"
    return Finding("words where nobody speaks", audio, engine.facts.model_id, count, figures, note)


def missed(utterance: Utterance, snr_db: float | None, seed: int) -> bool:
    """Whether less than half of an utterance's speech, on a line with noise, is fed to a recogniser."""
    fed = Fed()
    listener = Listener(fed, ListenerSettings(), lambda event: None)
    listener.push(in_noise(utterance, snr_db, seed))
    listener.close()
    return fed.share(1.0 + utterance.start_s, 1.0 + utterance.end_s) < 0.5


def speech_missed(corpora: Mapping[str, Sequence[Utterance]], snrs_db: Sequence[float | None]) -> Finding:
    """Count the utterances of which voice activity lets less than half through.

    Parameters
    ----------
    corpora : mapping of str to utterances
        By name.
    snrs_db : of the lines' noise, dB; None for a line without.
    """
    told: list[str] = []
    all_of_them: list[bool] = []
    for name, utterances in corpora.items():
        for snr_db in snrs_db:
            here = [missed(one, snr_db, seed) for seed, one in enumerate(utterances)]
            all_of_them += here
            line = "no noise" if snr_db is None else f"{snr_db:g} dB"
            told.append(f"{name}, {line}: {sum(here)} of {len(here)}")
    value = 100 * float(np.mean(all_of_them)) if all_of_them else None
    figures = (Figure("speech segments missed", value, "%", 2, 1),)
    note = f"{'; '.join(told)}; a second of the same line before and behind each, -26 dBov"
    audio = f"{', '.join(corpora)}, through a telephone channel, with white noise in its band"
    return Finding("speech segments missed", audio, "silero_vad, with its gate", len(all_of_them), figures, note)
