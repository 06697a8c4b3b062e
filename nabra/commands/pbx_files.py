"""`nabra pbx-files DIR`: writes what an operator includes in Asterisk, made from a configuration."""

from __future__ import annotations

import argparse
import secrets
import sys
from pathlib import Path

from config.schema import Config, DestinationKind, Pbx
from telephony.pbx_files import PbxDestination, PbxDestinationKind, PbxFilesSettings, write_pbx_files


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "pbx-files",
        help="write the dialplan and manager account for Asterisk",
        description="Write the dialplan, the manager account, example queues and INSTALL.md for an Asterisk "
        "into DIR, from a "
        "configuration. Nothing is overwritten; nothing touches a call until you send one to the context "
        "nabra.",
    )
    parser.add_argument("directory", metavar="DIR", type=Path, help="where to write; made where it is missing")
    parser.add_argument("--config", type=Path, default=None, help="configuration (default: the shipped one)")
    parser.add_argument("--pbx", metavar="NAME", help="for which PBX of the configuration (default: the first)")
    parser.add_argument(
        "--engine-host", metavar="HOST", help="where Asterisk finds this machine (default: listen.host)"
    )
    parser.add_argument(
        "--percent", type=int, default=100, metavar="N", help="begin with this share of the calls (100)"
    )
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Write the files and name them; 1 where the PBX is not in the configuration."""
    import config as configuration

    config = configuration.load(args.config)
    pbx = next((item for item in config.pbx if args.pbx in (None, item.name)), None)
    if pbx is None:
        known = ", ".join(item.name for item in config.pbx) or "none at all"
        print(f"nabra: no PBX '{args.pbx or ''}' in {config.source}: there is {known}", file=sys.stderr)
        return 1
    secret = pbx.secret or secrets.token_urlsafe(24)
    settings = settings_of(config, pbx, secret, args.engine_host or config.listen.host, args.percent)
    for path in write_pbx_files(args.directory, settings):
        print(path)
    if not pbx.secret:
        where = f"the variable {pbx.secret_env}" if pbx.secret_env else "pbx.secret_file"
        print(
            f"A password was made up for the account '{pbx.username}': it is in manager_nabra.conf; put the "
            "same "
            f"into {where} of Nabra."
        )
    print(f"Next: {args.directory / 'INSTALL.md'}")
    return 0


def settings_of(config: Config, pbx: Pbx, secret: str, engine_host: str, percent: int) -> PbxFilesSettings:
    """Return what the files for one PBX say, from a configuration."""
    return PbxFilesSettings(
        engine_host=engine_host,
        engine_port=config.listen.port,
        watchdog_s=config.budget.total_s,
        destinations=tuple(
            PbxDestination(name, PbxDestinationKind.PROMPT, prompts=destination.prompts)
            if destination.kind is DestinationKind.SELF_SERVICE
            else PbxDestination(name, PbxDestinationKind.QUEUE, queue=destination.queue or name)
            for name, destination in config.destinations.items()
        ),
        default=config.default,
        ami_username=pbx.username,
        ami_secret=secret,
        pilot_percent=percent,
        default_language=config.default_language,
    )
