"""`nabra serve`: the live service."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from config.schema import Config
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
    # One thread for each library, read when it is first imported: calls share the cores, and spinning starves them.
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")

    from nabra.operations.logs import set_up_logs

    set_up_logs()
    return asyncio.run(_serve(args.config, args.shadow))


async def _serve(path: Path | None, shadow: bool) -> int:
    import config
    from nabra.operations.health import HealthServer
    from nabra.service import Service
    from nabra.service_health import metrics_of, report

    def load() -> Config:
        loaded = config.load(path)
        return config.in_shadow(loaded) if shadow else loaded

    settings = load()
    service = Service(settings)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    # Until the service is up there is nothing to load again; the default would end the process.
    loop.add_signal_handler(signal.SIGHUP, lambda: log.warning("still starting: not loading the configuration again"))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    reloading = asyncio.Lock()
    reloads: set[asyncio.Task[None]] = set()

    def on_hup() -> None:
        task = loop.create_task(_reload(service, load, reloading))
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    starting = loop.create_task(service.start())
    told_to_stop = loop.create_task(stopping.wait())
    await asyncio.wait((starting, told_to_stop), return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        await asyncio.wait((starting,))
        return 0
    starting.result()
    loop.add_signal_handler(signal.SIGHUP, on_hup)
    metrics, call_metrics = metrics_of(service)
    health = HealthServer(settings.health.host, settings.health.port, lambda: report(service), metrics)
    counting = loop.create_task(call_metrics.follow(service.bus), name="metrics")
    try:
        if settings.health.port:
            await health.start()
        host, port = service.audio_address
        log.info("ready for calls on %s:%d", host, port)
        await stopping.wait()
        log.info("draining: %d calls are there", service.live_calls)
        await service.drain(settings.budget.total_s)
    finally:
        counting.cancel()
        await health.stop()
        await service.stop()
    log.info("stopped")
    return 0


async def _reload(service: Service, load: Callable[[], Config], one_at_a_time: asyncio.Lock) -> None:
    """Load the configuration again; whatever is wrong with it, the running one stays."""
    from nabra.errors import user_error_types

    async with one_at_a_time:
        try:
            await service.reload(await asyncio.to_thread(load))
        except user_error_types() as error:
            log.error("the new configuration is refused, the running one stays: %s", error)
        except Exception:
            log.exception("the new configuration is refused, the running one stays")
