"""What a call can be heard with, which key switches tone off, and why something is missing."""

from __future__ import annotations

import pytest

from config.schema import Tone as ToneSettings
from router.evidence import Key, Tone
from router.keys import UNMAPPED_KEPT, Keys, Meaning
from router.means import Means
from router.reasons import Code, Speaker
from tests.router.scripted import DESTINATIONS, site

ANGRY = Tone(at_s=3.0, t_s=3.0, voiced_s=1.0, arousal=0.9, valence=0.1, anger=0.9, confidence=0.9)


def codes(means: Means) -> list[Code]:
    return [reason.code for reason in means.missing(Speaker(DESTINATIONS))]


def test_nothing_is_missing_where_both_can_hear() -> None:
    means = Means(site(), notice=True, recogniser=True)
    assert means.hear_tone(ANGRY)
    assert means.tone_now(3.0).heard
    assert codes(means) == []


def test_an_objection_deletes_what_was_gathered_and_gathers_no_more() -> None:
    means = Means(site(), notice=True, recogniser=True)
    means.hear_tone(ANGRY)
    means.switch_tone_off()
    assert means.tone_deleted == 1
    assert not means.hear_tone(ANGRY)
    assert not means.tone_now(3.0).heard
    assert codes(means) == [Code.TONE_OFF_BY_CALLER]


@pytest.mark.parametrize(
    ("enabled", "notice", "expected"), [(False, True, Code.TONE_OFF_BY_SITE), (True, False, Code.NO_NOTICE)]
)
def test_tone_needs_the_site_and_a_notice(enabled: bool, notice: bool, expected: Code) -> None:
    means = Means(site(tone=ToneSettings(enabled=enabled)), notice=notice, recogniser=True)
    assert not means.hear_tone(ANGRY)
    assert codes(means) == [expected]


def test_an_encoder_is_lost_once_and_only_where_there_was_one() -> None:
    means = Means(site(), notice=True, recogniser=True, encoder=True)
    assert means.lose_encoder("it failed")
    assert not means.lose_encoder("again")
    assert (means.encoder, means.encoder_lost, codes(means)) == (False, "it failed", [Code.ENCODER_LOST])
    without = Means(site(), notice=True, recogniser=True)
    assert not without.lose_encoder("it failed")
    assert codes(without) == []


def test_a_recogniser_that_came_back_was_still_lost_once() -> None:
    means = Means(site(), notice=True, recogniser=True)
    means.lose_recogniser("crashed")
    assert means.recogniser_lost
    means.recogniser = True
    assert not means.recogniser_lost
    assert codes(means) == [Code.RECOGNISER_LOST]


def test_a_call_that_was_listened_to_for_phrases_only_says_so_even_after_it_climbed() -> None:
    means = Means(site(), notice=True, recogniser=True)
    means.limit_recogniser(True, "the machine is full: load 0.80, room for 0.75")
    means.limit_recogniser(False, "there is room again")
    assert means.recogniser
    assert codes(means) == [Code.PHRASES_ONLY]


def test_a_call_may_begin_without_a_recogniser() -> None:
    means = Means(site(), notice=True, recogniser=False)
    assert not means.recogniser_lost
    assert codes(means) == [Code.NO_RECOGNISER]


def test_keys_mean_what_the_configuration_says_and_the_rest_lose_their_digit() -> None:
    keys = Keys(site())
    assert [keys.meaning(digit) for digit in "917"] == [Meaning.TONE_OFF, Meaning.DESTINATION, Meaning.NOTHING]
    pressed = [keys.unmapped(Key(at_s=1.0, digit="7")) for _ in range(UNMAPPED_KEPT + 1)]
    assert pressed == [Key(at_s=1.0, digit="?")] * UNMAPPED_KEPT + [None]
