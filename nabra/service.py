"""The live service: calls from the PBX in, decisions out, until it is told to drain.

Theory of operation: everything here runs on one event loop. Recognisers run in processes of their own
(`asr.pool`), records are written by a thread (`nabra.operations.records`), the manager connection reads in a
thread (`telephony.ami`), the tone model and the sentence encoder answer all calls from a thread each
(`nabra.tone_batches`, `nabra.sentences`); none of them can hold the loop up. A call is begun when its socket and its
announcement have met, keeps the generation it began with, and is handed back whatever happens.

Start order: state, models and kernels warm, recognisers, manager connections, and the listening socket last;
a PBX that finds no listening socket goes on to its default queue at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol
from uuid import UUID

from asr.decoder import Decoder
from asr.engines import create_engine
from asr.errors import WorkerStartFailed
from asr.pool import RecogniserPool
from asr.pool_types import PoolSettings
from asr.vad import shipped_silero
from config.schema import Config
from emotion import ToneModel, warm_up
from nabra.callers import Source, language_of
from nabra.ears import Ears, listener_settings, speech_specs, tone_model
from nabra.errors import ServiceError
from nabra.generations import Loaded, load, state_of
from nabra.learning import Learner
from nabra.live import LiveCall
from nabra.loop_watch import LoopWatch
from nabra.operations.bus import CallEvent, EventBus, EventKind
from nabra.operations.outcomes import Outcomes
from nabra.operations.records import RecordStore, RecordStoreSettings
from nabra.sentence_encoder import encoder_for
from nabra.sentences import SentenceThread
from nabra.tone_batches import ToneBatches
from router.generation import Generation
from telephony.ami import AmiClient, AmiEvent, AmiSettings, AmiState
from telephony.errors import AmiDown
from telephony.leg import CallLeg
from telephony.leg_types import LegHandler, ServerSettings
from telephony.pairing import Announcement, Pairing, announcement_from
from telephony.server import AudioSocketServer, parse_networks

log = logging.getLogger(__name__)

NEEDS_RESTART = ("site", "state_dir", "listen", "pbx", "health", "speech", "records")
"""Sections that a running service cannot change."""


class Observer(Protocol):
    """Whoever wants to see calls happen; runs on the service's loop, so it must be quick or hand its work on."""

    def on_call_event(self, call: str, event: CallEvent) -> None:
        """Take one event."""


class Service:
    """One engine: listens for calls, decides them, tells the PBX.

    Parameters
    ----------
    config : as loaded.
    clock, wall : monotonic and Unix seconds.
    observers : told of every event, off the live path.
    progress : told in a few words what is being started.
    """

    def __init__(
        self,
        config: Config,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        observers: Iterable[Observer] = (),
        progress: Callable[[str], None] = log.info,
    ) -> None:
        self.clock = clock
        self.wall = wall
        self.bus = EventBus()
        self.watch = LoopWatch(clock, self._shed_tone)
        self._config = config
        self._progress = progress
        self._observers = tuple(observers)
        self._loaded: Loaded | None = None
        self._ears: Ears | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._calls: dict[str, LiveCall] = {}
        grace_s = max((pbx.announce_grace_s for pbx in config.pbx), default=2.0)
        self._pairing: Pairing[LiveCall] = Pairing(grace_s)
        self._pairing_timer: asyncio.TimerHandle | None = None
        self._outcomes = Outcomes()
        self._learner = Learner()
        self._amis = {pbx.name: self._make_ami(pbx.name, config) for pbx in config.pbx}
        records = config.records
        self.unrecorded_calls = 0
        self.records = RecordStore(
            RecordStoreSettings(
                directory=records.directory or state_of(config) / "records",
                keep_days=records.keep_days,
                rotate_bytes=records.rotate_mb * 1024 * 1024,
                mask_caller=records.mask_number,
            ),
            clock=wall,
        )
        self.pool: RecogniserPool | None = None
        self.tone: ToneBatches | None = None
        self.sentences: SentenceThread | None = None
        self.on_tone_run: Callable[[int, float], None] | None = None
        """Told after each run of the tone model how many inquiries it answered, and in how many seconds."""
        self.server = AudioSocketServer(
            ServerSettings(
                host=config.listen.host,
                port=config.listen.port,
                allow=parse_networks(config.listen.allow),
                max_calls=config.listen.max_calls,
                max_per_second=config.listen.max_new_per_second,
                # A line on which nothing at all arrives is a silent caller's too: the deadlines decide that call.
                idle_timeout_s=max(ServerSettings().idle_timeout_s, config.budget.total_s),
            ),
            self._on_leg,
            clock,
        )

    # ------------------------------------------------------------------------------------ what others see

    @property
    def generation(self) -> Generation:
        """What new calls are decided with."""
        return self.loaded.generation

    @property
    def loaded(self) -> Loaded:
        """The generation in force, with its prompts."""
        if self._loaded is None:
            raise ServiceError("the service has not been started")
        return self._loaded

    @property
    def ears(self) -> Ears:
        """What calls listen with."""
        if self._ears is None:
            raise ServiceError("the service has not been started")
        return self._ears

    @property
    def audio_address(self) -> tuple[str, int]:
        """Host and port that a PBX connects to."""
        return self.server.address

    @property
    def live_calls(self) -> int:
        """Calls whose socket is open."""
        return len(self._calls)

    def ami_states(self) -> dict[str, AmiState]:
        """Return how each PBX's manager connection stands, by the PBX's name."""
        return {name: ami.state for name, ami in self._amis.items()}

    def ami_up(self) -> bool:
        """Whether a decision could be delivered to any PBX."""
        return any(ami.state is AmiState.UP for ami in self._amis.values())

    # ----------------------------------------------------------------------------------- start and end

    async def start(self) -> None:
        """Start everything; returns when calls are served.

        Raises
        ------
        RouterError, EmotionError, AsrError, RecordsError, ServerError
            Something cannot be used, with the reason and how to mend it. What was started is stopped again.
        """
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> None:
        config = self._config
        self._progress("learning the intents and compiling the rules")
        self._loaded = await asyncio.to_thread(load, config, 1)
        self._progress("warming the tone model")
        model = await asyncio.to_thread(_warm_tone_model, config)
        if model is not None:
            self.tone = ToneBatches(model, on_run=self._on_tone_run)
            self.tone.start()
        await self._start_sentences(self._loaded)
        await asyncio.to_thread(shipped_silero)
        specs = speech_specs(config)
        speech = config.speech
        for spec in specs.values():
            await asyncio.to_thread(create_engine, spec)
        if specs:
            self._progress("loading the recognisers")
            self.pool = RecogniserPool(
                specs,
                PoolSettings(
                    workers=speech.workers,
                    hang_timeout_s=speech.hang_timeout_s,
                    max_backlog_s=speech.max_backlog_s,
                    max_rss_mb=speech.max_rss_mb,
                    max_age_s=speech.max_age_h * 3600,
                ),
            )
            try:
                await self.pool.start()
            except WorkerStartFailed as error:
                # The pool goes on trying; until it succeeds calls are decided by tone, keys and the default.
                log.error("serving without recognisers for now: %s", error)
            self._say_unknown_words(specs)
        self._ears = Ears(
            languages=frozenset(specs),
            decoder=self._decoder,
            listener=listener_settings(config),
            recogniser_id=self._recogniser_id,
            tone=self.tone,
            sentences=self.sentences,
            too_busy=self.watch.busy,
        )
        self.records.start()
        self.watch.start()
        for observer in self._observers:
            self._tasks.append(asyncio.create_task(self._tell(observer), name="observer"))
        self._progress("connecting to the PBX")
        for ami in self._amis.values():
            ami.start()
        await self.server.start()
        self._say_ready(True)

    async def _start_sentences(self, loaded: Loaded) -> None:
        """Begin to read sentences where a generation does; without an encoder, words alone are read."""
        reads = any(map(loaded.generation.encoder_of, loaded.config.languages))
        encoder = await asyncio.to_thread(encoder_for, loaded.config) if reads and self.sentences is None else None
        if encoder is not None:
            self.sentences = SentenceThread(encoder)
            self.sentences.start()

    def _say_unknown_words(self, languages: Iterable[str]) -> None:
        """Log the words of the key phrases that recognisers do not know: such phrases cannot be listened for."""
        for language in languages:
            facts = None if self.pool is None else self.pool.facts(language)
            if facts is not None and facts.unknown_words:
                said = ", ".join(facts.unknown_words[:20])
                count = len(facts.unknown_words)
                log.warning("the recogniser of %s does not know %d words of its key phrases: %s", language, count, said)

    def _say_ready(self, ready: bool) -> None:
        """Let the dialplans send calls here, or pass us by."""
        for ami in self._amis.values():
            ami.set_ready(ready)

    async def drain(self, timeout_s: float) -> None:
        """Take no new calls, and wait for those that are there, at most `timeout_s`."""
        self._say_ready(False)
        await self.server.drain()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.server.drained(), timeout_s)

    async def stop(self) -> None:
        """Hand every call back and stop everything; harmless twice."""
        self._say_ready(False)
        self._learner.stop()
        await self.server.stop()
        await asyncio.sleep(0)
        if self._pairing_timer is not None:
            self._pairing_timer.cancel()
        for ami in self._amis.values():
            await ami.stop()
        if self.pool is not None:
            await self.pool.stop()
        if self.tone is not None:
            self.tone.stop()
        if self.sentences is not None:
            self.sentences.stop()
        self.watch.stop()
        # One more turn, so that observers see the last events before they are stopped.
        await asyncio.sleep(0)
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._tasks.clear()
        await asyncio.to_thread(self.records.close)

    async def reload(self, config: Config) -> Generation:
        """Decide new calls with another configuration; calls that run keep theirs.

        Raises
        ------
        ServiceError
            It changes what only a restart can change, or its examples cannot be learnt; the running generation stays.
        RouterError
            A rule or intent cannot be used; the running generation stays.
        """
        running = self.generation.config
        changed = [name for name in NEEDS_RESTART if getattr(running, name) != getattr(config, name)]
        if running.budget.total_s != config.budget.total_s:
            changed.append("budget.total_s (the dialplan's watchdog: write the PBX's files again)")
        if running.tone.model != config.tone.model:
            changed.append("tone.model")
        if config.tone.enabled and self.tone is None:
            changed.append("tone.enabled (it was off at the start, so no model is loaded)")
        if changed:
            raise ServiceError(
                f"{config.source or 'the new config'} changes {', '.join(changed)}, which needs a restart; "
                f"generation {self.generation.number} stays in force"
            )
        loaded = await asyncio.to_thread(load, config, self.generation.number + 1, self._learner)
        await self._start_sentences(loaded)
        self._ears = dataclasses.replace(self.ears, sentences=self.sentences)
        self._loaded = loaded
        generation = loaded.generation
        log.info("generation %d is in force", generation.number, extra={"data": {"hash": generation.hash}})
        return generation

    # ------------------------------------------------------------------------------- calls come and go

    def _on_leg(self, leg: CallLeg) -> LegHandler | None:
        """Take a socket that has named its call."""
        now_s = self.clock()
        call = LiveCall(self, leg)
        self._calls[call.id] = call
        if not self.ami_up():
            call.give_back("no PBX's manager interface is connected, so no route could be delivered")
            return call
        pair = self._pairing.connected(leg.uuid, call, now_s)
        if pair is not None:
            self._begin(pair.leg, pair.announcement)
        else:
            call.unannounced()
        self._watch_pairing()
        return call

    def _on_announcement(self, announcement: Announcement) -> None:
        pair = self._pairing.announced(announcement, self.clock())
        if pair is not None:
            self._begin(pair.leg, pair.announcement)
        self._watch_pairing()

    def _begin(self, call: LiveCall, announcement: Announcement) -> None:
        try:
            self._outcomes.follow(call.id, announcement.pbx, announcement.uniqueid, announcement.linkedid, self.clock())
            call.announced(announcement)
        except Exception as error:
            # An announcement comes from the manager connection, which has no call to hand back.
            call.failed(error)

    def _watch_pairing(self) -> None:
        """Keep one timer at the moment when the next half has waited too long."""
        if self._pairing_timer is not None:
            self._pairing_timer.cancel()
            self._pairing_timer = None
        deadline_s = self._pairing.next_deadline()
        if deadline_s is not None:
            delay_s = max(0.0, deadline_s - self.clock())
            self._pairing_timer = asyncio.get_running_loop().call_later(delay_s, self._expire_pairing)

    def _expire_pairing(self) -> None:
        self._pairing_timer = None
        for _, call in self._pairing.expired(self.clock()).legs:
            call.give_back("no PBX announced this call in time")
        self._watch_pairing()

    def closed(self, call: LiveCall) -> None:
        """Forget a call whose socket closed."""
        if self._calls.get(call.id) is call:
            del self._calls[call.id]
        self._pairing.closed(UUID(call.id), call)

    def _decoder(self, call: str, language: str) -> Decoder | None:
        return None if self.pool is None else self.pool.decoder(call, language)

    def _recogniser_id(self, language: str) -> str:
        facts = None if self.pool is None else self.pool.facts(language)
        return "" if facts is None else facts.model_id

    def _on_tone_run(self, asked: int, seconds: float) -> None:
        if self.on_tone_run is not None:
            self.on_tone_run(asked, seconds)

    def _shed_tone(self) -> None:
        for call in list(self._calls.values()):
            call.shed_tone(self.watch.busy())

    # ------------------------------------------------------------------------------- what calls need of us

    def language_of(self, announcement: Announcement) -> tuple[str, Source]:
        """Return the language of a call and who said so."""
        said = announcement.language
        return language_of(self.generation.config, said, announcement.caller_number, announcement.dialled)

    def publish(self, kind: EventKind, call: str, at_s: float, audio_s: float, data: Mapping[str, object]) -> None:
        """Put an event of a call on the bus."""
        self.bus.publish(kind, call=call, at_s=at_s, audio_s=audio_s, data=data)

    def unrecorded(self, call: str) -> None:
        """Count a call that ended and left no decision record: a fault of ours, whatever became of the caller."""
        self.unrecorded_calls += 1
        self.records.forget(call)
        log.error("a call ended without a decision record", extra={"data": {"call": call}})

    def opened(self, record: Mapping[str, object]) -> None:
        """Give the record store the record so far of a call that opens: what is left of it, should this engine die."""
        self.records.opened(record)

    def keep_record(self, record: Mapping[str, object]) -> None:
        """Give a line to the record store, which writes it in its own time."""
        self.records.put(record)

    async def set_variables(self, pbx: str, channel: str, variables: Mapping[str, str]) -> None:
        """Set channel variables on a PBX.

        Raises
        ------
        AmiError
            The PBX is not connected, refused, or did not answer in time.
        """
        ami = self._amis.get(pbx)
        if ami is None:
            raise AmiDown(f"no PBX named '{pbx}' is configured")
        await ami.setvars(channel, variables, self.generation.config.budget.ami_ms / 1000)

    # ------------------------------------------------------------------------------------- the PBX speaks

    def _make_ami(self, name: str, config: Config) -> AmiClient:
        pbx = next(item for item in config.pbx if item.name == name)
        if pbx.secret is None:
            raise ServiceError(
                f"pbx '{name}': no password: set the variable {pbx.secret_env} that `secret_env` names, "
                "or give `secret_file`"
            )
        settings = AmiSettings(
            name=name,
            host=pbx.host,
            port=pbx.port,
            username=pbx.username,
            secret=str(pbx.secret),
            tls=pbx.tls,
            tls_ca=pbx.tls_ca,
        )
        return AmiClient(settings, lambda event: self._on_ami_event(name, event), lambda _state: None)

    def _on_ami_event(self, pbx: str, event: AmiEvent) -> None:
        announcement = announcement_from(event, pbx)
        if announcement is not None:
            self._on_announcement(announcement)
            return
        for outcome in self._outcomes.receive(pbx, event.name, event.fields, self.clock()):
            self.publish(outcome.kind, outcome.call, outcome.at_s, 0.0, outcome.data)
            self.keep_record(outcome.line(self.wall()))

    async def _tell(self, observer: Observer) -> None:
        subscription = self.bus.subscribe()
        try:
            async for batch in subscription.batches():
                for event in batch.events:
                    try:
                        observer.on_call_event(event.call, event)
                    except Exception:
                        log.exception("an observer failed on an event", extra={"data": {"kind": event.kind.value}})
        finally:
            subscription.close()


def _warm_tone_model(config: Config) -> ToneModel | None:
    model = tone_model(config)
    return None if model is None else warm_up(model)
