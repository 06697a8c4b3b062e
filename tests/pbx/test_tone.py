"""Proof 2: the same words in an angry and in a calm voice differ in the record, and in the queue, as configured."""

import asyncio
import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import config
from emotion.model import at_prior
from telephony.audio import read_audio
from tests.pbx.calls import after_notice, dial, record_of, routed
from tests.pbx.engine import Engine
from tests.pbx.sip import Pcm
from tests.pbx.world import World

pytestmark = pytest.mark.pbx

# The first of the corpus, not the best; the shipped model was trained on it, so this is no test of the model.
SPEAKERS = ("01", "02", "03", "04")
TONE = config.load().tone
RAISED_MINUTES = 5
RULE = "an angry caller waits less"


@pytest.fixture(scope="module")
def voices(corpora: Path) -> dict[tuple[str, str], Pcm]:
    """Both sentences of the corpus by speaker and emotion: the same words, acted angrily and calmly."""
    folder = corpora / "emotion" / "ravdess"
    if not (folder / "manifest.csv").is_file():
        pytest.skip("the corpus ravdess is missing")
    pieces: dict[tuple[str, str], list[Pcm]] = {}
    with (folder / "manifest.csv").open(newline="", encoding="utf-8") as manifest:
        for row in csv.DictReader(manifest):
            key = (row["speaker"], row["emotion"])
            if row["speaker"] in SPEAKERS and row["emotion"] in ("anger", "calm") and row["intensity"] == "strong":
                pieces.setdefault(key, []).append(read_audio(folder / row["path"]))
    return {key: np.concatenate(clips) for key, clips in pieces.items()}


def test_anger_is_on_the_record_and_in_the_priority(
    world: World, engine: Engine, voices: dict[tuple[str, str], Pcm]
) -> None:
    records: dict[tuple[str, str], dict[str, Any]] = {}
    queued: dict[tuple[str, str], str] = {}

    async def one(speaker: str, emotion: str) -> None:
        call = await dial(world)
        channel = (await world.wait_for("UserEvent", CallerIDNum=call.peer_number))[0].fields["Channel"]
        await after_notice()
        await call.speak(voices[speaker, emotion])
        await routed(world, call)
        records[speaker, emotion] = await record_of(engine, world, call)
        queued[speaker, emotion] = await world.asterisk.cli(f"core show channel {channel}")
        await world.caller.hang_up(call)

    async def body() -> None:
        for first, second in zip(SPEAKERS[::2], SPEAKERS[1::2], strict=True):
            await asyncio.gather(*(one(who, how) for who in (first, second) for how in ("anger", "calm")))

    world.run(body(), timeout_s=250)
    alarmed = 0
    for speaker in SPEAKERS:
        angry, calm = records[speaker, "anger"], records[speaker, "calm"]
        assert angry["tone"]["heard"]
        assert calm["tone"]["heard"]
        assert _even(angry) > _even(calm) + 0.2
        assert angry["tone"]["arousal"] > calm["tone"]["arousal"] + 0.2
        assert calm["decision"]["rules_fired"] == []
        for emotion in ("anger", "calm"):
            record = records[speaker, emotion]
            raised = record["tone"]["alarmed"]
            alarmed += raised
            assert raised == (record["tone"]["call_anger"] >= TONE.angry_at)
            assert (RULE in record["decision"]["rules_fired"]) == raised
            assert record["decision"]["priority"] == (RAISED_MINUTES if raised else 0)
            assert f"QUEUE_PRIO={RAISED_MINUTES if raised else 0}\n" in queued[speaker, emotion]
    assert alarmed >= len(SPEAKERS) // 2


def _even(record: dict[str, Any]) -> float:
    """The probability of anger on the record, were every other caller angry."""
    return at_prior(record["tone"]["anger"], TONE.anger_prior, 0.5)
