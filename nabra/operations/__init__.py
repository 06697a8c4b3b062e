"""What keeps Nabra running and answerable: events, records, outcomes, health, logs, and the doctor.

Everything here watches calls and never holds one up: the bus numbers every change of state and lets slow
readers fall behind, the record store writes off the event loop and counts what it could not write, the
outcomes follow a call into the PBX's queues, the health endpoint and the logs tell operators what is wrong
without a caller's number or words in them, and the doctor tries an Asterisk out before callers do.
"""

from nabra.operations.bus import Batch, CallEvent, EventBus, EventKind, Subscription
from nabra.operations.record_lines import find, read
from nabra.operations.records import RecordStore, RecordStoreSettings, StoreStats

__all__ = [
    "Batch",
    "CallEvent",
    "EventBus",
    "EventKind",
    "RecordStore",
    "RecordStoreSettings",
    "StoreStats",
    "Subscription",
    "find",
    "read",
]
