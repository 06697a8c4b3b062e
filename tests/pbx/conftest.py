"""The Asterisk of the test session, with exactly the files that `nabra pbx-files` writes."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from telephony.pbx_files import PbxDestination, PbxDestinationKind, PbxFilesSettings, write_pbx_files
from tests.conftest import ROOT
from tests.pbx.asterisk_root import AsteriskUnavailable, ensure_root
from tests.pbx.world import World

ENGINE_PORT = 9092
WATCHDOG_S = 12
AMI_SECRET = "secret-of-the-tests"
QUEUES = {"complaints": ["agent1"], "sales": ["agent2"], "reception": ["agent3"]}


@pytest.fixture(scope="session")
def asterisk_root() -> Path:
    """Root file system with an Asterisk 22; skips where none may be had, fails where CI has none."""
    try:
        return ensure_root(lambda line: print(line, file=sys.__stderr__, flush=True))
    except AsteriskUnavailable as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI needs a real Asterisk: {error}")
        pytest.skip(f"no Asterisk: {error}")


@pytest.fixture(scope="session")
def pbx_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files for an operator's Asterisk, as written."""
    folder = tmp_path_factory.mktemp("pbx-files")
    prompts = ROOT / "config" / "defaults" / "prompts"
    queue, prompt = PbxDestinationKind.QUEUE, PbxDestinationKind.PROMPT
    settings = PbxFilesSettings(
        engine_host="127.0.0.1",
        engine_port=ENGINE_PORT,
        watchdog_s=WATCHDOG_S,
        destinations=(
            PbxDestination("complaints", queue, "complaints"),
            PbxDestination("sales", queue, "sales"),
            PbxDestination("reception", queue, "reception"),
            PbxDestination(
                "selfservice",
                prompt,
                prompts={"en": prompts / "selfservice.en.wav", "ar": prompts / "selfservice.ar.wav"},
            ),
        ),
        default="reception",
        ami_username="nabra",
        ami_secret=AMI_SECRET,
    )
    write_pbx_files(folder, settings)
    return folder


@pytest.fixture(scope="session")
def session_world(asterisk_root: Path, pbx_files: Path) -> Iterator[World]:
    world = World(asterisk_root, QUEUES, pbx_files)
    try:
        world.run(world.open())
        yield world
    finally:
        world.run(world.close())
        world.namespace.close()


@pytest.fixture
def world(session_world: World) -> World:
    """The session's PBX with nobody in a call."""
    session_world.run(session_world.fresh())
    return session_world
