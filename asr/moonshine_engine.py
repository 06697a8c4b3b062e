"""Moonshine tiny English on onnxruntime, with the model that the package moonshine-voice 0.1.0 carries.

The package's own library is not loaded: it runs onnxruntime with a spinning thread per core (twice the CPU
for the same wall time), keeps no token probabilities, prints to standard error on short input and has a
voice activity of its own. Its two networks are run here with one thread: the encoder on the whole segment,
then greedy decoding with cached keys and values, cut off at a rate of tokens that no human speaks. The mean
token probability is the confidence.

Source: Jeffries et al., "Moonshine: Speech Recognition for Live Transcription and Voice Commands", 2024.
"""

import hashlib
import importlib.util
import math
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from asr.engine import MAX_SEGMENT_S, EngineFacts, EngineSession, Hypothesis, Samples, checked, refuse_limited
from asr.errors import EngineError, ModelInvalid, ModelMissing, SessionClosed
from asr.runtime import one_thread_session

RATE_HZ = 16_000
# Shorter input makes the first convolutions fail. Silence around the segment helps with the first and the last word: on
# 240 acted sentences 14.5 % of words wrong without it, 12.9 % with it; more does not help.
_PAD_S = 0.25
_SHORTEST_S = 0.5
# A decoder that loops on noise is stopped: 6.5 tokens a second is the rate the authors use.
_TOKENS_PER_S = 6.5
_FEWEST_TOKENS = 8
_START, _END = 1, 2
_SPACE = "\u2581".encode()

_Array = npt.NDArray[np.float32]


def embedded_model() -> Path:
    """Directory of the model inside the installed package, found without importing it.

    Raises
    ------
    ModelMissing
        Where the package, or the model in it, is not installed.
    """
    found = importlib.util.find_spec("moonshine_voice")
    if found is not None and found.submodule_search_locations:
        for place in found.submodule_search_locations:
            model = Path(place) / "assets" / "tiny-en"
            if model.is_dir():
                return model
    raise ModelMissing(
        "the embedded English model is not installed: run `pip install moonshine-voice==0.1.0` "
        "(later versions download their model and do not carry it)"
    )


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
            raise ModelInvalid("the vocabulary file is cut off; install moonshine-voice==0.1.0 again")
        tokens.append(data[at : at + size])
        at += size
    return tokens


class MoonshineEngine:
    """The embedded English recogniser.

    Parameters
    ----------
    model_path : Path or None
        Directory with encoder_model.ort, decoder_model_merged.ort and tokenizer.bin; None for the one in the
        installed package.

    Raises
    ------
    ModelMissing
        Where there is no such directory or a file of it is missing.
    """

    def __init__(self, model_path: Path | None = None) -> None:
        self._path = embedded_model() if model_path is None else model_path
        for name in ("encoder_model.ort", "decoder_model_merged.ort", "tokenizer.bin"):
            if not (self._path / name).is_file():
                raise ModelMissing(f"{self._path} is not a Moonshine model: it has no {name}")
        digest = hashlib.sha256((self._path / "encoder_model.ort").read_bytes()).hexdigest()[:12]
        self._facts = EngineFacts(
            name="moonshine",
            native_rate_hz=RATE_HZ,
            languages=("en",),
            partials=True,
            confidences=True,
            streaming=False,
            model_id=f"moonshine-{self._path.name}-{digest}",
        )
        self._networks: _Networks | None = None

    @property
    def facts(self) -> EngineFacts:
        """What it is and can do."""
        return self._facts

    def load(self) -> None:
        """Read both networks and run them once."""
        if self._networks is None:
            self._networks = _Networks(self._path)
            self._networks.transcribe(np.zeros(RATE_HZ, np.float32))

    def session(self, limited: bool = False) -> EngineSession:
        """Make one caller's decoder."""
        if limited:
            refuse_limited(self._facts)
        self.load()
        assert self._networks is not None
        return _Session(self._networks)


class _Networks:
    """Encoder, decoder and vocabulary; stateless between calls."""

    def __init__(self, path: Path) -> None:
        try:
            self._encoder = one_thread_session(path / "encoder_model.ort")
            self._decoder = one_thread_session(path / "decoder_model_merged.ort")
        except Exception as problem:
            raise ModelInvalid(f"onnxruntime cannot read the model in {path}: {problem}") from problem
        self._tokens = read_tokens((path / "tokenizer.bin").read_bytes())
        self._outputs = [output.name for output in self._decoder.get_outputs()]
        shapes = {i.name: i.shape for i in self._decoder.get_inputs() if i.name.startswith("past_key_values")}
        self._empty = {
            name: np.zeros((1, shape[1], 0, shape[3]), np.float32) for name, shape in shapes.items()
        }

    def transcribe(self, audio: _Array) -> Hypothesis:
        """Transcribe float32 samples in -1..1 at 16 kHz, shape (n,), n at least half a second."""
        try:
            return self._transcribe(audio)
        except Exception as problem:
            length_s = audio.size / RATE_HZ
            raise EngineError(f"moonshine could not decode {length_s:.2f} s: {problem}") from problem

    def _transcribe(self, audio: _Array) -> Hypothesis:
        heard = np.ones((1, audio.size), np.int64)
        hidden = self._encoder.run(
            ["last_hidden_state"], {"input_values": audio[None], "attention_mask": heard}
        )[0]
        feed: dict[str, Any] = {
            "encoder_hidden_states": hidden,
            # Of the audio, not of the encoder's frames: the decoder thins it out itself, and fails above 9.2 s
            # on one that was thinned out before.
            "encoder_attention_mask": heard,
            "use_cache_branch": np.array([False]),
            **self._empty,
        }
        token, tokens, log_probability = _START, [], 0.0
        for _ in range(max(_FEWEST_TOKENS, int(audio.size / RATE_HZ * _TOKENS_PER_S))):
            feed["input_ids"] = np.array([[token]], np.int64)
            token, chance = self._step(feed)
            log_probability += chance
            if token == _END:
                break
            tokens.append(token)
        text = b"".join(self._tokens[t] for t in tokens if t < len(self._tokens))
        words = " ".join(text.replace(_SPACE, b" ").decode("utf-8", "ignore").split())
        confidence = math.exp(log_probability / (len(tokens) + 1)) if words else None
        return Hypothesis(words, confidence)

    def _step(self, feed: dict[str, Any]) -> tuple[int, float]:
        """Run the decoder for one token; caches move from outputs to inputs of ``feed``."""
        first = not feed["use_cache_branch"][0]
        values: Mapping[str, Any] = dict(zip(self._outputs, self._decoder.run(None, feed), strict=True))
        for name, value in values.items():
            # The cached branch gives empty encoder keys back: those of the first step stay.
            if name.startswith("present") and (first or ".decoder." in name):
                feed[name.replace("present", "past_key_values", 1)] = value
        feed["use_cache_branch"] = np.array([True])
        logits = values["logits"][0, -1]
        best = int(logits.argmax())
        peak = float(logits[best])
        return best, -math.log(float(np.exp(logits - peak).sum()))


class _Session:
    def __init__(self, networks: _Networks) -> None:
        self._networks: _Networks | None = networks
        self._owner = threading.get_ident()
        self._audio = np.zeros(int(MAX_SEGMENT_S * RATE_HZ), np.float32)
        self._size = 0

    def feed(self, pcm: Samples) -> None:
        self._mine()
        room = checked(pcm)[: self._audio.size - self._size]
        self._audio[self._size : self._size + room.size] = room
        self._size += room.size

    def partial(self) -> Hypothesis:
        return self.final()

    def final(self, quick: bool = False) -> Hypothesis:
        networks = self._mine()
        if self._size == 0:
            return Hypothesis("", None)
        pad = int(_PAD_S * RATE_HZ)
        audio = np.zeros(max(self._size + 2 * pad, int(_SHORTEST_S * RATE_HZ)), np.float32)
        np.multiply(self._audio[: self._size], np.float32(1 / 32768), out=audio[pad : pad + self._size])
        return networks.transcribe(audio)

    def reset(self, start_s: float = 0.0) -> None:
        self._mine()
        self._size = 0

    def close(self) -> None:
        self._networks = None
        self._audio = np.zeros(0, np.float32)
        self._size = 0

    def _mine(self) -> _Networks:
        if self._networks is None:
            raise SessionClosed("this recogniser session was closed")
        if threading.get_ident() != self._owner:
            raise SessionClosed("a recogniser session belongs to the thread that made it")
        return self._networks
