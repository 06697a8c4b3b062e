"""Evidence -> decision. Pure, told the time, no I/O.

`Generation.fit` turns a configuration into everything that decides; a `Session` takes one call from its
notice to its decision, in events (`router.evidence`) and commands (`router.commands`); its `record` says
why, and `replay` decides a recorded call again. Intents live in `router.intent`, rules in `router.rules`,
the decision itself in `router.decider`.
"""

from router.commands import Command, Decision, Trigger
from router.errors import RecordError, ReplayError, RouterError, RulesError
from router.generation import Generation
from router.ladder import Rung
from router.reasons import Reason
from router.record import CallFacts, DecisionRecord
from router.redact import redact
from router.replay import replay
from router.session import Session, State
from router.variables import VARIABLES

__all__ = [
    "VARIABLES",
    "CallFacts",
    "Command",
    "Decision",
    "DecisionRecord",
    "Generation",
    "Reason",
    "RecordError",
    "ReplayError",
    "RouterError",
    "RulesError",
    "Rung",
    "Session",
    "State",
    "Trigger",
    "redact",
    "replay",
]
