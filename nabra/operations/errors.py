"""What can go wrong in operations.

NabraError                (nabra/errors.py)
└── OperationsError       anything below
    ├── RecordsError      records cannot be written or read
    └── HealthError       the health endpoint cannot listen
"""

from __future__ import annotations

from nabra.errors import NabraError


class OperationsError(NabraError):
    """Root of what operations raise."""


class RecordsError(OperationsError):
    """Records cannot be written or read."""


class HealthError(OperationsError):
    """The health endpoint cannot listen."""
