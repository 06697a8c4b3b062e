"""Messages survive any cutting; bytes that are no message raise WireError and nothing else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.engine import Hypothesis
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
def test_any_bytes_give_messages_or_a_wire_error(data: bytes) -> None:
    reader = WireReader()
    reader.receive_data(data)
    try:
        while (message := reader.next_message()) is not None:
            for read in (read_object, read_start, read_audio, read_words):
                try:
                    read(message)
                except WireError:
                    continue
    except WireError:
        return


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
