"""`nabra serve`: the live service."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nabra.service import Service

log = logging.getLogger("nabra")


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "serve",
        help="serve live calls",
        description="Serve live calls of the PBX. SIGHUP loads the configuration again, or keeps the running one and "
        "says why; SIGTERM takes no new calls and ends when those that are there have been routed.",
    )
    parser.add_argument("config", type=Path, nargs="?", help="configuration (default: the shipped one)")
    parser.add_argument("--shadow", action="store_true", help="decide and record, but let every call take the default")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Serve until told to stop; 1 where the service cannot start."""
    from nabra.operations.logs import set_up_logs

    set_up_logs()
    return asyncio.run(_serve(args.config, args.shadow))


async def _serve(path: Path | None, shadow: bool) -> int:
    import dataclasses

    import config
    from nabra.operations.health import HealthServer
    from nabra.service import Service

    def load() -> config.Config:
        loaded = config.load(path)
        return dataclasses.replace(loaded, shadow=True) if shadow else loaded

    settings = load()
    service = Service(settings)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    reloading = asyncio.Lock()
    reloads: set[asyncio.Task[None]] = set()

    def on_hup() -> None:
        task = loop.create_task(_reload(service, load, reloading))
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    loop.add_signal_handler(signal.SIGHUP, on_hup)
    await service.start()
    health = HealthServer(service, settings.health)
    await health.start()
    log.info("ready", extra={"site": settings.site})
    try:
        await stopping.wait()
        log.info("draining", extra={"calls": service.live_calls})
        await service.drain(settings.budget.total_s)
    finally:
        await health.stop()
        await service.stop()
    log.info("stopped")
    return 0


async def _reload(service: Service, load: Callable[[], object], one_at_a_time: asyncio.Lock) -> None:
    """Load the configuration again; whatever is wrong with it, the running one stays."""
    from config.schema import Config
    from nabra.errors import user_error_types

    async with one_at_a_time:
        try:
            loaded = await asyncio.to_thread(load)
            assert isinstance(loaded, Config)
            await service.reload(loaded)
        except user_error_types() as error:
            log.error("new configuration refused", extra={"problem": str(error)})
        except Exception:
            log.exception("new configuration refused")
