"""Examines this side: folders, prompts, recognisers, the tone model, the socket that the PBX must reach."""

from __future__ import annotations

import ipaddress
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from config.schema import Config, DestinationKind, SpeechEngine
from nabra.operations.doctor.days_off import days_off
from nabra.operations.doctor.findings import Finding, Level
from nabra.operations.open_calls import NAME as OPEN_CALLS
from nabra.operations.open_calls import left
from nabra.operations.record_folder import being_written
from nabra.operations.record_lines import decided_as
from nabra.state import state_dir
from router.record import Outcome

_LOW_DISK_BYTES = 500_000_000
_LONG_NOTICE_S = 15.0
_RECENT_DAYS = 2


def folders(config: Config) -> Iterator[Finding]:
    """Write to the state and records folders, and look at the room that is left."""
    state = config.state_dir or state_dir()
    records = config.records.directory or state / "records"
    for part, folder, key in (
        ("state folder", state, "state_dir"),
        ("records", records, "records.directory"),
    ):
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor-"):
                pass
            free = shutil.disk_usage(folder).free
        except OSError as error:
            yield Finding(
                Level.FAILED,
                part,
                f"{folder} cannot be written: {error.strerror}",
                f"make it writable for this user, or set {key} to another folder",
            )
            continue
        if free < _LOW_DISK_BYTES:
            yield Finding(
                Level.WARNING,
                part,
                f"only {free / 1e6:.0f} MB are free in {folder}",
                "free some space; when it is full, calls go on but their records are lost",
            )
        else:
            yield Finding(Level.OK, part, f"{folder} is writable, {free / 1e9:.1f} GB free")


def open_calls(config: Config) -> Iterator[Finding]:
    """Count the calls during which an engine died: those recorded lately, and those that the next start will record."""
    folder = config.records.directory or (config.state_dir or state_dir()) / "records"
    part = "calls of a dead engine"
    since = (datetime.now(UTC) - timedelta(days=_RECENT_DAYS)).strftime("%Y%m%d")
    try:
        waiting = [] if being_written(folder) else list(left(folder / OPEN_CALLS))
        count = decided_as(Outcome.ENGINE_DIED.value, since, folder) if folder.is_dir() else 0
    except OSError as error:
        yield Finding(
            Level.WARNING, part, f"{folder} cannot be read: {error.strerror}", "make it readable for this user"
        )
        return
    if waiting:
        text = f"{len(waiting)} calls were open when the engine died; the next start records them"
        yield Finding(Level.WARNING, part, text, "start the engine, and look in its log for why it died")
    if count:
        text = f"{count} calls of the last {_RECENT_DAYS} days: the engine died during them"
        yield Finding(Level.WARNING, part, text, "look for why in its log, or in the system's (memory, power)")
    if not waiting and not count:
        yield Finding(Level.OK, part, f"none in the last {_RECENT_DAYS} days")


def prompts(config: Config) -> Iterator[Finding]:
    """Read every prompt as it would be played."""
    from telephony.audio import AudioError, read_audio

    wanted: list[tuple[str, Path | None]] = []
    for language in config.languages:
        wanted.append((f"notice.prompts.{language}", config.notice.prompts.get(language)))
        if config.decision.ask:
            wanted.append((f"notice.ask.{language}", config.notice.ask.get(language)))
        for name, destination in config.destinations.items():
            if destination.kind is DestinationKind.SELF_SERVICE:
                wanted.append((f"destinations.{name}.prompts.{language}", destination.prompts.get(language)))
    good = 0
    for key, path in wanted:
        if path is None:
            yield Finding(Level.WARNING, "prompts", f"{key} is missing", "record a WAV and name it there")
            continue
        try:
            pcm = read_audio(path)
        except AudioError as error:
            yield Finding(Level.FAILED, "prompts", f"{key}: {error}", "record it again as 8 kHz mono 16-bit WAV")
            continue
        seconds = len(pcm) / 8000
        if seconds > _LONG_NOTICE_S:
            yield Finding(
                Level.WARNING,
                "prompts",
                f"{key} lasts {seconds:.0f} s, which callers wait through",
                f"shorten {path}",
            )
        else:
            good += 1
    if good:
        yield Finding(Level.OK, "prompts", f"{good} of {len(wanted)} prompts are there and can be played")


def recognisers(config: Config) -> Iterator[Finding]:
    """Load the recogniser of each language and let it hear a second of silence."""
    import numpy as np

    from asr.engines import create_engine
    from asr.errors import AsrError
    from nabra.ears import speech_specs

    specs = speech_specs(config)
    for language in config.languages:
        part = f"recogniser {language}"
        model = config.speech.models.get(language)
        if model is None or model.engine is SpeechEngine.NONE or language not in specs:
            yield Finding(
                Level.WARNING,
                part,
                "none is configured: these callers are routed by tone, keys and rules alone",
                f"name a model under speech.models.{language}",
            )
            continue
        start_s = time.perf_counter()
        try:
            engine = create_engine(specs[language])
            engine.load()
            session = engine.session()
            session.feed(np.zeros(engine.facts.native_rate_hz, dtype=np.int16))
            session.final()
            session.close()
        except AsrError as error:
            yield Finding(Level.FAILED, part, str(error), f"mend speech.models.{language}")
            continue
        yield Finding(
            Level.OK,
            part,
            f"{engine.facts.name} ({engine.facts.model_id}) answers, {time.perf_counter() - start_s:.1f} s to load",
        )


def sentences(config: Config) -> Iterator[Finding]:
    """Load the sentence encoder, where one is to read what callers say."""
    from nabra.sentence_encoder import INSTALL, encoder_for, installed, trouble
    from nabra.sentences import encoded

    part = "sentence encoder"
    start_s = time.perf_counter()
    if problem := trouble(config):
        level, mend = (Level.FAILED, f"{INSTALL}, or set intents.sentence_encoder to none")
        if not installed():
            level, mend = Level.WARNING, INSTALL
        yield Finding(level, part, f"it {problem}: calls are read by words alone", mend)
        return
    try:
        encoder = encoder_for(config)
        if encoder is not None:
            encoded(encoder, ("hello",))
    except Exception as error:
        text = f"it fails: {type(error).__name__}: {error}"
        yield Finding(Level.FAILED, part, text, f"{INSTALL}, or set intents.sentence_encoder to none")
        return
    if encoder is None:
        yield Finding(Level.OK, part, "none is named: calls are read by words alone (intents.sentence_encoder)")
    else:
        text = f"{encoder.encoder_id} answers, {time.perf_counter() - start_s:.1f} s to load"
        yield Finding(Level.OK, part, text)


def tone(config: Config) -> Iterator[Finding]:
    """Load the tone model and compile its kernels."""
    part = "tone model"
    if not config.tone.enabled:
        yield Finding(Level.OK, part, "switched off for the whole site (tone.enabled)")
        return
    import emotion
    from emotion.errors import EmotionError
    from nabra.ears import tone_model

    try:
        emotion.warm_up()
        model = tone_model(config)
    except EmotionError as error:
        yield Finding(Level.FAILED, part, str(error), "mend tone.model, or set tone.enabled to false")
        return
    yield Finding(Level.OK, part, "off" if model is None else f"{model.model_id} answers")


def socket_for_the_pbx(config: Config) -> Iterator[Finding]:
    """Connect to the listening address as the PBX would, and see whether it fits where the PBXs are."""
    part = "listening socket"
    listen = config.listen
    where = f"{listen.host}:{listen.port}"
    remote = [pbx for pbx in config.pbx if not _loopback(pbx.host)]
    if remote and _loopback(listen.host):
        names = ", ".join(f"{pbx.name} ({pbx.host})" for pbx in remote)
        yield Finding(
            Level.FAILED,
            part,
            f"listens on {where}, which {names} cannot reach",
            "set listen.host to this machine's address in that network",
        )
    for pbx in config.pbx:
        address = _address(pbx.host)
        if address is not None and not any(
            address in ipaddress.ip_network(network, strict=False) for network in listen.allow
        ):
            yield Finding(
                Level.FAILED,
                part,
                f"PBX {pbx.name} at {pbx.host} is not in listen.allow",
                f"add {address} to listen.allow",
            )
    host = "127.0.0.1" if listen.host in {"0.0.0.0", "::"} else listen.host
    try:
        with socket.create_connection((host, listen.port), timeout=2.0):
            yield Finding(Level.OK, part, f"{where} answers")
    except OSError as error:
        yield Finding(
            Level.WARNING,
            part,
            f"nothing answers on {where}: {error.strerror or error}",
            "start the service (nabra serve, or systemctl start nabra) and ask again",
        )


def processors(config: Config) -> Iterator[Finding]:
    """Compare the configured workers with the machine's cores."""
    cores = len(os.sched_getaffinity(0))
    models = sum(model.engine is not SpeechEngine.NONE for model in config.speech.models.values())
    workers = config.speech.workers * models
    text = f"{_counted(cores, 'core')} for {_counted(workers, 'recogniser process', 'es')} and the engine itself"
    if not workers >= cores > 1:
        yield Finding(Level.OK, "processors", text)
    elif models >= cores:
        mend = f"use a machine with {models + 1} cores or more: every language takes a process of its own"
        yield Finding(Level.WARNING, "processors", text, mend)
    else:
        yield Finding(Level.WARNING, "processors", text, f"set speech.workers to {(cores - 1) // models}")


def _counted(count: int, what: str, plural: str = "s") -> str:
    return f"{count} {what}{'' if count == 1 else plural}"


EXAMINATIONS = (folders, open_calls, prompts, days_off, recognisers, sentences, tone, processors, socket_for_the_pbx)
"""Everything that can be tried on this side, in the order in which it is told."""


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _loopback(host: str) -> bool:
    address = _address(host)
    return host == "localhost" if address is None else address.is_loopback
