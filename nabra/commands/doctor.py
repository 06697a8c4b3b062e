"""`nabra doctor [CONFIG]`: tries out everything that a call will need, before callers do."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nabra.operations.doctor import Finding, Level, worst

if TYPE_CHECKING:
    from nabra.commands.check import Remark

_COLOURS = {Level.OK: "green", Level.WARNING: "yellow", Level.FAILED: "bold red"}


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "doctor",
        help="examine this machine and the Asterisks of a configuration",
        description="Examine models, prompts, folders and sockets here, and each Asterisk through its "
        "manager interface: "
        "login, rights, version, modules, dialplan, queues. Each line says ok, warning or failed, and how to "
        "mend it. "
        "Exit status 0 where nothing failed. With --json: {level, part, text, mend}.",
    )
    parser.add_argument("config", metavar="CONFIG", nargs="?", type=Path, help="default: the shipped one")
    parser.add_argument(
        "--call",
        metavar="NUMBER",
        nargs="?",
        const="",
        default=None,
        help="also place a silent test call to NUMBER (default: the first line of the config) through the "
        "dialplan; "
        "it is hung up when it is routed, and may ring an agent for a moment",
    )
    parser.add_argument("--only", choices=("here", "pbx"), help="examine only this machine, or only the PBXs")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Examine and print; 1 where something failed."""
    return asyncio.run(_run(args))


async def _run(args: argparse.Namespace) -> int:
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False, soft_wrap=True)
    findings: list[Finding] = []
    async for finding in examine(args.config, args.call, args.only):
        findings.append(finding)
        if args.json:
            print(json.dumps(finding.as_json(), ensure_ascii=False), flush=True)
            continue
        colour = _COLOURS[finding.level]
        console.print(f"[{colour}]{finding.level.value:8}[/] {escape(f'{finding.part}: {finding.text}')}")
        if finding.mend:
            console.print(f"         {escape(finding.mend)}", style="dim")
    if not args.json:
        counts = {level: sum(finding.level is level for finding in findings) for level in Level}
        console.print(", ".join(f"{count} {level.value}" for level, count in counts.items()))
    return 1 if worst(findings) is Level.FAILED else 0


async def examine(path: Path | None, call: str | None, only: str | None) -> AsyncIterator[Finding]:
    """Yield every finding as it is found.

    Parameters
    ----------
    path
        Configuration, None for the shipped one.
    call
        Number of the test call, "" for the config's first line, None for no test call.
    only
        "here", "pbx" or None for both.
    """
    import config as configuration
    from nabra.commands import check
    from nabra.operations.doctor.asterisk import AsteriskDoctor
    from nabra.operations.doctor.machine import EXAMINATIONS

    config = configuration.load(path)
    yield checked(list(check.examine(path or configuration.SHIPPED)), config.source)
    if only != "pbx":
        for examination in EXAMINATIONS:
            for finding in examination(config):
                yield finding
    if only == "here":
        return
    if not config.pbx:
        yield Finding(
            Level.FAILED,
            "PBX",
            "none is configured: no call can be routed",
            "add one under pbx in the configuration",
        )
    number = call or (config.lines[0].number if config.lines else "100")
    for pbx in config.pbx:
        async for finding in AsteriskDoctor(config, pbx).examine(None if call is None else number):
            yield finding


def checked(remarks: Sequence[Remark], source: Path | None) -> Finding:
    """Return how a configuration fares under `nabra check`, by what that says."""
    errors = sum(remark.error for remark in remarks)
    if errors:
        text = f"{source} cannot be used: {errors} to mend"
        return Finding(Level.FAILED, "configuration", text, f"see `nabra check {source}`")
    said = f"; `nabra check` says what there is to think about: {len(remarks)}" if remarks else ""
    return Finding(Level.OK, "configuration", f"{source} can be used{said}")
