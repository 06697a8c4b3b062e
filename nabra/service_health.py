"""How the live service is, for its health endpoint and its metrics."""

from __future__ import annotations

import dataclasses

from nabra.operations.health import HealthReport
from nabra.operations.metrics import CallMetrics, Metrics
from nabra.service import Service
from telephony.ami import AmiState

LATE_S = 0.25
BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128)
BATCH_SECONDS = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.02, 0.1, 1.0)


def report(service: Service) -> HealthReport:
    """Return what is wrong with a running service, in sentences, and the facts behind it."""
    problems: list[str] = []
    states = service.ami_states()
    if not states:
        problems.append("no PBX is configured (section pbx), so every call is handed back")
    for name, state in states.items():
        if state is AmiState.REFUSED:
            problems.append(f"PBX '{name}' refuses the manager account: compare username and secret in manager.conf")
        elif state is not AmiState.UP:
            problems.append(f"PBX '{name}': its manager interface is not connected; calls go to its default queue")
    stats = service.records.stats()
    if stats.problem is not None:
        problems.append(f"records cannot be written: {stats.problem}")
    if stats.dropped:
        problems.append(f"{stats.dropped} records were lost since the start")
    if service.unrecorded_calls:
        problems.append(f"{service.unrecorded_calls} calls ended without a decision record: the log says which and why")
    recognisers = None if service.pool is None else service.pool.health()
    if recognisers is not None and not all(worker.ready for worker in recognisers.workers):
        ready = sum(worker.ready for worker in recognisers.workers)
        problems.append(f"{ready} of {len(recognisers.workers)} recogniser processes are ready")
    if service.tone is not None and service.tone.trouble:
        problems.append(f"{service.tone.trouble}: calls are decided without tone")
    if service.watch.late_s > LATE_S:
        problems.append(f"the event loop was {service.watch.late_s * 1000:.0f} ms late: the machine is too busy")
    facts: dict[str, object] = {
        "generation": service.generation.number,
        "generation_hash": service.generation.hash,
        "shadow": service.generation.config.shadow,
        "tone": service.generation.config.tone.enabled,
        "calls": service.live_calls,
        "refused": service.server.refused,
        "pbx": {name: state.value for name, state in states.items()},
        "recognisers": None if recognisers is None else dataclasses.asdict(recognisers),
        "records_waiting": stats.waiting,
        "engine_died_calls": stats.died,
        "loop_late_ms": round(service.watch.late_s * 1000, 1),
    }
    return HealthReport(tuple(problems), facts)


def metrics_of(service: Service) -> tuple[Metrics, CallMetrics]:
    """Return what GET /metrics prints, and what has to follow the service's bus for it."""
    metrics = Metrics()
    calls = CallMetrics(metrics)
    metrics.gauge("nabra_live_calls", "Calls whose connection is open", lambda: service.live_calls)
    metrics.gauge("nabra_generation", "Number of the configuration in force", lambda: service.generation.number)
    metrics.gauge("nabra_loop_late_seconds", "Greatest lateness of the event loop lately", lambda: service.watch.late_s)
    metrics.gauge(
        "nabra_refused_connections",
        "Connections refused since the start",
        lambda: {key: float(count) for key, count in service.server.refused.items()},
        label="why",
    )
    metrics.gauge(
        "nabra_pbx_up",
        "1 where the PBX's manager interface is connected",
        lambda: {name: float(state is AmiState.UP) for name, state in service.ami_states().items()},
        label="pbx",
    )
    batch = metrics.histogram("nabra_tone_batch_size", "Inquiries that one run of the tone model answered", BATCH_SIZES)
    took = metrics.histogram("nabra_tone_batch_seconds", "Time of one run of the tone model", BATCH_SECONDS)

    def on_tone_run(asked: int, seconds: float) -> None:
        batch.observe(asked)
        took.observe(seconds)

    service.on_tone_run = on_tone_run
    metrics.gauge(
        "nabra_unrecorded_calls",
        "Calls that ended without a decision record since the start",
        lambda: service.unrecorded_calls,
    )
    metrics.gauge(
        "nabra_engine_died_calls",
        "Calls during which the engine before this one died, recorded at the start",
        lambda: service.records.stats().died,
    )
    metrics.gauge("nabra_records_dropped", "Records lost since the start", lambda: service.records.stats().dropped)
    return metrics, calls
