"""The command line: `nabra COMMAND`; every command is one module in `nabra.commands`."""

import argparse
import importlib
import os
import re
import sys
from collections.abc import Sequence

from nabra.state import use_kernel_cache

COMMANDS = (
    "demo",
    "serve",
    "route",
    "transcribe",
    "emotion",
    "train",
    "intent",
    "check",
    "models",
    "explain",
    "replay",
    "compare",
    "doctor",
    "bench",
    "pbx-files",
)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser with every command added."""
    parser = argparse.ArgumentParser(
        prog="nabra",
        description="Nabra listens to the first seconds of a call, understands what the caller wants and how the "
        "caller sounds, and tells the PBX where the call should go.",
        epilog="`nabra COMMAND --help` explains one command. Start with `nabra demo`.",
    )
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name in COMMANDS:
        module = importlib.import_module("nabra.commands." + name.replace("-", "_"))
        module.add(subparsers)
        subparsers.choices[name].set_defaults(parser=subparsers.choices[name])
    return parser


def _parsed(words: Sequence[str]) -> argparse.Namespace:
    """Return the arguments; where they are wrong, exit with 2, the usage of the command and the nearest word."""
    parser = build_parser()
    if words and not words[0].startswith("-") and words[0] not in COMMANDS:
        parser.error(f"there is no command '{words[0]}'{_meant(words[0], COMMANDS)}")
    args, unknown = parser.parse_known_args(words)
    if unknown:
        command: argparse.ArgumentParser = args.parser
        options = re.findall(r"--[\w-]+", command.format_usage())
        command.error(f"{command.prog} knows no '{unknown[0]}'{_meant(unknown[0].split('=')[0], options)}")
    return args


def _meant(word: str, known: Sequence[str]) -> str:
    from config.nearest import nearest

    near = nearest(word, known)
    if near is not None:
        return f"; did you mean '{near}'?"
    return f"; there is {', '.join(known)}" if known else ""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0 done, 1 failed with a said reason, 2 wrong usage."""
    from nabra.errors import user_error_types

    use_kernel_cache()
    args = _parsed(sys.argv[1:] if argv is None else argv)
    try:
        return int(args.func(args))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader (head, a pager) went away: nothing is left to say to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except user_error_types() as error:
        print(f"nabra: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        # A folder or file that was named on the command line; anything without a name is a fault of ours.
        if error.filename is None:
            raise
        print(f"nabra: {os.fsdecode(error.filename)}: {_why(error)}", file=sys.stderr)
        return 1


def _why(error: OSError) -> str:
    match error:
        case FileExistsError():
            return "this is a file, and a folder is needed"
        case NotADirectoryError():
            return "a file stands where a folder is needed"
        case IsADirectoryError():
            return "this is a folder, and a file is needed"
    return error.strerror or str(error)


if __name__ == "__main__":
    sys.exit(main())
