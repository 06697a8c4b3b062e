"""Brings a named Vosk model onto this machine: list, archive, checksum, safe unpacking, and only then its name.

The Vosk project publishes a list of its models with the md5 and the size of each archive. A download that breaks
off is kept as a file that ends in `.part`, and the next run goes on behind it where the server can (HTTP Range),
else from the start; what the checksum does not confirm is thrown away. An archive is trusted with nothing: every
entry must be a plain file or folder below the one folder of the model's name, and there are limits on their
number and size. It is unpacked beside its place and renamed, so a folder with the model's name is a whole model.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import shutil
import stat
import tempfile
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from asr.errors import AsrError
from asr.vosk_engine import check_model_directory
from nabra.errors import NabraError

LIST_URL = "https://alphacephei.com/vosk/models/model-list.json"
"""The Vosk project's own list of its models."""

TIMEOUT_S = 20.0
MOST_LIST_BYTES = 4 * 1024 * 1024
MOST_ENTRIES = 20_000
MOST_BYTES = 12 * 1024**3
"""Security limits: the largest model has 3 GB and a few dozen files."""

_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
_PIECE = 1 << 18

Progress = Callable[[str, int, int], None]
"""Told what is being done, bytes done and bytes in all."""


class FetchError(NabraError):
    """A model could not be fetched; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One model of the list.

    Attributes
    ----------
    name : str
        Such as `vosk-model-small-en-us-0.15`; also the name of its folder.
    language : str
        The list's code, such as `en-us`.
    url : str
        Its archive, beside the list.
    md5 : str
        Of the archive, 32 hexadecimal digits.
    size : int
        Of the archive, bytes.
    obsolete : bool
        True where the project has a better one.
    """

    name: str
    language: str
    url: str
    md5: str
    size: int
    obsolete: bool


def read_list(data: bytes, list_url: str) -> list[Listed]:
    """Return the models of a list; entries without name, checksum or size are left out.

    Raises
    ------
    FetchError
        It is not such a list.
    """
    try:
        entries = json.loads(data)
    except ValueError:
        raise FetchError(f"{list_url} is not a list of Vosk models") from None
    if not isinstance(entries, list):
        raise FetchError(f"{list_url} is not a list of Vosk models")
    return [listed for listed in (_listed(entry, list_url) for entry in entries) if listed is not None]


def _listed(entry: Any, list_url: str) -> Listed | None:
    if not isinstance(entry, dict):
        return None
    name, md5, size = entry.get("name"), str(entry.get("md5", "")).lower(), entry.get("size")
    if not isinstance(name, str) or not re.fullmatch(_NAME, name) or not re.fullmatch(r"[0-9a-f]{32}", md5):
        return None
    if not isinstance(size, int) or not 0 < size <= MOST_BYTES:
        return None
    # Not the address in the entry: a list that somebody mirrors leads to the archives beside it.
    url = urllib.parse.urljoin(list_url, f"{name}.zip")
    return Listed(name, str(entry.get("lang", "")), url, md5, size, str(entry.get("obsolete")).lower() == "true")


def fetch_list(list_url: str = LIST_URL) -> list[Listed]:
    """Get the list of models.

    Raises
    ------
    FetchError
        There is no network, or no list there.
    """
    if urllib.parse.urlsplit(list_url).scheme not in ("http", "https"):
        raise FetchError(f"{list_url} is no address of a list: expected http or https")
    with _opened(urllib.request.Request(list_url)) as answer:
        return read_list(answer.read(MOST_LIST_BYTES), list_url)


def fetch(listed: Listed, into: Path, progress: Progress) -> Path:
    """Download, check and unpack a model; returns its directory.

    Parameters
    ----------
    listed : from the list.
    into : folder that will hold it; made where it is missing.
    progress : told how far it is.

    Raises
    ------
    FetchError
        It is there already, the download broke off, the checksum is another, or the archive is no model.
    """
    place = into / listed.name
    if place.exists():
        raise FetchError(f"{place} is there already; remove it first to fetch it again")
    into.mkdir(parents=True, exist_ok=True)
    archive = into / f"{listed.name}.zip.part"
    free = shutil.disk_usage(into).free
    if free < 3 * listed.size:
        raise FetchError(f"{into} has {free >> 20} MB free; {listed.name} needs about {3 * listed.size >> 20} MB")
    download(listed, archive, progress)
    try:
        unpack(archive, place, progress)
    except FetchError:
        archive.unlink()  # it came as the list says, and would be the same another time
        raise
    archive.unlink()
    return place


def download(listed: Listed, archive: Path, progress: Progress) -> None:
    """Bring the archive to its full size, going on behind what an earlier run left, and confirm its checksum.

    Raises
    ------
    FetchError
        It broke off (what came is kept), or the checksum is another (nothing is kept).
    """
    have = archive.stat().st_size if archive.is_file() else 0
    if have > listed.size:
        archive.unlink()
        have = 0
    if have < listed.size:
        _bring(listed, archive, have, progress)
    have = archive.stat().st_size
    if have < listed.size:
        raise FetchError(
            f"the download broke off after {have >> 20} of {listed.size >> 20} MB; run the same command again, "
            "it goes on from there"
        )
    digest = hashlib.md5(usedforsecurity=False)
    with archive.open("rb") as stream:
        while piece := stream.read(_PIECE):
            digest.update(piece)
    if have != listed.size or digest.hexdigest() != listed.md5:
        archive.unlink()
        raise FetchError(
            f"{listed.url} came with another checksum than the list says and was thrown away; run the same command "
            "again, and if it happens twice ask whoever runs your network"
        )


def _bring(listed: Listed, archive: Path, have: int, progress: Progress) -> None:
    request = urllib.request.Request(listed.url, headers={"Range": f"bytes={have}-"} if have else {})
    with _opened(request) as answer:
        goes_on = answer.status == 206 and str(answer.headers.get("Content-Range", "")).startswith(f"bytes {have}-")
        have = have if goes_on else 0
        with archive.open("ab" if goes_on else "wb") as stream:
            while have <= listed.size:
                try:
                    piece = answer.read1(_PIECE)
                except (OSError, http.client.HTTPException):
                    return  # what came is kept, and the caller sees that it is not all
                if not piece:
                    return
                stream.write(piece)
                have += len(piece)
                progress("fetching", min(have, listed.size), listed.size)


def unpack(archive: Path, place: Path, progress: Progress) -> None:
    """Unpack a model's archive and give it its name, at once.

    Parameters
    ----------
    archive : a ZIP file with one folder in it, named as `place`.
    place : must not exist; appears as a whole model or not at all.

    Raises
    ------
    FetchError
        The archive is none, holds what it should not, or is no model.
    """
    with tempfile.TemporaryDirectory(prefix=".unpacking-", dir=place.parent) as folder:
        try:
            with zipfile.ZipFile(archive) as opened:
                entries = checked_entries(opened, place.name)
                total = sum(entry.file_size for entry in entries)
                done = 0
                for entry in entries:
                    target = Path(folder, *PurePosixPath(entry.filename).parts)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    done = _unpack_one(opened, entry, target, done, total, progress)
        except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
            raise FetchError(f"{archive} cannot be unpacked: {error}") from None
        try:
            check_model_directory(Path(folder, place.name))
        except AsrError as error:
            raise FetchError(f"{archive} holds no Vosk model: {str(error).replace(folder, '')}") from None
        Path(folder, place.name).rename(place)


def checked_entries(archive: zipfile.ZipFile, name: str) -> list[zipfile.ZipInfo]:
    """Return the files of an archive; each is a plain file below the folder `name`, of a believable size.

    Raises
    ------
    FetchError
        For a path that leads elsewhere, a link, a device, or more than the limits.
    """
    entries = archive.infolist()
    if len(entries) > MOST_ENTRIES or sum(entry.file_size for entry in entries) > MOST_BYTES:
        raise FetchError("the archive is larger than any model: refused")
    files: list[zipfile.ZipInfo] = []
    for entry in entries:
        path = PurePosixPath(entry.filename)
        bad = path.is_absolute() or ".." in path.parts or "\\" in entry.filename or ":" in entry.filename
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if bad or not path.parts or path.parts[0] != name or kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise FetchError(f"the archive holds {entry.filename[:80]!r}, which is no plain file of {name}: refused")
        if not entry.is_dir():
            files.append(entry)
    return files


def _unpack_one(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, done: int, total: int, progress: Progress
) -> int:
    left = entry.file_size
    with archive.open(entry) as source, target.open("xb") as sink:
        while piece := source.read(_PIECE):
            left -= len(piece)
            if left < 0:
                raise FetchError(f"the archive says that {entry.filename[:80]!r} is smaller than it is: refused")
            sink.write(piece)
            done += len(piece)
            progress("unpacking", done, total)
    return done


@contextmanager
def _opened(request: urllib.request.Request) -> Iterator[Any]:
    """Open an address; whatever goes wrong is said in words, with what to do where there is no network."""
    url = request.full_url
    try:
        answer = urllib.request.urlopen(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        raise FetchError(f"{url} answers {error.code} {error.reason}") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise FetchError(
            f"cannot reach {urllib.parse.urlsplit(url).netloc}: {reason}. Without a network here: on a machine that "
            "has one, get the model's .zip from the Vosk project's page of models, compare its md5 with the one in "
            "the project's model-list.json, unzip it here, and name its directory in the configuration "
            "(speech.models.LANGUAGE: {engine: vosk, path: DIRECTORY})"
        ) from None
    try:
        with answer:
            yield answer
    except (OSError, http.client.HTTPException) as error:
        raise FetchError(f"{url} broke off: {error}; run the same command again") from None
