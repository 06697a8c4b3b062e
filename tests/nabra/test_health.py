"""The health endpoint, asked over HTTP."""

import asyncio
import json
from collections.abc import Callable

import aiohttp
import pytest

from nabra.operations.errors import HealthError
from nabra.operations.health import HealthReport, HealthServer
from nabra.operations.metrics import Metrics


async def get(server: HealthServer, path: str) -> tuple[int, str, str]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{server.port}{path}") as answer,
    ):
        return answer.status, answer.headers["Content-Type"], await answer.text()


def ask(report: Callable[[], HealthReport], path: str) -> tuple[int, str, str]:
    async def scene() -> tuple[int, str, str]:
        metrics = Metrics()
        metrics.counter("a_total", "a").add()
        server = HealthServer("127.0.0.1", 0, report, metrics)
        await server.start()
        try:
            return await get(server, path)
        finally:
            await server.stop()
            await server.stop()

    return asyncio.run(scene())


def test_well() -> None:
    status, _, body = ask(lambda: HealthReport(facts={"generation": 3, "calls": 2}), "/health")
    assert status == 200
    assert json.loads(body) == {"ok": True, "problems": [], "generation": 3, "calls": 2}


def test_not_well_says_why() -> None:
    status, _, body = ask(lambda: HealthReport(("AMI of main is down",)), "/health")
    assert status == 503
    assert json.loads(body) == {"ok": False, "problems": ["AMI of main is down"]}


def test_a_report_that_fails_is_not_well_either() -> None:
    def broken() -> HealthReport:
        raise RuntimeError("no")

    assert ask(broken, "/health")[0] == 503


def test_metrics() -> None:
    status, kind, body = ask(HealthReport, "/metrics")
    assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert body.endswith("a_total 1\n")


def test_nothing_else_is_there() -> None:
    assert ask(HealthReport, "/")[0] == 404


def test_a_taken_port_is_said() -> None:
    async def scene() -> None:
        first = HealthServer("127.0.0.1", 0, HealthReport, Metrics())
        await first.start()
        second = HealthServer("127.0.0.1", first.port, HealthReport, Metrics())
        try:
            with pytest.raises(HealthError, match=r"health\.port"):
                await second.start()
        finally:
            await first.stop()
        assert first.port == 0

    asyncio.run(scene())
