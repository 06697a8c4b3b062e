"""The doctor: tries out everything a call will need, before callers do.

`findings` says how a finding looks; `machine` examines this side (models, prompts, folders, sockets),
`asterisk` one PBX through its manager interface. Every finding that is not ok says how to mend it.
"""

from nabra.operations.doctor.findings import Finding, Level, worst

__all__ = ["Finding", "Level", "worst"]
