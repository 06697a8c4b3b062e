"""Examples are learnt by a process of its own while calls are served; where that cannot be, in the service."""

import logging
import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

import config
from config.schema import Config
from nabra.errors import ServiceError
from nabra.generations import load
from nabra.learning import Learner
from nabra.sentence_encoder import UseEncoder, installed
from router.intent import IntentModel, stored_file
from tests.nabra.calls_side import Run
from tests.nabra.pbx_side import Site
from tests.router.intent.test_model import SMALL


def with_examples(shipped: Config, *examples: str) -> Config:
    """Return a configuration whose first intent has more examples than any has learnt before."""
    first, *others = shipped.intents.intents
    more = replace(first, examples=(*first.examples, *examples))
    return replace(shipped, intents=replace(shipped.intents, intents=(more, *others)))


def forbid_learning_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.intent.fitting.fit_language", lambda *_: pytest.fail("it was learnt in this process"))


def test_a_process_learns_what_the_service_then_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = IntentModel.fit(SMALL)
    forbid_learning_here(monkeypatch)
    Learner().learn(SMALL, tmp_path, None)
    assert IntentModel.fit(SMALL, cache_dir=tmp_path).model_id == here.model_id


@pytest.mark.skipif(not installed(), reason="the sentence encoder is not installed")
def test_it_learns_with_the_sentence_encoder_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forbid_learning_here(monkeypatch)
    encoder = UseEncoder()
    Learner().learn(SMALL, tmp_path, encoder)
    assert stored_file(SMALL, tmp_path, encoder.encoder_id).exists()
    IntentModel.fit(SMALL, cache_dir=tmp_path, encoder=encoder)


def test_what_was_learnt_is_not_learnt_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    IntentModel.fit(SMALL, cache_dir=tmp_path)
    monkeypatch.setattr(Learner, "_elsewhere", lambda *_: pytest.fail("a process was started"))
    Learner().learn(SMALL, tmp_path, None)


def test_where_nothing_can_be_kept_it_is_learnt_here(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    shipped = config.load()
    blocked = tmp_path / "state"
    blocked.write_text("a file")
    with caplog.at_level(logging.WARNING):
        loaded = load(replace(shipped, state_dir=blocked), 2, Learner())
    assert loaded.generation.number == 2
    assert "learnt in the service itself" in caplog.text
    assert f"{blocked / 'intents'} cannot be made" in caplog.text


def test_where_the_process_fails_it_is_learnt_here(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    broken = replace(SMALL[0], examples=(7,))  # type: ignore[arg-type]
    with caplog.at_level(logging.WARNING):
        Learner().learn((broken,), tmp_path, None)
    assert "the process for it ended with 1" in caplog.text


def started(learner: Learner, folder: Path) -> tuple[threading.Thread, list[BaseException]]:
    """Let a learner begin with so many examples that it takes a while; return its thread, and what it raises."""
    many = tuple(
        replace(one, examples=tuple(f"{text} {number}" for text in one.examples for number in range(1500)))
        for one in SMALL
    )
    raised: list[BaseException] = []

    def learn() -> None:
        try:
            learner.learn(many, folder, None)
        except ServiceError as error:
            raised.append(error)

    thread = threading.Thread(target=learn)
    thread.start()
    deadline = time.monotonic() + 20
    while learner._process is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return thread, raised


def test_a_process_that_is_killed_for_want_of_memory_is_not_followed_by_the_service(tmp_path: Path) -> None:
    learner = Learner()
    thread, raised = started(learner, tmp_path)
    assert learner._process is not None
    assert learner._process.pid is not None
    os.kill(learner._process.pid, signal.SIGKILL)
    thread.join(20)
    (error,) = raised
    assert "memory" in str(error)
    assert not list(tmp_path.iterdir())


def test_stopping_ends_it(tmp_path: Path) -> None:
    learner = Learner()
    thread, raised = started(learner, tmp_path)
    learner.stop()
    thread.join(20)
    (error,) = raised
    assert "being stopped" in str(error)


def test_one_that_does_not_end_in_time_is_ended_and_the_next_is_served(tmp_path: Path) -> None:
    learner = Learner(least_s=0.2, per_example_s=0.0)
    thread, raised = started(learner, tmp_path)
    thread.join(20)
    (error,) = raised
    assert "not learnt in 0 s" in str(error)
    learner._least_s = 60.0
    learner.learn(SMALL, tmp_path, None)
    assert stored_file(SMALL, tmp_path).exists()


def test_a_reload_of_a_running_service_learns_nothing_in_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(site: Site) -> None:
        old = site.service.generation
        forbid_learning_here(monkeypatch)
        await site.service.reload(with_examples(old.config, "a question that nobody has put yet"))
        assert site.service.generation.number == old.number + 1
        assert site.service.generation.intent_model.model_id != old.intent_model.model_id
        await site.service.reload(old.config)

    run(scenario)
