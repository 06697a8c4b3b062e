"""What a worker process does first, of all that came at once: real process, scripted engine."""

import asyncio

import numpy as np

from asr.engines import EngineKind, EngineSpec
from asr.scripted_engine import ScriptedLine
from asr.slot import Slot
from asr.wire import Kind, Message, WireReader, audio_body, object_body, read_object, read_words, start_body

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
