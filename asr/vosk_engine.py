"""Any Vosk model directory as an engine, with native code kept from what it crashes on.

What vosk 0.3.45 does not survive, and what is done about it here:

===========================================  ===============================================================
a model named or guessed from a language     only a path is ever passed: the library would go to the network
a directory that is not a whole model        its files are checked before native code sees it
8 kHz audio on a model without upsampling    sessions take 16 kHz; the decoder resamples
a grammar that is not JSON, or an empty one   made here from plain phrases, each checked
words of a grammar that the model lacks       looked up one by one when the model is read, and reported
a grammar for a graph put together before     such a model cannot be limited to phrases; its files tell
SetGrammar in mid-utterance                  never called: a grammar is fixed when a recogniser is made
one recogniser in two threads                a session refuses any thread but its own
a rate of 0 or below                         the rate is a constant
audio that is not bytes                      samples are checked, then converted
===========================================  ===============================================================

``final()`` ends native code's utterance, but not ours: its words are kept, and audio fed behind it goes on
after them. The confidences it reports are 1.0 for right and wrong words alike, so none are passed on; the times
of words are. A grammar limits what a session can hear; the whole language of a model cannot be biased towards
phrases, there is nothing for that in the library.
"""

import contextlib
import hashlib
import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

from asr.engine import MAX_SEGMENT_S, EngineFacts, EngineSession, Hypothesis, Samples, Word, checked, refuse_limited
from asr.errors import EngineError, GrammarInvalid, ModelInvalid, ModelMissing, SessionClosed
from asr.phrases import LONGEST_PHRASE, MOST_PHRASES, OTHER_WORDS, hearable

RATE_HZ = 16_000


def check_model_directory(path: Path) -> None:
    """Raise unless a directory holds every part of a Vosk model.

    Parameters
    ----------
    path : Path
        As unpacked from the model's archive: with am/, conf/ and graph/ in it.

    Raises
    ------
    ModelMissing
        Where there is no such directory.
    ModelInvalid
        Where a part is missing or empty.
    """
    if not path.is_dir():
        raise ModelMissing(f"there is no directory {path}; unpack a Vosk model and name its directory")
    flat = (path / "final.mdl").is_file()
    acoustic, graph = (path, path) if flat else (path / "am", path / "graph")
    conf = path / "mfcc.conf" if flat else path / "conf" / "mfcc.conf"
    needed = [(acoustic / "final.mdl",), (conf,), (graph / "HCLG.fst", graph / "HCLr.fst")]
    if (graph / "HCLr.fst").is_file():
        needed.append((graph / "Gr.fst",))
    if (graph / "HCLG.fst").is_file():
        needed.append((graph / "words.txt",))
    for choices in needed:
        found = [part for part in choices if part.is_file()]
        if not found:
            names = " or ".join(str(part.relative_to(path)) for part in choices)
            inside = [child.name for child in path.iterdir() if (child / "am").is_dir()]
            hint = f"; did you mean {path / inside[0]}?" if inside else ""
            raise ModelInvalid(f"{path} is not a whole Vosk model: {names} is missing{hint}")
        if found[0].stat().st_size == 0:
            raise ModelInvalid(f"{found[0]} is empty; unpack the model again")


def grammar_json(phrases: tuple[str, ...], other: str = OTHER_WORDS[0]) -> str:
    """Return the grammar of these phrases as native code takes it, with the model's word for everything else.

    Parameters
    ----------
    phrases : tuple of str
        1 to 5000, each of 1 to 200 characters, in the model's spelling.
    other : str
        What the model calls a word that it does not know.

    Raises
    ------
    GrammarInvalid
        Where there are none or one of them is empty, too long or not text.
    """
    if not 1 <= len(phrases) <= MOST_PHRASES:
        raise GrammarInvalid(f"a grammar has 1 to {MOST_PHRASES} phrases, this one has {len(phrases)}")
    clean = []
    for phrase in phrases:
        text = " ".join(phrase.split())
        if not text or len(text) > LONGEST_PHRASE or not text.isprintable() or "[" in text or "]" in text:
            raise GrammarInvalid(f"not a phrase for a grammar: {phrase[:60]!r}; expected plain words")
        clean.append(text)
    return json.dumps([*dict.fromkeys(clean), other], ensure_ascii=False)


class VoskEngine:
    """A Vosk model.

    Parameters
    ----------
    model_path : Path
        Directory of the unpacked model.
    language : str
        Language code that the operator says it understands.
    phrases : tuple of str
        Key phrases to which sessions can be limited; empty for none.

    Raises
    ------
    ModelMissing, ModelInvalid, GrammarInvalid
        Before any native code runs.
    """

    def __init__(self, model_path: Path, language: str, phrases: tuple[str, ...] = ()) -> None:
        check_model_directory(model_path)
        self._path = model_path
        self._phrases = phrases
        self._grammar: str | None = None
        mark = hashlib.sha256()
        for part in sorted(p for p in model_path.rglob("*") if p.is_file()):
            mark.update(f"{part.relative_to(model_path)} {part.stat().st_size}\n".encode())
        self._facts = EngineFacts(
            name="vosk",
            native_rate_hz=RATE_HZ,
            languages=(language,),
            partials=True,
            confidences=False,
            streaming=True,
            model_id=f"vosk-{model_path.resolve().name}-{mark.hexdigest()[:12]}",
            # Only graphs that are put together while they run can be cut down to phrases.
            grammar=bool(phrases) and any(model_path.rglob("HCLr.fst")),
        )
        self._model: Any = None

    @property
    def facts(self) -> EngineFacts:
        """What it is and can do."""
        return self._facts

    def load(self) -> None:
        """Read the model; hundreds of megabytes and seconds for a full one."""
        if self._model is not None:
            return
        import vosk

        vosk.SetLogLevel(-1)
        try:
            self._model = vosk.Model(str(self._path))
        except Exception as problem:
            raise ModelInvalid(f"native code cannot read the Vosk model in {self._path}") from problem
        self._limit()
        warm = self.session()
        warm.feed(_silence())
        warm.final()
        warm.close()

    def _limit(self) -> None:
        """Make the grammar of the key phrases that the model knows, and say which words it does not."""
        if not self._phrases:
            return

        def knows(word: str) -> bool:
            return int(self._model.vosk_model_find_word(word)) > 0

        found = hearable(self._phrases, knows)
        other = next((word for word in OTHER_WORDS if knows(word)), None)
        if self._facts.grammar and found.phrases and other is not None:
            self._grammar = grammar_json(found.phrases, other)
        self._facts = replace(self._facts, grammar=self._grammar is not None, unknown_words=found.unknown_words)

    def session(self, limited: bool = False) -> EngineSession:
        """Make one caller's decoder."""
        self.load()
        if limited and not self._facts.grammar:
            refuse_limited(self._facts)
        return _Session(self._model, self._grammar if limited else None)


def _silence() -> Samples:
    import numpy as np

    return np.zeros(RATE_HZ // 2, np.int16)


class _Session:
    def __init__(self, model: Any, grammar: str | None) -> None:
        self._owner = threading.get_ident()
        self._model, self._grammar = model, grammar
        self._said: list[Word] = []
        self._fresh = True
        # Native code counts the time of its words from the first sample it ever got.
        self._fed = self._began = 0
        self._recogniser: Any = self._make()

    def _make(self) -> Any:
        import vosk

        grammar = () if self._grammar is None else (self._grammar,)
        try:
            recogniser = vosk.KaldiRecognizer(self._model, float(RATE_HZ), *grammar)
            recogniser.SetWords(True)
            return recogniser
        except Exception as problem:
            what = "with this grammar" if self._grammar else "of this model"
            raise EngineError(f"native code cannot make a recogniser {what}: {problem}") from problem

    def feed(self, pcm: Samples) -> None:
        recogniser = self._mine()
        # Native code would go on for ever, and decode more with every second of it.
        room = int(MAX_SEGMENT_S * RATE_HZ) - (self._fed - self._began)
        data = checked(pcm)[:room].tobytes()
        if not data:
            return
        self._fresh = False
        self._fed += len(data) // 2
        try:
            ended = recogniser.AcceptWaveform(data)
        except Exception as problem:
            raise EngineError(f"native code refused {pcm.size} samples") from problem
        if ended:
            self._keep(recogniser.Result())

    def partial(self) -> Hypothesis:
        recogniser = self._mine()
        running = "" if self._fresh else str(_field(recogniser.PartialResult(), "partial"))
        said = [word.text for word in self._said]
        return Hypothesis(" ".join([*said, *(word for word in running.split() if word not in OTHER_WORDS)]), None)

    def final(self, quick: bool = False) -> Hypothesis:
        recogniser = self._mine()
        # FinalResult on a recogniser that has heard nothing is one of the things native code asserts on.
        if not self._fresh:
            self._keep(recogniser.FinalResult())
            self._fresh = True
        return Hypothesis(" ".join(word.text for word in self._said), None, tuple(self._said))

    def reset(self, start_s: float = 0.0) -> None:
        recogniser = self._mine()
        self._said = []
        self._began = self._fed
        if not self._fresh:
            recogniser.Reset()
            self._fresh = True

    def close(self) -> None:
        with contextlib.suppress(AttributeError):
            del self._recogniser
        self._recogniser = None

    def _keep(self, result: str) -> None:
        base_s, longest_s = self._began / RATE_HZ, (self._fed - self._began) / RATE_HZ
        found = _field(result, "result")
        for entry in found if isinstance(found, list) else []:
            text = str(entry["word"])
            if text not in OTHER_WORDS:
                before_s = self._said[-1].end_s if self._said else 0.0
                start_s = min(max(before_s or 0.0, float(entry["start"]) - base_s), longest_s)
                end_s = min(max(start_s, float(entry["end"]) - base_s), longest_s)
                self._said.append(Word(text, None, start_s, end_s))

    def _mine(self) -> Any:
        if self._recogniser is None:
            raise SessionClosed("this recogniser session was closed")
        if threading.get_ident() != self._owner:
            raise SessionClosed("a recogniser session belongs to the thread that made it")
        return self._recogniser


def _field(result: str, name: str) -> object:
    try:
        return json.loads(result).get(name, "")
    except (ValueError, AttributeError) as problem:
        raise EngineError("native code gave a result that is not JSON") from problem
