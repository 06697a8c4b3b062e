"""One connection of the AudioSocket server: audio in, paced audio out, and a clean end whatever happens.

A leg goes through four phases: it waits to be named, is live, is leaving (0x00 was written, or the stream is
ending: what still arrives is thrown away), and is closed. Its handler hears about the live phase only, and
`on_closed` exactly once. A handler that raises loses its own call to the dialplan and harms nothing else.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final, Protocol
from uuid import UUID

import numpy as np

from telephony.audio import StreamResampler
from telephony.audiosocket import (
    NEED_DATA,
    Audio,
    CallId,
    Closed,
    Connection,
    Dtmf,
    Event,
    Hangup,
    Pcm,
    PeerError,
    State,
)
from telephony.errors import LocalProtocolError, RemoteProtocolError
from telephony.leg_types import CloseReason, LegHandler, LegStats, OnDone, Phase, ServerSettings
from telephony.pacing import FRAME_S, Allowance
from telephony.playback import RATE_HZ, Playback

AUDIO_PER_S: Final = 1.25  # security limit: seconds of audio that a peer may send a second, in the long run
AUDIO_BURST_S: Final = 10.0  # security limit: after a delay of its own it may send this much at once
FRAME_COST_S: Final = 0.002  # what a frame of less audio counts as, an empty one or a key too
MAX_DROPPED_FRAMES: Final = 2000  # security limit: over its allowance this often, a peer is flooding us
MAX_DISCARDED_BYTES: Final = 1 << 20  # security limit: what a peer may still send after 0x00

log = logging.getLogger(__name__)


class LegHost(Protocol):
    """What a leg needs of the server that owns it."""

    settings: ServerSettings
    clock: Callable[[], float]

    def named(self, leg: "CallLeg", now_s: float) -> LegHandler | None:
        """Find a handler for a leg that has just learnt its call; None refuses it."""

    def gone(self, leg: "CallLeg") -> None:
        """Forget a leg that has closed."""

    def complain(self, kind: CloseReason, message: str) -> None:
        """Log what a peer did wrong, but not as often as it does it."""


class CallLeg:
    """What the live service holds of one connection from a PBX.

    Attributes
    ----------
    uuid : UUID
        The call; nil until the PBX has named it.
    peer : str
        Address of the PBX.
    opened_s : float
        Monotonic time at which the connection was made.
    """

    def __init__(self, transport: asyncio.Transport, host: LegHost, peer: str, now_s: float) -> None:
        self.uuid = UUID(int=0)
        self.peer = peer
        self.opened_s = now_s
        self.phase = Phase.UNNAMED
        self._transport = transport
        self._host = host
        self._loop = asyncio.get_running_loop()
        self._connection = Connection()
        self._handler: LegHandler | None = None
        self._why: CloseReason | None = None
        self._leave_by_s = 0.0
        self._last_in_s = now_s
        self._last_audio_s: float | None = None
        self._last_out_s = now_s
        self._allowance = Allowance(AUDIO_PER_S, AUDIO_BURST_S, now_s)
        self._rate_hz = RATE_HZ
        self._to_8k: StreamResampler | None = None
        self._playing: Playback | None = None
        self._free_s = now_s  # when what was written last has been heard
        self._timer: asyncio.TimerHandle | None = None
        self._discarded = 0
        self._frames_in = self._frames_out = self._keep_alive_out = self._keys_in = self._dropped_in = 0
        self._bytes_in = self._bytes_out = 0
        self._audio_in_s = self._max_gap_s = self._late_out_s = 0.0

    # ---- for the live service

    def play(self, pcm: Pcm, on_done: OnDone) -> None:
        """Play audio to the caller, in place of what is being played.

        Parameters
        ----------
        pcm : numpy.ndarray
            int16, shape [n], 8000 Hz. Sent at the rate that the PBX uses.
        on_done : callable
            Called once with (finished, now_s): True when the last sample has had time to be heard, False when
            the playing was stopped or replaced or the leg ended before.

        Raises
        ------
        LocalProtocolError
            The samples are not one-dimensional int16.
        """
        if not isinstance(pcm, np.ndarray) or pcm.dtype != np.int16 or pcm.ndim != 1:
            raise LocalProtocolError("audio to play must be a one-dimensional int16 array")
        now_s = self._host.clock()
        if self.phase is not Phase.LIVE:
            self._guard(on_done, False, now_s)
            return
        # The new one is in place before the old one's owner is told: whoever plays last, wins.
        before = self._playing
        if before is not None:
            self._free_s = before.next_s
        # However often it is asked to play, no more than real time is written.
        self._playing = Playback(pcm, on_done, max(now_s, self._free_s))
        playing = self._playing
        if before is not None:
            self._guard(before.on_done, False, now_s)
        if self._playing is playing:
            self._cancel_timer()
            self._play_on()

    def stop_playing(self) -> None:
        """Stop playing at once (barge-in): nothing is buffered, so at most one frame more is heard."""
        self._stop_playing(self._host.clock())

    def hand_back(self) -> None:
        """Give the call back to the dialplan: write 0x00, read to the end, close after a time-out."""
        self.leave(CloseReason.HANDED_BACK, self._host.clock())

    def stats(self) -> LegStats:
        """Return what went over this leg so far."""
        return LegStats(
            frames_in=self._frames_in,
            frames_out=self._frames_out,
            keep_alive_out=self._keep_alive_out,
            bytes_in=self._bytes_in,
            bytes_out=self._bytes_out,
            audio_in_s=self._audio_in_s,
            dropped_in=self._dropped_in,
            keys_in=self._keys_in,
            max_gap_ms=self._max_gap_s * 1000.0,
            late_out_ms=self._late_out_s * 1000.0,
        )

    # ---- for the server

    def receive(self, data: memoryview) -> None:
        """Take bytes that have arrived."""
        now_s = self._host.clock()
        self._last_in_s = now_s
        self._bytes_in += len(data)
        if self.phase is Phase.LEAVING:
            self._discarded += len(data)
            if self._discarded > MAX_DISCARDED_BYTES:
                self._transport.abort()
            return
        connection = self._connection
        try:
            connection.receive_data(data)
            while self.phase is Phase.LIVE or self.phase is Phase.UNNAMED:
                event = connection.next_event()
                if event is NEED_DATA:
                    return
                self._take(event, now_s)
        except RemoteProtocolError as error:
            self._broken(error, now_s)

    def receive_eof(self) -> None:
        """Take the end of the stream."""
        now_s = self._host.clock()
        if self.phase is Phase.LEAVING:
            return
        try:
            self._connection.receive_data(None)
            event = self._connection.next_event()
        except RemoteProtocolError as error:
            self._broken(error, now_s)
        else:
            if isinstance(event, Closed):
                self._end(CloseReason.HUNG_UP, now_s)

    def lost(self, error: Exception | None) -> None:
        """Take the end of the connection, for whatever reason it ended."""
        now_s = self._host.clock()
        self._end(CloseReason.LOST if error else CloseReason.HUNG_UP, now_s)
        self.phase = Phase.CLOSED
        self._tell_closed(now_s)
        self._host.gone(self)

    def leave(self, why: CloseReason, now_s: float) -> None:
        """Write 0x00 and wait for the peer to close; from here on nothing is delivered or played."""
        if self.phase in (Phase.LEAVING, Phase.CLOSED):
            return
        self._end(why, now_s)
        if self._connection.our_state is State.TALKING:
            self._write(self._connection.send_hangup(), now_s)

    def cut(self) -> None:
        """Break the connection off at once."""
        self._transport.abort()

    def sweep(self, now_s: float) -> None:
        """Check the time-outs and keep the PBX from giving up; called several times a second."""
        settings = self._host.settings
        if self.phase is Phase.LEAVING:
            if now_s >= self._leave_by_s:
                self._transport.abort()
        elif self.phase is Phase.UNNAMED:
            if now_s - self.opened_s >= settings.first_frame_timeout_s:
                self.leave(CloseReason.UNNAMED, now_s)
        elif now_s - self._last_in_s >= settings.idle_timeout_s:
            self.leave(CloseReason.IDLE, now_s)
        elif self._playing is None and now_s - self._last_out_s >= settings.keep_alive_s:
            self._keep_alive_out += 1
            self._write_audio(np.zeros(int(self._rate_hz * FRAME_S), np.int16), self._rate_hz, now_s)

    # ---- inside

    def _take(self, event: Event, now_s: float) -> None:
        if isinstance(event, Audio):
            self._take_audio(event, now_s)
        elif isinstance(event, Dtmf):
            if self._allowed(FRAME_COST_S, now_s) and self._handler is not None:
                self._keys_in += 1
                self._guard(self._handler.on_key, event.digit, now_s)
        elif isinstance(event, CallId):
            self.uuid = event.uuid
            self.phase = Phase.LIVE
            handler = self._host.named(self, now_s)
            if handler is None:
                self.leave(CloseReason.REFUSED, now_s)
                return
            self._handler = handler
            if self._why not in (None, CloseReason.HANDED_BACK):
                # It ended while it was being offered.
                self._tell_closed(now_s)
        elif isinstance(event, Hangup):
            self.leave(CloseReason.PEER_ENDED, now_s)
        elif isinstance(event, PeerError):
            self._complain(CloseReason.PEER_ERROR, f"reported error {event.code}")
            self.leave(CloseReason.PEER_ERROR, now_s)

    def _take_audio(self, event: Audio, now_s: float) -> None:
        self._frames_in += 1
        audio_s = event.pcm.size / event.rate_hz
        self._audio_in_s += audio_s
        if self._last_audio_s is not None and now_s - self._last_audio_s > self._max_gap_s:
            self._max_gap_s = now_s - self._last_audio_s
        self._last_audio_s = now_s
        if not self._allowed(max(audio_s, FRAME_COST_S), now_s):
            return
        if event.rate_hz != self._rate_hz:
            self._rate_hz = event.rate_hz
            self._to_8k = None if event.rate_hz == RATE_HZ else StreamResampler(event.rate_hz, RATE_HZ)
        pcm = event.pcm if self._to_8k is None else self._to_8k.push(event.pcm)
        if pcm.size and self._handler is not None:
            self._guard(self._handler.on_audio, pcm, now_s)

    def _allowed(self, cost_s: float, now_s: float) -> bool:
        if self._allowance.take(cost_s, now_s):
            return True
        self._dropped_in += 1
        if self._dropped_in > MAX_DROPPED_FRAMES:
            self._complain(CloseReason.FLOOD, "sends far more than real time; handed back")
            self.leave(CloseReason.FLOOD, now_s)
        return False

    def _broken(self, error: RemoteProtocolError, now_s: float) -> None:
        self._complain(CloseReason.PROTOCOL, f"{error}; handed back")
        self.leave(CloseReason.PROTOCOL, now_s)

    def _complain(self, kind: CloseReason, what: str) -> None:
        self._host.complain(kind, f"AudioSocket peer {self.peer}, call {self.uuid}: {what}")

    def _end(self, why: CloseReason, now_s: float) -> None:
        """Stop delivering and playing, for the first reason there is."""
        if self.phase in (Phase.LEAVING, Phase.CLOSED):
            return
        self.phase = Phase.LEAVING
        self._why = why
        self._leave_by_s = now_s + self._host.settings.hand_back_timeout_s
        self._stop_playing(now_s)
        # Who hands a call back knows it, and waits for the PBX to have taken it; all else is news.
        if why is not CloseReason.HANDED_BACK:
            self._tell_closed(now_s)

    def _tell_closed(self, now_s: float) -> None:
        handler, self._handler = self._handler, None
        if handler is not None:
            self._guard(handler.on_closed, self._why or CloseReason.LOST, now_s)

    def _guard(self, callback: Callable[..., None], *arguments: object) -> None:
        """Call back into the service; what raises there ends this call here and nothing else."""
        try:
            callback(*arguments)
        except Exception:
            log.exception("call %s: its handler failed; handed back", self.uuid)
            self.leave(CloseReason.HANDLER_FAILED, self._host.clock())

    def _play_on(self) -> None:
        self._timer = None
        playing = self._playing
        if playing is None:
            return
        now_s = self._host.clock()
        self._late_out_s = max(self._late_out_s, now_s - playing.next_s)
        rate_hz = self._rate_hz
        for pcm in playing.due(now_s, rate_hz):
            if not self._write_audio(pcm, rate_hz, now_s):
                return
        if playing.finished(now_s):
            self._playing = None
            self._guard(playing.on_done, True, now_s)
        else:
            self._timer = self._loop.call_later(max(0.0, playing.next_s - now_s), self._play_on)

    def _stop_playing(self, now_s: float) -> None:
        playing, self._playing = self._playing, None
        self._cancel_timer()
        if playing is not None:
            self._free_s = playing.next_s
            self._guard(playing.on_done, False, now_s)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _write_audio(self, pcm: Pcm, rate_hz: int, now_s: float) -> bool:
        self._frames_out += 1
        return self._write(self._connection.send_audio(pcm, rate_hz), now_s)

    def _write(self, frame: bytes, now_s: float) -> bool:
        self._last_out_s = now_s
        self._bytes_out += len(frame)
        self._transport.write(frame)
        if self._transport.get_write_buffer_size() <= self._host.settings.write_limit_bytes:
            return True
        self._complain(CloseReason.SLOW, "does not read; connection cut")
        self._end(CloseReason.SLOW, now_s)
        self._transport.abort()
        return False
