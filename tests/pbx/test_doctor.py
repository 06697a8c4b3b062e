"""The doctor at the bedside of a real Asterisk, with the lean account that `nabra pbx-files` writes."""

import dataclasses
from collections.abc import Iterator

import pytest

import config
from config.schema import Config, Pbx, Secret
from nabra.operations.doctor import Finding, Level
from nabra.operations.doctor.asterisk import AsteriskDoctor
from tests.pbx.asterisk import ACCOUNT, AMI_PORT, SECRET
from tests.pbx.engine import Engine
from tests.pbx.site import AMI_SECRET
from tests.pbx.world import World

pytestmark = pytest.mark.pbx


def examined(
    world: World, pbx: Pbx, settings: Config | None = None, call: str | None = None
) -> dict[str, list[Finding]]:
    async def examine() -> list[Finding]:
        doctor = AsteriskDoctor(settings or config.load(), pbx)
        return [finding async for finding in doctor.examine(call)]

    found: dict[str, list[Finding]] = {}
    for finding in world.run(examine()):
        found.setdefault(finding.part.removeprefix("PBX main: "), []).append(finding)
    return found


def lean(secret: str = AMI_SECRET) -> Pbx:
    return Pbx(name="main", port=AMI_PORT, username="nabra", secret=Secret(secret))


def levels(found: dict[str, list[Finding]]) -> dict[str, set[str]]:
    return {part: {finding.level.value for finding in findings} for part, findings in found.items()}


@pytest.fixture
def told(world: World) -> Iterator[World]:
    """The PBX with the functions that a usual Asterisk loads and a lean one may lack."""

    async def load(action: str) -> None:
        for module in ("func_module", "func_version", "func_dialplan"):
            await world.asterisk.cli(f"module {action} {module}.so")

    world.run(load("load"))
    yield world
    world.run(load("unload"))


def test_a_well_asterisk_is_well(told: World) -> None:
    found = examined(told, lean())
    assert levels(found) == {
        "login": {"ok"},
        "version": {"ok"},
        "right to route": {"ok"},
        "right to listen": {"warning"},  # the lean account may raise no event itself
        "modules": {"ok"},
        "dialplan": {"ok"},
        "queue complaints": {"ok"},
        "queue sales": {"ok"},
        "queue reception": {"ok"},
        "test call": {"ok"},
    }
    assert "Asterisk 22." in found["version"][0].text
    assert all(finding.mend for findings in found.values() for finding in findings if finding.level is not Level.OK)


def test_what_may_not_be_asked_is_said_and_not_guessed(world: World) -> None:
    found = examined(world, lean(), call="100")
    for part in ("version", "modules", "dialplan", "test call"):
        assert [finding.level for finding in found[part]] == [Level.WARNING], part
        assert "Asterisk command line" in found[part][0].mend


def test_what_is_missing_is_named(told: World) -> None:
    settings = config.load()
    sales = dataclasses.replace(settings.destinations["sales"], name="vip", queue="vip")
    more = dataclasses.replace(settings, destinations={**settings.destinations, "vip": sales})

    async def break_it() -> None:
        await told.asterisk.cli("module unload func_rand.so")
        await told.asterisk.cli("database put nabra enabled 0")

    told.run(break_it())
    try:
        found = examined(told, lean(), more)
    finally:
        told.run(told.asterisk.cli("module load func_rand.so"))
    assert [(finding.level, finding.text.split()[0]) for finding in found["modules"]] == [(Level.FAILED, "func_rand")]
    assert found["queue vip"][0].level is Level.FAILED
    assert found["dialplan"][0].level is Level.FAILED
    assert "vip@nabra-route" in found["dialplan"][0].text
    assert found["switch"][0].level is Level.WARNING


def test_a_wrong_password_ends_the_examination(world: World) -> None:
    found = examined(world, lean("wrong-secret"))
    assert levels(found) == {"login": {"failed"}}
    assert "manager.conf" in found["login"][0].mend


EVERYTHING = Pbx(name="main", port=AMI_PORT, username=ACCOUNT, secret=Secret(SECRET))


def test_a_test_call_is_followed_to_its_route(world: World, engine: Engine) -> None:
    found = examined(world, EVERYTHING, call="100")
    assert found["test call"][0].level is Level.OK, found["test call"]
    assert "routed to 'reception'" in found["test call"][0].text


@pytest.mark.usefixtures("no_engine")
def test_a_test_call_without_an_engine_says_that_nobody_routed_it(world: World) -> None:
    found = examined(world, EVERYTHING, call="100")
    assert found["right to listen"][0].level is Level.OK
    assert found["test call"][0].level is Level.FAILED
    assert "default route" in found["test call"][0].text
    assert "nabra serve" in found["test call"][0].mend
