"""Deciding a recorded call again, from the evidence that its record holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from router.commands import Decision
from router.errors import ReplayError
from router.evidence import Tick
from router.generation import Generation
from router.record import DecisionRecord, RecordedCall, read_record
from router.session import Session


def replay(record: DecisionRecord | Mapping[str, Any], generation: Generation) -> Decision | None:
    """Feed a record's evidence to a new session; return its decision, None where the caller hung up first.

    Under the generation that made the record the decision is the same, bit for bit. Under another it is what
    that generation would have done, as far as the record reaches.

    Raises
    ------
    RecordError
        Where the record cannot be read.
    ReplayError
        Where its words were not kept, or the evidence ends before this generation would have decided.
    """
    recorded = read_record(record.to_json() if isinstance(record, DecisionRecord) else record)
    if not recorded.has_text:
        raise ReplayError(f"call {recorded.call.call}: its words were not kept (records.keep_text is false)")
    session = _fed(recorded, generation)
    if session.decision is None and recorded.decision is not None:
        raise ReplayError(f"call {recorded.call.call}: the evidence ends before this configuration would have decided")
    return session.decision


def _fed(recorded: RecordedCall, generation: Generation) -> Session:
    session = Session(recorded.call, generation, 0.0, recogniser_available=recorded.recogniser_available)
    for event, now_s in recorded.evidence:
        if session.decision is not None:
            break
        if isinstance(event, Tick):
            session.tick(now_s)
        else:
            session.receive(event, now_s)
    return session
