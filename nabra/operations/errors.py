"""What can go wrong in operations.

NabraError                (nabra/errors.py)
└── OperationsError       anything below
    └── RecordsError      records cannot be written or read
"""

from __future__ import annotations

from nabra.errors import NabraError


class OperationsError(NabraError):
    """Root of what operations raise."""


class RecordsError(OperationsError):
    """Records cannot be written or read."""
