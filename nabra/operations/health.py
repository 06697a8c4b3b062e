"""The health endpoint: GET /health for supervisors and load balancers, GET /metrics for Prometheus.

/health answers 200 while callers are served as configured and 503 otherwise, with JSON that says what is
wrong in words an operator can act on: {"ok", "problems", and the facts that the service gives}. Neither page
holds anything of a caller.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from aiohttp import web

from nabra.operations.errors import HealthError
from nabra.operations.metrics import Metrics

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HealthReport:
    """How the service is: what is wrong now, in sentences, and facts (JSON-able) for whoever looks closer."""

    problems: tuple[str, ...] = ()
    facts: Mapping[str, object] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether callers are served as configured."""
        return not self.problems


class HealthServer:
    """Answers on one address, by custom on loopback only.

    Parameters
    ----------
    host, port
        Where to listen; port 0 takes a free one (see `port` once started).
    report
        Called for every GET /health on the event loop; must be quick.
    metrics
        What GET /metrics prints.
    """

    def __init__(self, host: str, port: int, report: Callable[[], HealthReport], metrics: Metrics) -> None:
        self._host = host
        self._wanted_port = port
        self._report = report
        self._metrics = metrics
        self._runner: web.AppRunner | None = None

    @property
    def port(self) -> int:
        """The port that is listened on; 0 while stopped."""
        if self._runner is None or not self._runner.addresses:
            return 0
        return int(self._runner.addresses[0][1])

    async def start(self) -> None:
        """Begin to answer.

        Raises
        ------
        HealthError
            The address cannot be listened on.
        """
        app = web.Application()
        app.router.add_get("/health", self._health)
        app.router.add_get("/metrics", self._metrics_page)
        runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._wanted_port).start()
        except OSError as error:
            await runner.cleanup()
            raise HealthError(
                f"the health endpoint cannot listen on {self._host}:{self._wanted_port}: {error.strerror}; "
                "set health.port to a free port"
            ) from error
        self._runner = runner

    async def stop(self) -> None:
        """Stop answering; harmless twice."""
        if self._runner is not None:
            runner, self._runner = self._runner, None
            await runner.cleanup()

    async def _health(self, _request: web.Request) -> web.Response:
        try:
            report = self._report()
        except Exception:
            log.exception("the service could not say how it is")
            report = HealthReport(("the service could not say how it is; see its log",))
        body = {"ok": report.ok, "problems": list(report.problems), **report.facts}
        return web.json_response(body, status=200 if report.ok else 503)

    async def _metrics_page(self, _request: web.Request) -> web.Response:
        return web.Response(
            body=self._metrics.text().encode(),
            headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
        )
