"""`nabra demo`: sample calls, live in this terminal."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "demo",
        help="route sample calls live in this terminal",
        description="Start the engine, place synthetic sample calls through real AudioSocket connections at real-time "
        "pace, several at once, and show them live: what is heard, how the caller sounds, where the call goes, why, "
        "and how long after the end of speech. Ends with a table, and one picture per call; records of an earlier "
        "demonstration in the same folder give way to the new ones.",
    )
    parser.add_argument("--calls", type=int, default=None, metavar="N", help="place only the first N samples")
    parser.add_argument("--out", type=Path, default=Path("out/demo"), metavar="DIR", help="folder of the pictures")
    parser.add_argument("--json", action="store_true", help="print one JSON object a call instead of the live view")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Run the demo; 1 where a call was not routed."""
    from nabra.demo.run import run as run_demo

    return asyncio.run(run_demo(calls=args.calls, out=args.out, as_json=args.json))
