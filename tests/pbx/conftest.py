"""The Asterisk of the test session, with exactly the files that `nabra pbx-files` writes, and the engine beside it."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nabra.cli import main
from telephony.audio import read_audio
from tests.conftest import ROOT
from tests.pbx.asterisk import AMI_PORT
from tests.pbx.asterisk_root import AsteriskUnavailable, ensure_root
from tests.pbx.engine import Engine
from tests.pbx.relay import Relay
from tests.pbx.sip import Pcm
from tests.pbx.site import AMI_RELAY_PORT, ENGINE_PORT, write_site
from tests.pbx.world import World

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
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configuration of the site under test."""
    return write_site(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="session")
def pbx_files(tmp_path_factory: pytest.TempPathFactory, site: Path) -> Path:
    """The files for an operator's Asterisk, as the command writes them."""
    folder = tmp_path_factory.mktemp("pbx-files")
    assert main(["pbx-files", str(folder), "--config", str(site)]) == 0
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


@pytest.fixture(scope="session")
def session_relay(session_world: World) -> Iterator[Relay]:
    relay = Relay(AMI_PORT)
    session_world.run(relay.start(AMI_RELAY_PORT))
    yield relay
    session_world.run(relay.stop())


@pytest.fixture(scope="session")
def session_engine(
    session_world: World, session_relay: Relay, site: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    engine = Engine(site, tmp_path_factory.mktemp("state"), ENGINE_PORT)
    yield engine
    session_world.run(engine.stop())


@pytest.fixture
def ami_relay(session_relay: Relay) -> Iterator[Relay]:
    """What the engine's manager login goes through."""
    yield session_relay
    session_relay.restore()


@pytest.fixture
def engine(world: World, session_engine: Engine, ami_relay: Relay) -> Iterator[Engine]:
    """The engine, running and logged in to the PBX's manager interface; started where a test before ended it."""
    world.run(session_engine.ensure(), timeout_s=200)
    yield session_engine
    session_engine.resume()
    assert "ended without a decision record" not in session_engine.log()


@pytest.fixture
def no_engine(world: World, session_engine: Engine) -> None:
    """Nothing where the engine should be."""
    world.run(session_engine.stop())


@pytest.fixture(scope="session")
def samples() -> "dict[str, Pcm]":
    """Sample calls by name, as the telephone line gives them."""
    folder = ROOT / "nabra" / "demo" / "samples"
    return {path.stem: read_audio(path) for path in sorted(folder.glob("*.flac"))}
