"""CPU of our layer over the bare engine: what voice activity, endpoints and partials cost, and what they save.

Bare is what a plain user of the engine writes, in one thread on the same audio. Moonshine: pieces of at most 15 s, the
words so far every 500 ms, the best words at the end of a piece. Vosk: its own loop, 20 ms at a time into
AcceptWaveform, PartialResult after each. Ours is a Listener in front of the same engine, in one thread too. The two
take turns, so that a machine that slows down slows both.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from asr.decoder import InlineDecoder
from asr.engine import Engine
from asr.engines import EngineKind, EngineSpec, create_engine
from asr.listener import Listener, ListenerSettings
from benchmarks.asr_audio import RATE_HZ, Samples
from benchmarks.asr_figures import Figure, Finding, of_mean
from telephony.audio import StreamResampler

_FRAME = 160
_PIECE_S = 15.0
_PARTIAL_EVERY_S = 0.5

Bare = Callable[[Samples], None]


def bare_pieces(engine: Engine) -> Bare:
    """Return a plain user's loop around an engine that decodes what it has kept: Moonshine."""

    def run(pcm: Samples) -> None:
        session = engine.session()
        upsampled = StreamResampler(RATE_HZ, engine.facts.native_rate_hz)
        fed_s = asked_s = 0.0
        for at in range(0, len(pcm), _FRAME):
            session.feed(upsampled.push(pcm[at : at + _FRAME]))
            fed_s += _FRAME / RATE_HZ
            if fed_s >= _PIECE_S:
                session.final()
                session.reset()
                fed_s = asked_s = 0.0
            elif fed_s - asked_s >= _PARTIAL_EVERY_S:
                session.partial()
                asked_s = fed_s
        session.final()
        session.close()

    return run


def bare_vosk(model_path: Path) -> Bare:
    """Return the loop of Vosk's own examples, on a model read by Vosk itself."""
    import vosk

    vosk.SetLogLevel(-1)
    model = vosk.Model(str(model_path))

    def run(pcm: Samples) -> None:
        recogniser = vosk.KaldiRecognizer(model, 16000.0)
        upsampled = StreamResampler(RATE_HZ, 16000)
        for at in range(0, len(pcm), _FRAME):
            if recogniser.AcceptWaveform(upsampled.push(pcm[at : at + _FRAME]).tobytes()):
                recogniser.Result()
            else:
                recogniser.PartialResult()
        recogniser.FinalResult()

    return run


def half_silence(pcm: Samples, seed: int = 3) -> Samples:
    """Return speech cut every 4 s, with 4 s of a faint line, -65 dBov, behind each piece."""
    rng = np.random.default_rng(seed)
    piece = 4 * RATE_HZ
    parts: list[Samples] = []
    for at in range(0, len(pcm), piece):
        speech = pcm[at : at + piece]
        quiet = rng.standard_normal(len(speech)) * 32767 * 10 ** (-65 / 20)
        parts += [speech, np.rint(quiet).astype(np.int16)]
    return np.concatenate(parts)


def ratios(bare: Bare, engine: Engine, pcm: Samples, repeats: int) -> tuple[list[float], list[float], list[float]]:
    """Return (ratio, our CPU seconds, bare CPU seconds) of each repeat; each goes first every other time."""
    ours_s: list[float] = []
    bare_s: list[float] = []

    def ours(pcm: Samples) -> None:
        listener = Listener(InlineDecoder(engine), ListenerSettings(), lambda event: None)
        for at in range(0, len(pcm), _FRAME):
            listener.push(pcm[at : at + _FRAME])
        listener.force_final()
        listener.close()

    turns = [(ours, ours_s), (bare, bare_s)]
    for number in range(repeats):
        for run, spent in turns if number % 2 else reversed(turns):
            began_s = time.thread_time()
            run(pcm)
            spent.append(time.thread_time() - began_s)
    return [our / plain for our, plain in zip(ours_s, bare_s, strict=True)], ours_s, bare_s


def layer_cost(spec: EngineSpec, speech: Samples, audio: str, *, seconds: float, repeats: int) -> list[Finding]:
    """Measure both kinds of audio on one engine.

    Parameters
    ----------
    spec : EngineSpec
        Moonshine or Vosk.
    speech, audio : samples, and what they are.
    seconds : float
        Of speech in one run.
    repeats : int
        Runs of each, at least two.
    """
    engine = create_engine(spec)
    engine.load()
    if spec.kind is EngineKind.VOSK:
        assert spec.model_path is not None
        bare = bare_vosk(spec.model_path)
    else:
        bare = bare_pieces(engine)
    speech = speech[: int(seconds * RATE_HZ)]
    found = []
    for kind, pcm, floor, aim in (
        ("continuous speech", speech, 1.15, 1.05),
        ("half silence", half_silence(speech), 1.0, 0.7),
    ):
        ratio, ours_s, bare_s = ratios(bare, engine, pcm, repeats)
        length_s = len(pcm) / RATE_HZ
        low, high = of_mean(ratio)
        figure = Figure("CPU over the bare engine", float(np.mean(ratio)), "x", floor, aim, low, high)
        note = (
            f"ours {np.mean(ours_s) / length_s:.4f}, bare {np.mean(bare_s) / length_s:.4f} CPU s per s of audio; "
            f"{repeats} runs of {length_s:.0f} s each, in turns"
        )
        stage = f"our layer on {engine.facts.name}, {kind}"
        found.append(Finding(stage, audio, engine.facts.model_id, repeats, (figure,), note))
    return found
