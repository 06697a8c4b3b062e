"""The schedule of frames and the allowance of a peer, at made-up times."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from telephony.pacing import CATCH_UP_FRAMES, FRAME_S, Allowance, Pacer
from telephony.playback import Playback


def test_frames_are_due_at_multiples_of_20_ms_of_the_start() -> None:
    pacer = Pacer(4, 10.0)
    at_s = (0.0, 0.005, 0.018, 0.02, 0.04, 0.045, 0.061)
    assert [pacer.due(10.0 + at) for at in at_s] == [1, 0, 0, 1, 1, 0, 1]
    assert pacer.exhausted
    assert abs(pacer.next_s - 10.08) < 1e-9
    assert pacer.due(11.0) == 0


def test_late_wake_ups_do_not_add_up() -> None:
    pacer = Pacer(1000, 5.0)
    now_s, written = 5.0, 0
    while not pacer.exhausted:
        written += pacer.due(now_s)
        now_s = pacer.next_s + 0.007
    assert written == 1000
    assert abs(pacer.next_s - 25.0) < 1e-6


def test_a_long_delay_moves_the_schedule_instead_of_bursting() -> None:
    pacer = Pacer(100, 0.0)
    assert pacer.due(0.0) == 1
    assert pacer.due(1.0) == CATCH_UP_FRAMES
    assert pacer.due(1.001) == 0
    assert 1.0 < pacer.next_s <= 1.0 + FRAME_S + 1e-9
    assert pacer.due(pacer.next_s) == 1


@given(steps=st.lists(st.floats(0.0, 0.3), max_size=60), frames=st.integers(0, 50))
def test_never_too_early_never_a_burst_never_too_many(steps: list[float], frames: int) -> None:
    pacer = Pacer(frames, 0.0)
    now_s, total = 0.0, 0
    for step in steps:
        now_s += step
        count = pacer.due(now_s)
        total += count
        assert 0 <= count <= CATCH_UP_FRAMES
        # The last frame written may be a timer's earliness ahead of the wall.
        assert (total - 1) * FRAME_S <= now_s + 0.0011
    assert total == pacer.written <= frames


def test_an_allowance_fills_with_time_up_to_its_burst() -> None:
    bucket = Allowance(rate=2.0, burst=3.0, now_s=0.0)
    assert [bucket.take(1, 0.0) for _ in range(4)] == [True, True, True, False]
    assert not bucket.take(1, 0.4)
    assert bucket.take(1, 0.5)
    assert [bucket.take(1, 100.0) for _ in range(4)] == [True, True, True, False]
    assert not bucket.take(1, 50.0)  # a clock that goes back gives nothing


def _all_frames(playing: Playback, rate_hz: int) -> list[np.ndarray]:
    frames, now_s = [], 0.0
    while not playing.finished(now_s):
        frames += playing.due(now_s, rate_hz)
        now_s = playing.next_s
    return frames


def test_playback_cuts_into_20_ms_and_fills_the_last_frame_with_silence() -> None:
    pcm = np.arange(1, 401).astype(np.int16)
    frames = _all_frames(Playback(pcm, lambda *_: None, 0.0), 8000)
    assert [frame.size for frame in frames] == [160, 160, 160]
    np.testing.assert_array_equal(np.concatenate(frames)[:400], pcm)
    assert not np.concatenate(frames)[400:].any()


def test_playback_follows_the_rate_of_the_pbx() -> None:
    pcm = np.rint(9000 * np.sin(2 * np.pi * 440 * np.arange(1600) / 8000)).astype(np.int16)
    frames = _all_frames(Playback(pcm, lambda *_: None, 0.0), 16000)
    assert len(frames) == 10
    assert sum(frame.size for frame in frames) == 3200
    wanted = 9000 * np.sin(2 * np.pi * 440 * np.arange(3200) / 16000)
    assert np.corrcoef(np.concatenate(frames), wanted)[0, 1] > 0.999


def test_playback_changes_its_rate_on_the_way() -> None:
    pcm = np.full(800, 500, np.int16)
    playing = Playback(pcm, lambda *_: None, 0.0)
    assert [frame.size for frame in playing.due(0.0, 8000)] == [160]
    rest = [frame for turn in range(1, 5) for frame in playing.due(turn * FRAME_S, 16000)]
    assert sum(frame.size for frame in rest) == 4 * 320
    assert set(np.concatenate(rest)[60:-60].tolist()) == {500}
    assert playing.finished(5 * FRAME_S)
