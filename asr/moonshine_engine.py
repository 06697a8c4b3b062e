"""Moonshine English on onnxruntime, with a model that an installed package carries.

Two packages carry one: moonshine-cpp 0.1.4 the base model (61 million weights), moonshine-voice 0.1.0 the tiny one (27
million). The base model is used where it is there: it gets a third fewer words wrong. Neither package's own library is
loaded: they run onnxruntime with a spinning thread per core, keep no token probabilities and have a voice activity of
their own. The networks are rebuilt (see moonshine_graph) and run with one thread.

Decoding is greedy, cut off at a rate of words that nobody speaks. A session keeps the tokens of its latest text and
lets the decoder check them as a guess in one run, so that a text costs steps only for what is new in it (rows that are
run together are rounded together: a comma may come out as a full stop). Where nothing was fed since, the latest text is
given again. Each word comes with the chance that it is right (see confidence).

Source: Jeffries et al., "Moonshine: Speech Recognition for Live Transcription and Voice Commands", 2024.
"""

import hashlib
import importlib.util
import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from asr.confidence import Calibration, shipped_calibration
from asr.engine import MAX_SEGMENT_S, EngineFacts, EngineSession, Hypothesis, Samples, Word, checked, refuse_limited
from asr.errors import EngineError, ModelInvalid, ModelMissing, SessionClosed
from asr.moonshine_cache import graphs_of
from asr.moonshine_graph import NETWORKS, Graphs, frames_of, model_file
from asr.runtime import one_thread_session

RATE_HZ = 16_000
# Shorter input makes the first convolutions fail. Silence around the segment helps with the first and the last word of
# a sentence: 12.0 % of words wrong without it, 11.5 % with it, more does not help.
_PAD_S = 0.25
# The chance that the decoder ends before any word is its opinion that nobody speaks. With silence around it comes to
# this too often: 11 of 30 words on their own, long readings. Without, 66 pieces of noise, tones and music got 0.77 and
# more, speech 0.55 in most places. So from the first limit on it is asked again without, and believed from the second
# on, unless it has a sentence to give all the same: of a reading cut into 260 pieces of 5 and 9 s three got over 0.7,
# with 15 words and more of a mean chance of 0.78 and more; noise, tones and music give one or two, of less than 0.2,
# and a segment of zeros, which no line sends, a line of a song of about 0.5.
_DOUBT_FROM = 0.2
_NOBODY_FROM = 0.7
_SENTENCE_WORDS = 4
_SENTENCE_CHANCE = 0.7
_SHORTEST_S = 0.5
# A decoder that loops on noise is stopped: 6.5 tokens a second is the rate the authors use.
_TOKENS_PER_S = 6.5
_FEWEST_TOKENS = 8
_START, _END = 1, 2
_SPACE = "\u2581".encode()
# Tokens of an older text that are checked at once, after the first check has failed somewhere.
_LOOKED_UP = 12
_FIRST_ROOM_S = 4.0

_Array = npt.NDArray[np.float32]


def embedded_model() -> Path:
    """Directory of the tiny model inside its installed package, found without importing it.

    Raises
    ------
    ModelMissing
        Where the package, or the model in it, is not installed.
    """
    found = _in_package("moonshine_voice", "assets/tiny-en")
    if found is None:
        raise ModelMissing(
            "the embedded English model is not installed: run `pip install moonshine-voice==0.1.0` "
            "(later versions download their model and do not carry it)"
        )
    return found


def best_model() -> Path:
    """Directory of the best model that an installed package carries; raises ModelMissing where there is none."""
    return _in_package("moonshine_cpp", "models/base-en") or embedded_model()


def _in_package(package: str, folder: str) -> Path | None:
    found = importlib.util.find_spec(package)
    for place in (found.submodule_search_locations if found is not None else None) or ():
        if (Path(place) / folder).is_dir():
            return Path(place) / folder
    return None


def read_tokens(data: bytes) -> list[bytes]:
    """Split a Moonshine vocabulary file into its tokens.

    Each token is its length (one byte, or two base-128 digits, low first, the first with its high bit set)
    and its bytes.
    Raises ModelInvalid where the file ends inside a token.
    """
    tokens: list[bytes] = []
    at = 0
    while at < len(data):
        size = data[at]
        at += 1
        if size >= 128 and at < len(data):
            size = size - 128 + data[at] * 128
            at += 1
        if at + size > len(data):
            raise ModelInvalid("the vocabulary file is cut off; install the package of the model again")
        tokens.append(data[at : at + size])
        at += size
    return tokens


@dataclass(frozen=True, slots=True)
class Spoken:
    """What the decoder made of a segment.

    Attributes
    ----------
    tokens : tuple of int
        Without start and end.
    scores : tuple of float
        Natural logarithm of each token's probability.
    words : tuple of (str, tuple of float)
        Each word with the scores of its tokens.
    seconds : float
        Length of the segment, s.
    nobody : float
        Chance that nobody speaks in it, by the decoder's own estimate.
    """

    tokens: tuple[int, ...]
    scores: tuple[float, ...]
    words: tuple[tuple[str, tuple[float, ...]], ...]
    seconds: float
    nobody: float


class MoonshineEngine:
    """The embedded English recogniser.

    Parameters
    ----------
    model_path : Path or None
        Directory with encoder_model and decoder_model_merged (.ort or .onnx) and tokenizer.bin; None for the best
        one that an installed package carries.
    kept : Path or None
        Directory where the rebuilt networks are kept for the next process (see moonshine_cache); None for nowhere.

    Raises
    ------
    ModelMissing
        Where there is no such directory or a file of it is missing.
    """

    def __init__(self, model_path: Path | None = None, kept: Path | None = None) -> None:
        self._path = best_model() if model_path is None else model_path
        self._kept = kept
        encoder, _ = (model_file(self._path, name) for name in NETWORKS)
        if not (self._path / "tokenizer.bin").is_file():
            raise ModelMissing(f"{self._path} is not a Moonshine model: it has no tokenizer.bin")
        digest = hashlib.sha256(encoder.read_bytes()).hexdigest()[:12]
        model_id = f"moonshine-{self._path.name}-{digest}"
        self._calibration = shipped_calibration(model_id)
        self._facts = EngineFacts(
            name="moonshine",
            native_rate_hz=RATE_HZ,
            languages=("en",),
            partials=True,
            confidences=self._calibration is not None,
            streaming=False,
            model_id=model_id,
        )
        self._networks: Networks | None = None

    @property
    def facts(self) -> EngineFacts:
        """What it is and can do."""
        return self._facts

    def load(self) -> None:
        """Read both networks and run them once."""
        if self._networks is None:
            networks = Networks(self._path, self._kept)
            networks.listen(np.zeros(RATE_HZ, np.float32))
            self._networks = networks

    def session(self, limited: bool = False) -> EngineSession:
        """Make one caller's decoder."""
        if limited:
            refuse_limited(self._facts)
        self.load()
        assert self._networks is not None
        return _Session(self._networks, self._calibration)


class Networks:
    """Encoder, decoder and vocabulary of a model directory; stateless between calls."""

    def __init__(self, path: Path, kept: Path | None = None) -> None:
        try:
            graphs = graphs_of(path, kept)
            self._encoder = one_thread_session(graphs.encoder)
            self._decoder = one_thread_session(graphs.decoder)
        except (ModelInvalid, ModelMissing):
            raise
        except Exception as problem:
            raise ModelInvalid(f"onnxruntime cannot read the model in {path}: {problem}") from problem
        self._tokens = read_tokens((path / "tokenizer.bin").read_bytes())
        self._table, self._scale, self._offset = graphs.embedding, np.float32(graphs.scale), np.float32(graphs.offset)
        self._heard = [output.name for output in self._encoder.get_outputs()]
        self._past = [f"past.{n}.{part}" for n in range(graphs.layers) for part in ("key", "value")]
        self._present = [name.replace("past", "present") for name in self._past]
        self._nothing = _no_past(graphs)

    def transcribe(self, samples: Samples, guess: Sequence[int] = ()) -> Spoken:
        """Transcribe a segment of int16 samples at 16 kHz, shape (n,); see :meth:`listen` for the rest."""
        spoken = self.listen(padded(samples, _PAD_S), guess, _DOUBT_FROM)
        if spoken.nobody < _DOUBT_FROM:
            return spoken
        heard = self.listen(padded(samples, 0.0), guess, math.inf)
        if heard.nobody < _NOBODY_FROM or _is_sentence(heard):
            return heard
        return Spoken((), (), (), heard.seconds, heard.nobody)

    def listen(self, audio: _Array, guess: Sequence[int] = (), nobody_from: float = _NOBODY_FROM) -> Spoken:
        """Transcribe float32 samples in -1..1 at 16 kHz, shape (n,), n at least half a second.

        ``guess`` are the tokens that are expected, right or wrong: right ones save time. From the chance
        ``nobody_from`` on that nobody speaks there are no words; below it there is one at least. Raises EngineError.
        """
        try:
            heard = self._encoder.run(
                self._heard, {"audio": audio[None], "positions": np.arange(frames_of(audio.size))[None]}
            )
            most = max(_FEWEST_TOKENS, int(audio.size / RATE_HZ * _TOKENS_PER_S))
            tokens, scores, nobody = self._decode(dict(zip(self._heard, heard, strict=True)), most, guess, nobody_from)
        except Exception as problem:
            length_s = audio.size / RATE_HZ
            raise EngineError(f"moonshine could not decode {length_s:.2f} s: {problem}") from problem
        return Spoken(tokens, scores, tuple(self._words(tokens, scores)), audio.size / RATE_HZ, nobody)

    def _decode(
        self, feed: dict[str, npt.NDArray[Any]], most: int, guess: Sequence[int], nobody_from: float
    ) -> tuple[tuple[int, ...], tuple[float, ...], float]:
        nobody = 0.0
        tokens: list[int] = []
        scores: list[float] = []
        past = [self._nothing] * len(self._past)
        rows = [_START, *guess[: most - 1]]
        while True:
            feed.update(zip(self._past, past, strict=True))
            feed["embedded"] = (self._table[rows] * self._scale + self._offset)[None]
            feed["positions"] = np.arange(len(tokens), len(tokens) + len(rows))[None]
            logits, *past = self._decoder.run(["logits", *self._present], feed)
            scale = _log_sum(logits[0])
            if not tokens:
                nobody = math.exp(float(logits[0, 0, _END] - scale[0]))
                if nobody >= nobody_from:
                    return (), (), nobody
                logits[0, 0, _END] = -np.inf
            best = logits[0].argmax(axis=1)
            chances = logits[0].max(axis=1) - scale
            for row, (token, chance) in enumerate(zip(best.tolist(), chances.tolist(), strict=True)):
                if token == _END:
                    return tuple(tokens), tuple(scores), nobody
                tokens.append(token)
                scores.append(chance)
                if len(tokens) >= most or _loops(tokens):
                    return tuple(tokens), tuple(scores), nobody
                if row + 1 < len(rows) and rows[row + 1] != token:
                    # What was computed behind a wrong guess is thrown away.
                    past = [np.ascontiguousarray(kept[:, :, : len(tokens)]) for kept in past]
                    break
            rows = [tokens[-1], *_next_guess(tokens, guess)[: most - len(tokens)]]

    def _words(self, tokens: Sequence[int], scores: Sequence[float]) -> list[tuple[str, tuple[float, ...]]]:
        """Join tokens to words; what has no letter or digit is no word, and as a token counts for no score."""
        parts: list[tuple[bytes, list[float]]] = []
        for token, score in zip(tokens, scores, strict=True):
            text = self._tokens[token] if token < len(self._tokens) else b""
            if text.startswith(_SPACE) or not parts:
                parts.append((b"", []))
            joined, kept = parts[-1]
            spoken = any(letter.isalnum() for letter in text.replace(_SPACE, b"").decode("utf-8", "replace"))
            parts[-1] = (joined + text, [*kept, score] if spoken else kept)
        words = []
        for joined, kept in parts:
            for word in joined.replace(_SPACE, b" ").decode("utf-8", "ignore").split():
                if any(letter.isalnum() for letter in word):
                    words.append((word, tuple(kept)))
        return words


def _is_sentence(heard: Spoken) -> bool:
    """Whether what was found is too long and too sure to have been made of noise."""
    return len(heard.words) >= _SENTENCE_WORDS and sum(heard.scores) / len(heard.scores) >= math.log(_SENTENCE_CHANCE)


def _log_sum(logits: _Array) -> _Array:
    """Return the logarithm of the sum of exponentials of each row."""
    peak = logits.max(axis=1, keepdims=True)
    total: _Array = peak[:, 0] + np.log(np.exp(logits - peak).sum(axis=1))
    return total


def _no_past(graphs: Graphs) -> _Array:
    return np.zeros((1, graphs.heads, 0, graphs.head), np.float32)


def _next_guess(tokens: Sequence[int], guess: Sequence[int]) -> Sequence[int]:
    """Return what followed in ``guess`` on the latest two tokens, as far as it is worth a try."""
    for at in range(len(guess) - 1, 0, -1):
        if len(tokens) > 1 and guess[at] == tokens[-1] and guess[at - 1] == tokens[-2]:
            return guess[at + 1 : at + 1 + _LOOKED_UP]
    return ()


def _loops(tokens: Sequence[int]) -> bool:
    """Tell whether the same few tokens came four times in a row, or one of them six times."""
    return any(
        len(tokens) >= size * times and list(tokens[-size * times :]) == list(tokens[-size:]) * times
        for size, times in ((1, 6), (2, 4), (3, 4), (4, 4), (5, 4), (6, 4))
    )


class _Session:
    def __init__(self, networks: Networks, calibration: Calibration | None) -> None:
        self._networks: Networks | None = networks
        self._calibration = calibration
        self._owner = threading.get_ident()
        self._room = np.zeros(0, np.int16)
        self._size = 0
        self._guess: tuple[int, ...] = ()
        self._latest: Hypothesis | None = None

    def feed(self, pcm: Samples) -> None:
        self._mine()
        samples = checked(pcm)[: int(MAX_SEGMENT_S * RATE_HZ) - self._size]
        if samples.size == 0:
            return
        end = self._size + samples.size
        if end > self._room.size:
            room = np.zeros(max(end, int(_FIRST_ROOM_S * RATE_HZ), 2 * self._room.size), np.int16)
            room[: self._size] = self._room[: self._size]
            self._room = room
        self._room[self._size : end] = samples
        self._size = end
        self._latest = None

    def partial(self) -> Hypothesis:
        return self.final()

    def final(self, quick: bool = False) -> Hypothesis:
        networks = self._mine()
        if self._size == 0:
            return Hypothesis("", None)
        if self._latest is None:
            spoken = networks.transcribe(self._room[: self._size], self._guess)
            self._guess = spoken.tokens
            self._latest = hypothesis(spoken, self._calibration)
        return self._latest

    def reset(self, start_s: float = 0.0) -> None:
        self._mine()
        if self._room.size > int(_FIRST_ROOM_S * RATE_HZ):
            self._room = np.zeros(0, np.int16)
        self._size = 0
        self._guess = ()
        self._latest = None

    def close(self) -> None:
        self._networks = None
        self._room = np.zeros(0, np.int16)
        self._size = 0

    def _mine(self) -> Networks:
        if self._networks is None:
            raise SessionClosed("this recogniser session was closed")
        if threading.get_ident() != self._owner:
            raise SessionClosed("a recogniser session belongs to the thread that made it")
        return self._networks


def padded(samples: Samples, silence_s: float) -> _Array:
    """Return int16 samples as floats in -1..1 with silence before and behind them, at least half a second in all."""
    pad = int(silence_s * RATE_HZ)
    audio = np.zeros(max(samples.size + 2 * pad, int(_SHORTEST_S * RATE_HZ)), np.float32)
    np.multiply(samples, np.float32(1 / 32768), out=audio[pad : pad + samples.size])
    return audio


def hypothesis(spoken: Spoken, calibration: Calibration | None) -> Hypothesis:
    """Return the words of a segment, with the chance that each is right where that is known."""
    text = " ".join(word for word, _ in spoken.words)
    if not spoken.words:
        return Hypothesis("", None)
    if calibration is None:
        return Hypothesis(text, None, tuple(Word(word, None, None, None) for word, _ in spoken.words))
    chances = calibration.chances(spoken.words, spoken.seconds)
    words = tuple(Word(word, chance, None, None) for (word, _), chance in zip(spoken.words, chances, strict=True))
    return Hypothesis(text, sum(chances) / len(chances), words)
