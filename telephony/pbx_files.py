"""The files that an operator installs on an Asterisk: dialplan, manager account, example queues, prompts.

The templates lie in `telephony/asterisk`. Whatever is filled in is checked first, because a dialplan is a
program: a name with a comma or a line break in it would be another program. Nothing that exists is ever
overwritten.
"""

import contextlib
import enum
import ipaddress
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from telephony.errors import PbxFilesError

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{1,31}\Z")
_QUEUE = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_HOST = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*\Z")
_USERNAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}\Z")
# Printable; no blanks, no semicolon, which begins a comment, and no > in front, which would belong to the equals
# sign.
_SECRET = re.compile(r"(?!>)[!-:<-~]{8,128}\Z")
_RESERVED = frozenset({"general", "nabra-queue"})
_LANGUAGE = re.compile(r"[a-z]{2,3}\Z")
_TEMPLATES = ("extensions_nabra.conf", "manager_nabra.conf", "queues_nabra_example.conf", "INSTALL.md")
_PRIVATE = "manager_nabra.conf"


class PbxDestinationKind(enum.Enum):
    """What a destination is in the dialplan."""

    QUEUE = "queue"
    PROMPT = "prompt"


@dataclass(frozen=True, slots=True)
class PbxDestination:
    """One place that a call can be sent to.

    Attributes
    ----------
    name : str
        Name of the destination in Nabra's configuration, and of its extension.
    kind : PbxDestinationKind
        A queue, or a recorded answer, after which the caller who stays on the line gets the default
        destination.
    queue : str
        Name of the queue in Asterisk (kind QUEUE).
    prompts : Mapping[str, Path]
        The recorded answer by language: WAV files as Asterisk plays them, 8 kHz mono 16 bit (kind PROMPT).
    """

    name: str
    kind: PbxDestinationKind
    queue: str = ""
    prompts: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PbxFilesSettings:
    """What the files say.

    Attributes
    ----------
    engine_host, engine_port : str, int
        Where Asterisk finds Nabra's AudioSocket server: a name, an IPv4 or an IPv6 address.
    watchdog_s : float
        After this many seconds with Nabra a caller goes on to the default destination, 1 to 600.
    destinations : tuple of PbxDestination
        Every destination of the configuration.
    default : str
        Name of the destination that takes every call that was not routed; a queue.
    ami_username, ami_secret : str
        The manager account; a secret of at least 8 printable characters, no blanks, no semicolon.
    enabled, pilot_percent : bool, int
        What holds until the switch and the percentage are set from the Asterisk command line.
    default_language : str
        Language of the prompts for callers whose language the dialplan does not know.
    """

    engine_host: str
    engine_port: int
    watchdog_s: float
    destinations: tuple[PbxDestination, ...]
    default: str
    ami_username: str
    ami_secret: str = field(repr=False)
    enabled: bool = True
    pilot_percent: int = 100
    default_language: str = "en"


def write_pbx_files(directory: Path, settings: PbxFilesSettings) -> list[Path]:
    """Write the files for an Asterisk into a directory, which is made where it is missing.

    Parameters
    ----------
    directory : Path
        Where to write; files of the same names must not be there.
    settings : PbxFilesSettings
        What to fill in.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    PbxFilesError
        A value would not make a dialplan, a file exists or cannot be written, or a prompt cannot be read.
        Nothing is left half written.
    """
    _check(settings)
    contents = {directory / name: text.encode() for name, text in _texts(settings).items()}
    contents |= {directory / path: data for path, data in _sounds(settings)}
    existing = [str(path) for path in contents if path.exists() or path.is_symlink()]
    if existing:
        there = "".join(f"\n    {path}" for path in existing)
        raise PbxFilesError(
            f"what exists is not overwritten:{there}\nmove it away, or write into another folder and compare the two"
        )
    written: list[Path] = []
    try:
        for path, data in contents.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            mode = 0o640 if path.name == _PRIVATE else 0o644
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            written.append(path)
            with os.fdopen(descriptor, "wb") as handle:
                handle.write(data)
    except OSError as error:
        for path in written:
            with contextlib.suppress(OSError):
                path.unlink()
        a_file = isinstance(error, FileExistsError | NotADirectoryError) and Path(error.filename) not in contents
        why = "a file stands where a folder is needed" if a_file else error.strerror
        raise PbxFilesError(f"cannot write {error.filename or directory}: {why}") from error
    return written


def _texts(settings: PbxFilesSettings) -> dict[str, str]:
    words = {
        "ENGINE": _address(settings.engine_host, settings.engine_port),
        "WATCHDOG": f"{settings.watchdog_s:g}",
        "DEFAULT": settings.default,
        "ENABLED": str(int(settings.enabled)),
        "PERCENT": str(settings.pilot_percent),
        "USERNAME": settings.ami_username,
        "SECRET": settings.ami_secret,
        "PERMIT": _permit(settings.engine_host),
        "ROUTES": "\n".join(_routes(settings)),
        "SELF_SERVICE": "\n".join(_self_service(settings)),
        "QUEUES": "\n".join(_queues(settings)),
        "COPY_SOUNDS": (
            "cp -r sounds/. \"$(asterisk -rx 'core show settings' | sed -n 's/.*Data directory: *//p')/sounds/\""
            if any(destination.prompts for destination in settings.destinations)
            else "# (there are no prompts to copy)"
        ),
        "REMOVE_SOUNDS": (
            "(cd \"$(asterisk -rx 'core show settings' | sed -n 's/.*Data directory: *//p')/sounds\" &&"
            " rm -rf nabra */nabra)"
            if any(destination.prompts for destination in settings.destinations)
            else "# (no prompts were copied)"
        ),
    }
    folder = resources.files("telephony.asterisk")
    return {name: _fill((folder / name).read_text(encoding="utf-8"), words) for name in _TEMPLATES}


def _fill(template: str, words: Mapping[str, str]) -> str:
    # One pass, so that a password that looks like a placeholder stays a password.
    return re.sub(r"@([A-Z_]+)@", lambda match: words[match.group(1)], template)


def _routes(settings: PbxFilesSettings) -> Iterator[str]:
    for destination in settings.destinations:
        name = destination.name
        if destination.kind is PbxDestinationKind.PROMPT:
            yield f"exten => {name},1,Goto(nabra-{name},s,1)"
            continue
        yield f"exten => {name},1,Queue({destination.queue},t)"
        after = "nabra-last,s" if name == settings.default else settings.default
        yield f" same => n,Goto({after},1)"


def _self_service(settings: PbxFilesSettings) -> Iterator[str]:
    for destination in settings.destinations:
        if destination.kind is not PbxDestinationKind.PROMPT:
            continue
        name = destination.name
        yield ""
        yield f"; {name}: a recorded answer. Who presses a key or stays on the line gets {settings.default}."
        yield f"[nabra-{name}]"
        yield f"exten => s,1,Background(nabra/{name},,${{FILTER(a-z,${{NABRA_LANGUAGE}})}})"
        yield " same => n,WaitExten(3)"
        yield f" same => n,Goto(nabra-route,{settings.default},1)"
        for special in ("_[0-9*#]", "i", "t"):
            yield f"exten => {special},1,Goto(nabra-route,{settings.default},1)"


def _queues(settings: PbxFilesSettings) -> Iterator[str]:
    queues = dict.fromkeys(
        destination.queue for destination in settings.destinations if destination.kind is PbxDestinationKind.QUEUE
    )
    for queue in queues:
        yield f"\n[{queue}](nabra-queue)"
        yield ";member => PJSIP/100"


def _sounds(settings: PbxFilesSettings) -> Iterator[tuple[Path, bytes]]:
    """Prompts where Asterisk looks for them: by language, and without one as the fall-back."""
    for destination in settings.destinations:
        for language, source in destination.prompts.items():
            try:
                data = source.read_bytes()
            except OSError as error:
                raise PbxFilesError(f"prompt {source} of {destination.name}: {error.strerror}") from error
            if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
                raise PbxFilesError(f"prompt {source} of {destination.name} is not a WAV file")
            yield Path("sounds", language, "nabra", f"{destination.name}.wav"), data
            if language == settings.default_language:
                yield Path("sounds", "nabra", f"{destination.name}.wav"), data


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _permit(host: str) -> str:
    """Access list of the manager account: Nabra's machine and nobody else."""
    if host == "localhost":
        return "deny=0.0.0.0/0.0.0.0\ndeny=::/0\npermit=127.0.0.1/255.255.255.255\npermit=::1/128"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return f"; {host} is a name, which an access list cannot hold; with its address in place of x.x.x.x:\n" + (
            ";deny=0.0.0.0/0.0.0.0\n;permit=x.x.x.x/255.255.255.255"
        )
    mask = "255.255.255.255" if address.version == 4 else "128"
    return f"deny=0.0.0.0/0.0.0.0\ndeny=::/0\npermit={address}/{mask}"


def _check(settings: PbxFilesSettings) -> None:
    def want(good: bool, what: str, value: object, expected: str) -> None:
        if not good:
            raise PbxFilesError(f"{what} {value!r} cannot stand in Asterisk's files: expected {expected}")

    host = settings.engine_host
    is_host = bool(_HOST.match(host)) or _is_address(host)
    want(is_host and not _is_wildcard(host), "engine host", host, "the address at which Asterisk finds Nabra")
    want(1 <= settings.engine_port <= 65_535, "engine port", settings.engine_port, "1 to 65535")
    want(1 <= settings.watchdog_s <= 600, "watchdog", settings.watchdog_s, "1 to 600 seconds")
    want(0 <= settings.pilot_percent <= 100, "pilot percentage", settings.pilot_percent, "0 to 100")
    username = settings.ami_username
    good = bool(_USERNAME.match(username)) and username not in _RESERVED
    want(good, "manager account", username, "a plain name, and not general")
    want(
        bool(_SECRET.match(settings.ami_secret)),
        "the manager account's secret",
        "***",
        "8 to 128 printable ASCII characters, no blanks, no semicolon, no > in front",
    )
    names = [destination.name for destination in settings.destinations]
    want(len(set(names)) == len(names), "destinations", names, "each name once")
    for destination in settings.destinations:
        # Single letters are Asterisk's special extensions (i, t, h, s, T ...).
        want(
            bool(_NAME.match(destination.name)),
            "destination",
            destination.name,
            "2 to 32 letters, digits and underscores, a letter first",
        )
        if destination.kind is PbxDestinationKind.QUEUE:
            want(
                bool(_QUEUE.match(destination.queue)) and destination.queue not in _RESERVED,
                f"queue of destination {destination.name}",
                destination.queue,
                "letters, digits, - and _",
            )
        for language in destination.prompts:
            want(bool(_LANGUAGE.match(language)), "language", language, "a code such as en")
    default = next((item for item in settings.destinations if item.name == settings.default), None)
    want(
        default is not None and default.kind is PbxDestinationKind.QUEUE,
        "default destination",
        settings.default,
        f"one of the queues among {', '.join(names) or 'no destinations at all'}",
    )


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_wildcard(host: str) -> bool:
    return _is_address(host) and ipaddress.ip_address(host).is_unspecified
