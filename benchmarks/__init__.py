"""Latency, throughput and accuracy, measured side by side and kept as JSON."""

from pathlib import Path


def stages() -> list[str]:
    """Return the names of what `nabra bench` measures, in alphabetical order: each has a module `<name>_stages`."""
    return sorted(path.stem.removesuffix("_stages") for path in Path(__file__).parent.glob("*_stages.py"))
