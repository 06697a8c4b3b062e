"""Where an utterance begins, pauses, goes on and ends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.endpoint import Endpointer, EndpointSettings, Patience, Turn
from asr.errors import SettingsInvalid
from asr.vad import FRAME_S

SPEECH, SILENCE = 0.95, 0.02


def turns(probabilities: list[float], settings: EndpointSettings | None = None) -> list[tuple[Turn, float]]:
    """Return each turn with the audio time of the frame that brought it."""
    ends = Endpointer(settings or EndpointSettings())
    found = []
    for index, probability in enumerate(probabilities):
        turn = ends.step(probability, index * FRAME_S, (index + 1) * FRAME_S)
        if turn is not None:
            found.append((turn, (index + 1) * FRAME_S))
    return found


def frames(seconds: float, probability: float) -> list[float]:
    return [probability] * round(seconds / FRAME_S)


def test_an_utterance_starts_pauses_and_ends_once() -> None:
    found = turns(frames(1, SILENCE) + frames(1, SPEECH) + frames(2, SILENCE))
    assert [turn for turn, _ in found] == [Turn.STARTED, Turn.PAUSED, Turn.ENDED]
    (_, _), (_, paused_s), (_, ended_s) = found
    speech_end_s = (round(1 / FRAME_S) + round(1 / FRAME_S)) * FRAME_S
    assert 0.2 <= paused_s - speech_end_s < 0.2 + FRAME_S
    assert 0.6 <= ended_s - speech_end_s < 0.6 + FRAME_S


def test_a_click_starts_nothing() -> None:
    assert turns([*frames(1, SILENCE), SPEECH, SPEECH, *frames(1, SILENCE)]) == []


def test_one_loud_frame_does_not_end_a_pause_and_two_do() -> None:
    talk = frames(0.5, SPEECH) + frames(0.3, SILENCE)
    assert [turn for turn, _ in turns([*talk, SPEECH, *frames(1, SILENCE)])] == [
        Turn.STARTED, Turn.PAUSED, Turn.ENDED,
    ]  # fmt: skip
    assert [turn for turn, _ in turns([*talk, SPEECH, SPEECH, *frames(1, SILENCE)])] == [
        Turn.STARTED, Turn.PAUSED, Turn.RESUMED, Turn.PAUSED, Turn.ENDED,
    ]  # fmt: skip


def test_the_end_of_speech_is_the_last_speech_frame() -> None:
    ends = Endpointer(EndpointSettings())
    for index in range(20):
        ends.step(SPEECH if index < 10 else SILENCE, index * FRAME_S, (index + 1) * FRAME_S)
    assert ends.speech_end_s == pytest.approx(10 * FRAME_S)
    assert ends.began_s == 0.0
    assert ends.paused


@given(st.lists(st.tuples(st.sampled_from([0.02, 0.5, 0.95]), st.integers(0, 15), st.integers(0, 25)), max_size=40))
def test_the_end_of_speech_that_was_told_never_goes_back(runs: list[tuple[float, int, int]]) -> None:
    ends = Endpointer(EndpointSettings())
    told, at = 0.0, 0
    for probability, length, steady in runs:
        for _ in range(length):
            at += 1
            turn = ends.step(probability, (at - 1) * FRAME_S, at * FRAME_S, steady * FRAME_S)
            assert ends.speech_end_s >= told
            assert ends.speech_end_s <= at * FRAME_S
            if turn in (Turn.PAUSED, Turn.ENDED):
                told = ends.speech_end_s


def pause_until_ended(patience: Patience | None, settings: EndpointSettings, told_after_s: float = 0.25) -> float:
    """Return the silence that ended an utterance where patience was told so long into it, s."""
    ends = Endpointer(settings)
    for index in range(200):
        end_s = (index + 1) * FRAME_S
        turn = ends.step(SPEECH if index < 30 else SILENCE, index * FRAME_S, end_s)
        if patience is not None and end_s >= 30 * FRAME_S + told_after_s:
            ends.expect(patience)
        if turn is Turn.ENDED:
            return end_s - ends.speech_end_s
    raise AssertionError("never ended")


@pytest.mark.parametrize(
    ("patience", "settings", "silence_s"),
    [
        (None, EndpointSettings(), 0.6),
        (Patience.SHORT, EndpointSettings(), 0.4),
        (Patience.NORMAL, EndpointSettings(), 0.6),
        (Patience.LONG, EndpointSettings(), 1.2),
        (Patience.SHORT, EndpointSettings(endpoint_ms=900, sure_ms=300, hesitation_ms=2000), 0.3),
        (Patience.LONG, EndpointSettings(endpoint_ms=900, sure_ms=300, hesitation_ms=2000), 2.0),
        (Patience.SHORT, EndpointSettings(speculative_ms=250, endpoint_ms=300), 0.25),
    ],
)
def test_patience_lengthens_and_shortens_the_silence_that_ends(
    patience: Patience | None, settings: EndpointSettings, silence_s: float
) -> None:
    ended_s = pause_until_ended(patience, settings)
    assert silence_s - 1e-9 <= ended_s < max(silence_s, 0.25 + FRAME_S) + FRAME_S


def test_patience_that_comes_late_ends_the_utterance_at_once() -> None:
    assert 0.5 <= pause_until_ended(Patience.SHORT, EndpointSettings(), 0.5) < 0.5 + 2 * FRAME_S


def test_each_pause_begins_with_the_normal_patience() -> None:
    ends = Endpointer(EndpointSettings())
    ended: list[float] = []
    ends.expect(Patience.LONG)
    for index, probability in enumerate(
        frames(1, SPEECH) + frames(0.3, SILENCE) + frames(1, SPEECH) + frames(2, SILENCE)
    ):
        turn = ends.step(probability, index * FRAME_S, (index + 1) * FRAME_S)
        if turn is Turn.PAUSED and index * FRAME_S < 1.5:
            ends.expect(Patience.SHORT)
        if turn is Turn.ENDED:
            ended.append((index + 1) * FRAME_S - ends.speech_end_s)
    assert len(ended) == 1
    assert 0.6 - 1e-9 <= ended[0] < 0.6 + FRAME_S


@given(st.lists(st.floats(0, 1), max_size=300))
def test_turns_come_in_a_sensible_order_whatever_is_heard(probabilities: list[float]) -> None:
    after = {
        None: {Turn.STARTED},
        Turn.STARTED: {Turn.PAUSED},
        Turn.PAUSED: {Turn.RESUMED, Turn.ENDED},
        Turn.RESUMED: {Turn.PAUSED},
        Turn.ENDED: {Turn.STARTED},
    }
    last: Turn | None = None
    for turn, _ in turns(probabilities):
        assert turn in after[last]
        last = turn


@pytest.mark.parametrize(
    "wrong",
    [
        {"sure_ms": 100},
        {"sure_ms": 700},
        {"hesitation_ms": 500},
        {"speech_at": 0.3},
        {"silence_under": 0.0},
        {"speculative_ms": 700},
        {"speculative_ms": 0},
        {"start_frames": 0},
    ],
)
def test_settings_that_contradict_each_other_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(SettingsInvalid):
        EndpointSettings(**wrong)  # type: ignore[arg-type]
