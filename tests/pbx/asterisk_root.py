"""A real Asterisk 22 in a folder, built once and kept in the user's cache.

Debian stable has no Asterisk package, Debian's rolling suite has; so a small root file system with nothing
but Asterisk in it is built beside the machine's own files and entered by ``chroot``. The packages come from
the mirror that the machine itself already trusts and uses. A build takes a minute or two and about 100 MB of
download; afterwards the folder is used as it is, and every test session keeps its own configuration, spool
and database in a folder of its own below ``srv/``.

Nothing is installed or built unless the machine's owner says so: it has to be root on Debian, with
``CI=true`` or ``NABRA_TEST_INSTALL=1``. Run as a program, it builds and prints the folder: ``python -m
tests.pbx.asterisk_root``.
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

SUITE = "sid"
PACKAGES = "asterisk,asterisk-core-sounds-en"
WANTED_VERSION = "22."
_SKIPPED_PATHS = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*")


class AsteriskUnavailable(Exception):
    """No Asterisk can be had here; the text says why and what would help."""


def cache_dir() -> Path:
    """Folder in which the built root is kept between test sessions."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "nabra"


def root_path() -> Path:
    """Where the root file system lies once it has been built."""
    return cache_dir() / "asterisk-22"


def why_not() -> str | None:
    """Say why no Asterisk may be built or run here, or None where it may."""
    if os.geteuid() != 0:
        return "needs root: a network namespace and a chroot are its own"
    if not Path("/etc/debian_version").exists():
        return "needs Debian: the Asterisk package is Debian's"
    if os.environ.get("CI") != "true" and os.environ.get("NABRA_TEST_INSTALL") != "1":
        return "set NABRA_TEST_INSTALL=1 to let the tests install packages and build an Asterisk of about 280 MB"
    return None


def version_of(root: Path) -> str:
    """Version that the Asterisk below `root` states, for example ``22.10.1``; empty where there is none."""
    if not (root / "usr/sbin/asterisk").exists():
        return ""
    done = subprocess.run(
        ["chroot", str(root), "/usr/sbin/asterisk", "-V"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    match = re.match(r"Asterisk (\d+(\.\d+)*)", done.stdout)
    return match.group(1) if match else ""


def ensure_root(say: Callable[[str], None]) -> Path:
    """Hand out the root file system, building it first where it is missing.

    Parameters
    ----------
    say : callable
        Gets one line of plain text at each step, because a build takes minutes.

    Raises
    ------
    AsteriskUnavailable
        The machine or its owner does not allow it, or the build failed.
    """
    reason = why_not()
    if reason is not None:
        raise AsteriskUnavailable(reason)
    cache_dir().mkdir(parents=True, exist_ok=True)
    root = root_path()
    with _locked(cache_dir() / "asterisk-22.lock"):
        version = version_of(root)
        if version.startswith(WANTED_VERSION):
            return root
        if root.exists():
            say(f"{root} holds Asterisk {version or 'unknown'}, not {WANTED_VERSION}x: building it again")
            shutil.rmtree(root)
        _build(root, say)
    return root


def _build(root: Path, say: Callable[[str], None]) -> None:
    _install_builder(say)
    mirror = _mirror()
    work = Path(tempfile.mkdtemp(prefix="asterisk-22.", suffix=".tmp", dir=root.parent))
    say(f"building Asterisk 22 into {root} (once; about 100 MB to download, one to three minutes)")
    command = [
        "mmdebstrap",
        "--quiet",
        "--variant=apt",
        "--mode=root",
        "--format=directory",
        # A mirror may be frozen at a date; signatures are checked all the same.
        '--aptopt=Acquire::Check-Valid-Until "false"',
        '--aptopt=APT::Install-Recommends "false"',
        *(f"--dpkgopt=path-exclude={path}" for path in _SKIPPED_PATHS),
        f"--include={PACKAGES}",
        SUITE,
        str(work / "root"),
        mirror,
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise AsteriskUnavailable(f"mmdebstrap failed: {done.stderr.strip()[-2000:]}")
        version = version_of(work / "root")
        if not version.startswith(WANTED_VERSION):
            raise AsteriskUnavailable(
                f"the mirror's {SUITE} has Asterisk {version or '?'}, the tests want {WANTED_VERSION}x"
            )
        (work / "root" / "srv").mkdir(exist_ok=True)
        (work / "root").rename(root)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    say(f"Asterisk {version} is ready in {root}")


def _install_builder(say: Callable[[str], None]) -> None:
    if shutil.which("mmdebstrap"):
        return
    say("installing mmdebstrap")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["apt-get", "update", "-q"],
        ["apt-get", "install", "-q", "-y", "--no-install-recommends", "mmdebstrap"],
    ):
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        if done.returncode != 0:
            raise AsteriskUnavailable(f"{' '.join(command)} failed: {done.stderr.strip()[-1000:]}")


def _mirror() -> str:
    """Mirror of the Debian archive in the machine's own apt sources."""
    done = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(CREATED_BY) $(SITE)"],
        capture_output=True,
        text=True,
        check=False,
    )
    sites = [words[1] for line in done.stdout.splitlines() if len(words := line.split()) == 2]
    archives = [site for site in sites if site.rstrip("/").endswith("/debian")]
    if not archives:
        raise AsteriskUnavailable(
            "no Debian archive among the apt sources (apt-get indextargets); add one to /etc/apt/sources.list"
        )
    return archives[0]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def main() -> int:
    """Build the root file system where needed and print its folder."""
    try:
        print(ensure_root(lambda line: print(line, file=sys.stderr, flush=True)))
    except AsteriskUnavailable as error:
        print(f"no Asterisk: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
