"""nabra models: what is listed, and fetching from a real server that breaks off, lies and mixes things up."""

import hashlib
import io
import json
import stat
import threading
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from asr.engines import EngineKind, EngineSpec
from asr.moonshine_engine import best_model
from asr.whisper_engine import packaged_model, runtime_installed
from nabra.commands.models import _found
from nabra.model_fetch import CarefulRedirects, FetchError, checked_entries, fetch, fetch_list, read_list
from tests.asr.speech import korean_model
from tests.conftest import ROOT
from tests.nabra.command_line import nabra

NAME = "vosk-model-small-xx-0.1"
PARTS = {"am/final.mdl": b"a" * 3000, "conf/mfcc.conf": b"--x=1", "graph/HCLr.fst": b"h" * 500, "graph/Gr.fst": b"g"}


@dataclass
class Site:
    """A server of models on loopback, and how it misbehaves."""

    files: dict[str, bytes] = field(default_factory=dict)
    elsewhere: dict[str, str] = field(default_factory=dict)
    break_after: int | None = None
    ranges: bool = True
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    port: int = 0

    @property
    def list_url(self) -> str:
        """Address of the list."""
        return f"http://127.0.0.1:{self.port}/models/model-list.json"

    def offer(self, name: str, archive: bytes, **changes: object) -> None:
        """Put a model on the list."""
        entry = {
            "name": name,
            "lang": "xx",
            "md5": hashlib.md5(archive, usedforsecurity=False).hexdigest(),
            "size": len(archive),
            "url": "http://192.0.2.1/elsewhere.zip",
            "obsolete": "false",
        }
        listed = json.loads(self.files.get("/models/model-list.json", b"[]"))
        self.files["/models/model-list.json"] = json.dumps([*listed, {**entry, **changes}]).encode()
        self.files[f"/models/{name}.zip"] = archive


@pytest.fixture
def site() -> Iterator[Site]:
    served = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path in served.elsewhere:
                self.send_response(302)
                self.send_header("Location", served.elsewhere[self.path])
                self.end_headers()
                return
            data = served.files.get(self.path)
            begin = self.headers.get("Range")
            served.asked.append((self.path, begin))
            if data is None:
                self.send_error(404)
                return
            at = int(begin.removeprefix("bytes=").rstrip("-")) if begin and served.ranges else 0
            self.send_response(206 if at else 200)
            if at:
                self.send_header("Content-Range", f"bytes {at}-{len(data) - 1}/{len(data)}")
            self.send_header("Content-Length", str(len(data) - at))
            self.end_headers()
            piece = data[at:]
            if served.break_after is not None and self.path.endswith(".zip"):
                piece, served.break_after = piece[: served.break_after], None
            self.wfile.write(piece)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing is written to the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.port = server.server_port
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield served
    server.shutdown()
    thread.join()
    server.server_close()


def zipped(parts: dict[str, bytes], top: str = NAME, spoil: Callable[[zipfile.ZipFile], None] | None = None) -> bytes:
    """Return an archive with these files in one folder."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in parts.items():
            archive.writestr(f"{top}/{path}", data)
        if spoil is not None:
            spoil(archive)
    return buffer.getvalue()


def quiet(what: str, done: int, total: int) -> None:
    assert 0 <= done <= total, what


def test_the_korean_model_is_fetched_and_loads(site: Site, tmp_path: Path) -> None:
    name = "vosk-model-small-ko-0.22"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for part in sorted(korean_model().rglob("*")):
            if part.is_file():
                archive.write(part, f"{name}/{part.relative_to(korean_model())}")
    site.offer(name, buffer.getvalue())
    done = nabra("models", "fetch", name, "--into", tmp_path, "--list", site.list_url)
    assert done.returncode == 0, done.stderr
    assert "ko: {engine: vosk, path: " in done.stdout
    assert str(tmp_path / name) in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == [name]
    listed = nabra("models", "--json", "--load", "--in", tmp_path)
    rows = [json.loads(line) for line in listed.stdout.splitlines()]
    (row,) = [row for row in rows if row["language"] == "ko"]
    assert row["usable"]
    assert row["state"] == "loads"
    assert row["rate_hz"] == 16000
    again = nabra("models", "fetch", name, "--into", tmp_path, "--list", site.list_url)
    assert again.returncode == 1
    assert "is there already" in again.stderr


@pytest.mark.parametrize("ranges", [True, False], ids=["resumes", "starts again"])
def test_a_download_that_broke_off_goes_on(site: Site, tmp_path: Path, ranges: bool) -> None:
    archive = zipped(PARTS)
    site.offer(NAME, archive)
    site.ranges, site.break_after = ranges, 200
    (listed,) = fetch_list(site.list_url)
    with pytest.raises(FetchError, match=r"broke off .* run the same command again"):
        fetch(listed, tmp_path, quiet)
    assert (tmp_path / f"{NAME}.zip.part").stat().st_size == 200
    place = fetch(listed, tmp_path, quiet)
    assert site.asked[-1] == (f"/models/{NAME}.zip", "bytes=200-")
    assert {str(p.relative_to(place)): p.read_bytes() for p in place.rglob("*") if p.is_file()} == PARTS
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_another_checksum_leaves_nothing(site: Site, tmp_path: Path) -> None:
    site.offer(NAME, zipped(PARTS), md5="0" * 32)
    with pytest.raises(FetchError, match="another checksum"):
        fetch(fetch_list(site.list_url)[0], tmp_path, quiet)
    assert list(tmp_path.iterdir()) == []


def test_more_than_the_list_says_leaves_nothing(site: Site, tmp_path: Path) -> None:
    archive = zipped(PARTS)
    site.offer(NAME, archive, size=len(archive) - 1)
    with pytest.raises(FetchError, match="another checksum"):
        fetch(fetch_list(site.list_url)[0], tmp_path, quiet)
    assert list(tmp_path.iterdir()) == []


def _link(archive: zipfile.ZipFile) -> None:
    entry = zipfile.ZipInfo(f"{NAME}/am/link")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive.writestr(entry, "/etc/passwd")


@pytest.mark.parametrize(
    ("parts", "top", "spoil"),
    [
        ({**PARTS, "../../outside": b"x"}, NAME, None),
        ({"x": b"x"}, "/tmp", None),
        (PARTS, "another-folder", None),
        ({**PARTS, "a\\b": b"x"}, NAME, None),
        ({**PARTS, "c:/b": b"x"}, NAME, None),
        (PARTS, NAME, _link),
    ],
    ids=["climbs out", "absolute", "another name", "backslash", "drive", "link"],
)
def test_an_archive_that_leads_elsewhere_is_refused(
    site: Site, tmp_path: Path, parts: dict[str, bytes], top: str, spoil: Callable[[zipfile.ZipFile], None] | None
) -> None:
    site.offer(NAME, zipped(parts, top, spoil))
    with pytest.raises(FetchError, match="no plain file of"):
        fetch(fetch_list(site.list_url)[0], tmp_path / "models", quiet)
    assert list((tmp_path / "models").iterdir()) == []
    assert [path.name for path in tmp_path.iterdir()] == ["models"]


def test_an_archive_larger_than_any_model_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nabra.model_fetch.MOST_BYTES", 1000)
    with zipfile.ZipFile(io.BytesIO(zipped(PARTS))) as archive, pytest.raises(FetchError, match="larger than any"):
        checked_entries(archive, NAME)


def _twice(archive: zipfile.ZipFile) -> None:
    with pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr(f"{NAME}/am/final.mdl", b"another")


def _below_a_file(archive: zipfile.ZipFile) -> None:
    archive.writestr(f"{NAME}/am/final.mdl/below", b"x")


def _damaged() -> bytes:
    """Return an archive whose entries are whole, but what is in the first of them is not."""
    data = zipped({"am/final.mdl": bytes(range(256)) * 20})
    at = data.index(b"final.mdl") + len("final.mdl")
    return data[:at] + b"\xff" * 20 + data[at + 20 :]


@pytest.mark.parametrize(
    ("archive", "words"),
    [
        (b"PK is not enough", "cannot be unpacked"),
        (zipped({"am/final.mdl": b"x"}), "holds no Vosk model"),
        (_damaged(), "cannot be unpacked"),
        (zipped(PARTS, spoil=_twice), "a file twice"),
        (zipped(PARTS, spoil=_below_a_file), "in the place of a folder"),
        (zipped({**PARTS, "graph/HCLr.fst": bytes(1 << 20)}), "larger than any model when it is unpacked"),
    ],
    ids=["no archive", "no model", "damaged", "a file twice", "a file and a folder", "much of nothing"],
)
def test_what_is_no_model_gets_no_name(site: Site, tmp_path: Path, archive: bytes, words: str) -> None:
    site.offer(NAME, archive)
    with pytest.raises(FetchError, match=words):
        fetch(fetch_list(site.list_url)[0], tmp_path, quiet)
    assert list(tmp_path.iterdir()) == []


def test_a_list_is_read_with_care() -> None:
    good = {"name": NAME, "lang": "xx", "md5": "A" * 32, "size": 5}
    bad: list[object] = [
        7,
        {},
        {**good, "name": "../up"},
        {**good, "name": ".hidden"},
        {**good, "md5": "short"},
        {**good, "size": 0},
        {**good, "size": "5"},
        {**good, "size": 10**15},
    ]
    (listed,) = read_list(json.dumps([*bad, good]).encode(), "https://example.org/models/list.json")
    assert (listed.name, listed.md5, listed.url) == (NAME, "a" * 32, f"https://example.org/models/{NAME}.zip")
    for data in (b"", b"{}", b"<html>", b"\xff", b"[" * 500_000):
        with pytest.raises(FetchError, match="not a list"):
            read_list(data, "https://example.org/list.json")


def test_a_redirect_is_followed_but_not_to_anywhere(site: Site) -> None:
    site.offer(NAME, zipped(PARTS))
    here = site.list_url
    site.elsewhere["/moved.json"] = here
    site.elsewhere["/away.json"] = "ftp://127.0.0.1/list.json"
    assert fetch_list(here.replace("/models/model-list.json", "/moved.json"))[0].name == NAME
    with pytest.raises(FetchError, match="not http or https: refused"):
        fetch_list(here.replace("/models/model-list.json", "/away.json"))
    safe = urllib.request.Request("https://example.org/list.json")
    with pytest.raises(FetchError, match="not https: refused"):
        CarefulRedirects().redirect_request(safe, None, 302, "Found", {}, "http://example.org/list.json")
    onward = CarefulRedirects().redirect_request(safe, None, 302, "Found", {}, "https://example.com/list.json")
    assert onward is not None
    assert onward.full_url == "https://example.com/list.json"


def test_names_are_listed_and_a_wrong_one_gets_the_nearest(site: Site) -> None:
    site.offer(NAME, zipped(PARTS))
    site.offer("vosk-model-old", b"x", obsolete="true")
    done = nabra("models", "fetch", "--list", site.list_url)
    assert done.returncode == 0
    assert NAME in done.stdout
    assert "vosk-model-old" not in done.stdout
    wrong = nabra("models", "fetch", "vosk-model-small-xx-0.2", "--list", site.list_url)
    assert wrong.returncode == 1
    assert f"did you mean '{NAME}'" in wrong.stderr


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/model-list.json", "file:///etc/passwd", "nonsense"])
def test_without_a_network_it_says_what_to_do(url: str) -> None:
    done = nabra("models", "fetch", NAME, "--list", url)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "engine: vosk, path:" in done.stderr or "expected http or https" in done.stderr


def test_a_list_that_is_not_there_is_said(site: Site) -> None:
    done = nabra("models", "fetch", NAME, "--list", site.list_url)
    assert done.returncode == 1
    assert "404" in done.stderr


def test_what_is_configured_is_loaded_and_listed() -> None:
    done = nabra("models", "--json")
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    named = {row["use"]: row for row in rows}
    assert named["speech.models.en"]["state"] == "loads"
    assert named["speech.models.en"]["memory_mb"] > 50
    files = [part for part in best_model().rglob("*") if part.is_file()]
    assert named["speech.models.en"]["size_mb"] == pytest.approx(sum(part.stat().st_size for part in files) / 1e6, 0.1)
    assert named["speech.models.ar"]["engine"] == "none"
    assert named["final: whisper"]["usable"] == (runtime_installed() and packaged_model() is not None)


def test_what_a_recogniser_is_made_of_is_all_listed(tmp_path: Path) -> None:
    (tmp_path / "final.mdl").write_bytes(bytes(2_000_000))
    row = _found(EngineSpec(EngineKind.MOONSHINE, "en", crowded=tmp_path), "speech.models.en")
    alone = _found(EngineSpec(EngineKind.MOONSHINE, "en"), "speech.models.en")
    assert alone.model == str(best_model())
    assert row.model == f"{best_model()}, {tmp_path}"
    assert row.size_mb == pytest.approx((alone.size_mb or 0) + 2, abs=0.1)
    assert row.licence.startswith("MIT, see its README")


def test_a_configured_model_that_does_not_load_fails(tmp_path: Path) -> None:
    model = tmp_path / "model"
    for path, data in PARTS.items():
        (model / path).parent.mkdir(parents=True, exist_ok=True)
        (model / path).write_bytes(data)
    text = (ROOT / "config" / "defaults" / "nabra.yaml").read_text(encoding="utf-8")
    text = text.replace("ar: {engine: none}", f"ar: {{engine: vosk, path: {model}}}")
    for folder in ("prompts", "intents"):
        (tmp_path / folder).symlink_to(ROOT / "config" / "defaults" / folder)
    (tmp_path / "nabra.yaml").write_text(text, encoding="utf-8")
    done = nabra("models", "--json", "--config", tmp_path / "nabra.yaml")
    assert done.returncode == 1
    (row,) = [row for row in map(json.loads, done.stdout.splitlines()) if row["language"] == "ar"]
    assert not row["usable"]
    checked = nabra("check", tmp_path / "nabra.yaml")
    assert checked.returncode == 1
    assert f"{tmp_path / 'nabra.yaml'}:" in checked.stdout
