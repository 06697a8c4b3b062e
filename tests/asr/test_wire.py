"""Messages survive any cutting; bytes that are no message raise WireError and nothing else."""

import contextlib
import math
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.engine import Hypothesis, Word
from asr.errors import WireError
from asr.wire import (
    MAX_BODY,
    Kind,
    Message,
    WireReader,
    audio_body,
    object_body,
    read_audio,
    read_object,
    read_start,
    read_words,
    start_body,
    words_body,
)

T = TypeVar("T")


def read_or_none(read: Callable[[Message], T], message: Message) -> T | None:
    try:
        return read(message)
    except WireError:
        return None


shares = st.none() | st.floats(0, 1)
texts = st.text(st.characters(codec="utf-8"), max_size=20)
one_word = st.builds(Word, texts, shares, shares, shares)
words = st.builds(Hypothesis, texts, shares, st.lists(one_word, max_size=4).map(tuple))
numbers = st.integers(0, 2**32 - 1)
messages = st.builds(Message, st.sampled_from(Kind), numbers, numbers, numbers, st.binary(max_size=300))


@given(st.lists(messages, max_size=5), st.integers(1, 40))
def test_messages_come_back_however_they_are_cut(sent: list[Message], step: int) -> None:
    data = b"".join(message.to_bytes() for message in sent)
    reader = WireReader()
    got = []
    for at in range(0, len(data), step):
        reader.receive_data(data[at : at + step])
        while (message := reader.next_message()) is not None:
            got.append(message)
    assert got == sent


@given(st.binary(max_size=200))
def test_any_bytes_give_messages_that_would_be_sent_so_or_a_wire_error(data: bytes) -> None:
    reader = WireReader()
    reader.receive_data(data)
    read = b""
    with contextlib.suppress(WireError):
        while (message := reader.next_message()) is not None:
            read += message.to_bytes()
    assert data.startswith(read)


@given(st.binary(max_size=200))
def test_any_body_is_read_as_what_is_meant_or_refused(body: bytes) -> None:
    message = Message(Kind.FINAL, body=body)
    assert isinstance(read_or_none(read_object, message), dict | None)
    start_s = read_or_none(read_start, message)
    assert start_s is None or math.isfinite(start_s)
    audio = read_or_none(read_audio, message)
    assert audio_body(audio) == body if audio is not None else len(body) % 2
    words = read_or_none(read_words, message)
    assert words is None or len(words[0].text.encode()) <= len(body)


@given(words, st.floats(0, 10), st.data())
def test_words_come_back_whole_and_never_when_they_are_cut(
    said: Hypothesis, spent_s: float, data: st.DataObject
) -> None:
    body = words_body(said, spent_s)
    assert read_words(Message(Kind.FINAL, body=body)) == (said, spent_s)
    cut = body[: data.draw(st.integers(0, len(body) - 1))]
    heard = read_or_none(read_words, Message(Kind.FINAL, body=cut))
    # What is cut just behind the text says nothing of single words.
    assert heard is None or heard == (Hypothesis(said.text, said.confidence), spent_s)


def test_refuses_another_version_and_a_body_too_long() -> None:
    data = bytearray(Message(Kind.END).to_bytes())
    data[4] = 9
    reader = WireReader()
    reader.receive_data(bytes(data))
    with pytest.raises(WireError, match="version 9"):
        reader.next_message()
    with pytest.raises(WireError):
        Message(Kind.AUDIO, body=bytes(MAX_BODY + 1)).to_bytes()


def test_bodies_come_back() -> None:
    pcm = np.array([-32768, 0, 32767], np.int16)
    assert np.array_equal(read_audio(Message(Kind.AUDIO, body=audio_body(pcm))), pcm)
    assert read_start(Message(Kind.BEGIN, body=start_body(1.25))) == 1.25
    for words in (Hypothesis("مرحبا hello", 0.5), Hypothesis("", None)):
        assert read_words(Message(Kind.FINAL, body=words_body(words, 0.25))) == (words, 0.25)
    assert read_object(Message(Kind.OPEN, body=object_body({"language": "ar"}))) == {"language": "ar"}
