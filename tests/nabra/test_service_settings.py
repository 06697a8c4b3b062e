"""What the live service takes from its configuration when it starts, while it runs and when it stops."""

import asyncio
import dataclasses
from pathlib import Path

import pytest

from nabra.errors import ServiceError
from tests.nabra.calls_side import Run, decision_of
from tests.nabra.pbx_side import Site, quiet, running_site, site_config


def test_a_new_config_is_a_new_generation_and_a_wrong_one_is_refused(run: Run) -> None:
    async def scenario(site: Site) -> None:
        old = site.service.generation
        with pytest.raises(ServiceError, match="listen"):
            await site.service.reload(
                dataclasses.replace(old.config, listen=dataclasses.replace(old.config.listen, port=1))
            )
        assert site.service.generation is old
        await site.service.reload(dataclasses.replace(old.config, keys={"1": "sales"}))
        assert site.service.generation.number == old.number + 1
        caller = await site.place()
        await caller.peer.send_audio(quiet(0.2))
        caller.peer.send_dtmf("1")
        assert await caller.peer.wait_over(5)
        assert site.variables(caller)["NABRA_ROUTE"] == "sales"
        record = decision_of(await site.lines(caller))
        assert record["generation"]["number"] == old.number + 1
        await site.service.reload(old.config)

    run(scenario)


def test_shadow_mode_decides_and_records_and_lets_the_call_take_the_default(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_site(tmp_path, shadow=True) as site:
            caller = await site.place()
            await caller.peer.send_audio(quiet(0.2))
            caller.peer.send_dtmf("1")
            assert await caller.peer.wait_over(5)
            assert "NABRA_ROUTE" not in site.variables(caller)
            record = decision_of(await site.lines(caller))
            assert record["decision"]["shadow_destination"] == "complaints"

    asyncio.run(scenario())


def test_stopping_hands_every_call_back_and_leaves_its_record(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running_site(tmp_path) as site:
            callers = [await site.place() for _ in range(3)]
            await asyncio.sleep(0.3)
            await site.service.stop()
            for caller in callers:
                assert await caller.peer.wait_over(2)
                assert decision_of(await site.lines(caller))["outcome"] == "open", "nobody hung up"

    asyncio.run(scenario())


def test_a_missing_password_is_said_before_anything_starts(tmp_path: Path) -> None:
    from nabra.service import Service

    settings = site_config(tmp_path, 5038)
    bare = dataclasses.replace(settings.pbx[0], secret=None, secret_env="NABRA_AMI_SECRET")
    with pytest.raises(ServiceError, match="NABRA_AMI_SECRET"):
        Service(dataclasses.replace(settings, pbx=(bare,)))


def test_a_line_without_any_audio_is_left_to_the_deadlines(run: Run) -> None:
    async def scenario(site: Site) -> None:
        assert site.service.server.settings.idle_timeout_s >= site.service.generation.config.budget.total_s

    run(scenario)
