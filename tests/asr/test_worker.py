"""What a worker process does first, of all that came at once: real process, scripted engine."""

import asyncio
import os
from dataclasses import replace

import numpy as np
import pytest

from asr.engine import EngineFacts, EngineSession, Samples
from asr.engines import EngineKind, EngineSpec
from asr.errors import EngineError
from asr.scripted_engine import ScriptedEngine, ScriptedLine
from asr.slot import Slot
from asr.wire import (
    ON_PAGE,
    Kind,
    Message,
    WireReader,
    audio_body,
    object_body,
    read_object,
    read_words,
    start_body,
)
from asr.worker import Worker, _Ward

SPEC = EngineSpec(EngineKind.SCRIPTED, "en", script=(ScriptedLine(0.0, 1.0, "one two"),))
SECOND = audio_body(np.zeros(8000, np.int16))


def begun(call: int) -> list[Message]:
    return [
        Message(Kind.OPEN, call, body=object_body({"language": "en"})),
        Message(Kind.BEGIN, call, 0, body=start_body(0.0)),
        Message(Kind.AUDIO, call, 0, 1, SECOND),
    ]


def answers(messages: list[Message], count: int) -> list[Message]:
    """Give a worker these messages in one piece; return its first answers in their order."""

    async def run() -> list[Message]:
        slot, reader, got = Slot(0), WireReader(), list[Message]()
        await slot.start()
        assert slot.process is not None
        assert slot.process.stdin is not None
        assert slot.process.stdout is not None
        try:
            slot.send(Message(Kind.CONFIG, body=object_body({"en": {"spec": SPEC.to_json(), "measure": True}})))
            async with asyncio.timeout(30):
                while len(got) <= count:
                    reader.receive_data(await slot.process.stdout.read(1 << 16))
                    while (message := reader.next_message()) is not None:
                        if message.kind is Kind.READY:
                            assert read_object(message)["en"]["costs"]  # type: ignore[call-overload, index]
                            slot.process.stdin.write(b"".join(each.to_bytes() for each in messages))
                        if message.kind is not Kind.HEALTH:
                            got.append(message)
        finally:
            slot.kill(None)
            await slot.process.wait()
        assert slot.suspect() is None, "who was killed from outside did not end of what it heard"
        return got[1:]

    return asyncio.run(run())


def test_finals_whose_endpoint_has_come_overtake_early_ones_and_those_partials() -> None:
    asked = [message for call in (1, 2, 3, 4) for message in begun(call)]
    asked += [Message(Kind.ASK_PARTIAL, 1, 0, 10)]
    asked += [Message(Kind.ASK_FINAL, call, 0, 10) for call in (2, 3, 4)]
    asked += [Message(Kind.HURRY, 4, 0, 10)]
    got = answers(asked, 4)
    assert [(message.kind, message.call) for message in got] == [
        (Kind.FINAL, 4),
        (Kind.FINAL, 2),
        (Kind.FINAL, 3),
        (Kind.PARTIAL, 1),
    ]
    assert all(read_words(message)[0].text == "one two" for message in got)


def test_an_early_final_that_speech_went_over_is_dropped_before_it_costs_anything() -> None:
    asked = [message for call in (1, 2) for message in begun(call)]
    asked += [Message(Kind.ASK_FINAL, call, 0, 10) for call in (1, 2)]
    asked += [Message(Kind.RECALL, 2, 0, 10), Message(Kind.RECALL, 1, 0, 99), Message(Kind.RECALL, 7, 0, 10)]
    got = answers(asked, 2)
    assert [(message.kind, message.call) for message in got] == [(Kind.SKIPPED, 2), (Kind.FINAL, 1)]


def test_what_belongs_to_a_segment_that_is_over_is_not_done() -> None:
    asked = begun(1)
    asked += [Message(Kind.ASK_FINAL, 1, 0, 10), Message(Kind.END, 1, 0)]
    asked += [Message(Kind.BEGIN, 1, 1, body=start_body(0.0)), Message(Kind.AUDIO, 1, 1, 2, SECOND)]
    asked += [Message(Kind.ASK_FINAL, 1, 1, 11)]
    got = answers(asked, 1)
    assert [(message.kind, message.segment, message.request) for message in got] == [(Kind.FINAL, 1, 11)]


def test_a_call_of_an_unknown_language_or_way_is_told_so() -> None:
    asked = [
        Message(Kind.OPEN, 1, body=object_body({"language": "ar"})),
        Message(Kind.OPEN, 2, body=object_body({"language": "en", "limited": True})),
    ]
    assert [(message.kind, message.call) for message in answers(asked, 2)] == [(Kind.ERROR, 1), (Kind.ERROR, 2)]


def test_who_asks_for_words_of_a_call_that_was_not_taken_is_told() -> None:
    asked = [Message(Kind.OPEN, 1, body=object_body({"language": "ar"})), *begun(1)[1:]]
    asked += [Message(Kind.ASK_FINAL, 1, 0, 10)]
    got = answers(asked, 2)
    assert [(message.kind, message.request) for message in got] == [(Kind.ERROR, 0), (Kind.ERROR, 10)]


class Broken(ScriptedEngine):
    """Its first session refuses to begin, or audio; those after it work."""

    def __init__(self, where: str) -> None:
        super().__init__(SPEC.script)
        self._where = where
        self.made = 0

    @property
    def facts(self) -> EngineFacts:
        return replace(super().facts, name="broken")

    def session(self, limited: bool = False) -> EngineSession:
        self.made += 1
        inner = super().session(limited)
        return inner if self.made > 1 else _BrokenSession(inner, self._where)


class _BrokenSession:
    def __init__(self, inner: EngineSession, where: str) -> None:
        self._inner, self._where = inner, where
        self.partial, self.final, self.close = inner.partial, inner.final, inner.close

    def feed(self, pcm: Samples) -> None:
        if self._where == "audio":
            raise EngineError("it refused 8000 samples")
        self._inner.feed(pcm)

    def reset(self, start_s: float = 0.0) -> None:
        if self._where == "beginning":
            raise EngineError("it did not begin")
        self._inner.reset(start_s)


@pytest.mark.parametrize("where", ["beginning", "audio"])
def test_a_segment_that_broke_before_anybody_asked_is_told_of_once_somebody_does(where: str) -> None:
    ours, theirs = os.pipe(), os.pipe()
    worker = Worker(ours[0], theirs[1], bytearray(ON_PAGE.size))
    worker._wards["en", False] = _Ward(Broken(where), False)
    # The number of a request may be that of a piece of audio: 1 is both here.
    asked = [*begun(1), Message(Kind.ASK_PARTIAL, 1, 0, 0), Message(Kind.ASK_FINAL, 1, 0, 1), Message(Kind.END, 1, 0)]
    os.write(ours[1], b"".join(message.to_bytes() for message in asked[:-1]))
    reader, got = WireReader(), list[Message]()

    def serve(more: list[Message]) -> list[Message]:
        for message in more:
            os.write(ours[1], message.to_bytes())
        assert worker._intake()
        while (picked := worker._pick()) is not None:
            worker._handle(picked)
        worker._send(Message(Kind.HEALTH))
        reader.receive_data(os.read(theirs[0], 1 << 16))
        got.clear()
        while (message := reader.next_message()) is not None and message.kind is not Kind.HEALTH:
            got.append(message)
        return got

    try:
        assert [(m.kind, m.request) for m in serve([])] == [(Kind.ERROR, 0), (Kind.ERROR, 1)]
        assert "it " in str(read_object(got[1])["problem"])
        again = [Message(Kind.BEGIN, 1, 1, body=start_body(0.0)), Message(Kind.AUDIO, 1, 1, 2, SECOND)]
        found = serve([asked[-1], *again, Message(Kind.ASK_FINAL, 1, 1, 2)])
        assert [(m.kind, m.segment, m.request) for m in found] == [(Kind.FINAL, 1, 2)]
        assert read_words(found[0])[0].text == "one two"
    finally:
        for end in (*ours, *theirs):
            os.close(end)
