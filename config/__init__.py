"""Everything an operator edits, its schema and its loader, and the shipped defaults.

`load` reads one YAML file and all that it names into frozen dataclasses, or raises ConfigError with every
problem at its file, line and column; `check` then says what is allowed but unwise. `schema` is the
authority on what can be set.
"""

from config.advice import Warning_, check
from config.errors import ConfigError, Position, Problem
from config.loader import SHIPPED, in_shadow, load

__all__ = ["SHIPPED", "ConfigError", "Position", "Problem", "Warning_", "check", "in_shadow", "load"]
