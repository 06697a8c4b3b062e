"""The files for an Asterisk: what is in them, what is refused, and that nothing is overwritten."""

import itertools
import re
import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from telephony.audio import write_wav
from telephony.errors import PbxFilesError
from telephony.pbx_files import PbxDestination, PbxDestinationKind, PbxFilesSettings, write_pbx_files

QUEUE, PROMPT = PbxDestinationKind.QUEUE, PbxDestinationKind.PROMPT
SETTINGS = PbxFilesSettings(
    engine_host="192.0.2.7",
    engine_port=9092,
    watchdog_s=17.5,
    destinations=(PbxDestination("complaints", QUEUE, "400"), PbxDestination("reception", QUEUE, "front-desk")),
    default="reception",
    ami_username="nabra",
    ami_secret="a-long-secret",
)


def written(folder: Path, settings: PbxFilesSettings) -> dict[str, str]:
    paths = write_pbx_files(folder, settings)
    assert all(path.is_file() for path in paths)
    return {str(path.relative_to(folder)): path.read_bytes().decode("utf-8", "replace") for path in paths}


def test_what_is_written(tmp_path: Path) -> None:
    files = written(tmp_path / "new" / "folder", SETTINGS)
    assert set(files) == {
        "extensions_nabra.conf", "manager_nabra.conf", "queues_nabra_example.conf", "INSTALL.md",
    }  # fmt: skip
    dialplan = files["extensions_nabra.conf"]
    assert "TryExec(AudioSocket(${NABRA_UUID},192.0.2.7:9092))" in dialplan
    assert "Set(TIMEOUT(absolute)=17.5)" in dialplan
    assert "exten => complaints,1,Queue(400,t)\n same => n,Goto(reception,1)" in dialplan
    assert "exten => reception,1,Queue(front-desk,t)\n same => n,Goto(nabra-last,s,1)" in dialplan
    assert "permit=192.0.2.7/255.255.255.255" in files["manager_nabra.conf"]
    assert "secret=a-long-secret" in files["manager_nabra.conf"]
    assert "[400](nabra-queue)" in files["queues_nabra_example.conf"]
    assert "extensions_custom.conf" in files["INSTALL.md"]
    assert "manager_custom.conf" in files["INSTALL.md"]


def test_every_context_and_extension_that_is_gone_to_exists(tmp_path: Path) -> None:
    prompt = tmp_path / "prompt.wav"
    write_wav(prompt, np.zeros(800, np.int16))
    self_service = PbxDestination("selfservice", PROMPT, prompts={"en": prompt})
    settings = replace(SETTINGS, destinations=(*SETTINGS.destinations, self_service))
    dialplan = written(tmp_path / "files", settings)["extensions_nabra.conf"]
    extensions: dict[str, set[str]] = {}
    gotos: list[tuple[str, str]] = []
    context = ""
    for line in dialplan.splitlines():
        if found := re.match(r"\[([\w-]+)\]", line):
            context = found.group(1)
            extensions[context] = set()
        elif found := re.match(r"exten => ([^,]+),1,", line):
            extensions[context].add(found.group(1))
        for target in re.findall(r"Goto\(([\w-]+(?:,\w+)?),1\)", line) + re.findall(r"\?([\w,-]+),1\)", line):
            place, _, extension = target.rpartition(",")
            gotos.append((place or context, extension))
    assert ("nabra-call", "listen") in gotos
    assert ("nabra-selfservice", "s") in gotos
    for place, extension in gotos:
        assert extension in extensions[place], (place, extension)
    assert "T" in extensions["nabra-call"]
    assert "i" in extensions["nabra-route"]


def test_one_account_for_the_machine_itself(tmp_path: Path) -> None:
    files = written(tmp_path / "name", replace(SETTINGS, engine_host="localhost"))
    assert "permit=127.0.0.1/255.255.255.255\npermit=::1/128" in files["manager_nabra.conf"]
    files = written(tmp_path / "six", replace(SETTINGS, engine_host="2001:db8::7"))
    assert "permit=2001:db8::7/128" in files["manager_nabra.conf"]
    assert ",[2001:db8::7]:9092))" in files["extensions_nabra.conf"]
    files = written(tmp_path / "other", replace(SETTINGS, engine_host="engine.example.org"))
    assert "\n;permit=x.x.x.x" in files["manager_nabra.conf"]


def test_switched_off_and_as_a_pilot_as_delivered(tmp_path: Path) -> None:
    files = written(tmp_path, replace(SETTINGS, enabled=False, pilot_percent=5))
    assert "Set(NABRA_ENABLED=0)" in files["extensions_nabra.conf"]
    assert "Set(NABRA_PERCENT=5)" in files["extensions_nabra.conf"]


def test_the_password_is_kept_from_others(tmp_path: Path) -> None:
    write_pbx_files(tmp_path, SETTINGS)
    assert stat.S_IMODE((tmp_path / "manager_nabra.conf").stat().st_mode) & 0o007 == 0
    assert "a-long-secret" not in repr(SETTINGS)
    for path in tmp_path.iterdir():
        if path.name != "manager_nabra.conf":
            assert "a-long-secret" not in path.read_text(encoding="utf-8")


def test_a_password_that_looks_like_a_placeholder_stays_itself(tmp_path: Path) -> None:
    files = written(tmp_path, replace(SETTINGS, ami_secret="@DEFAULT@x@NONE@"))
    assert "secret=@DEFAULT@x@NONE@\n" in files["manager_nabra.conf"]
    for name, text in files.items():
        assert re.findall(r"@[A-Z_]+@", text.replace("@DEFAULT@x@NONE@", "")) == [], name


@pytest.mark.parametrize("name", ["extensions_nabra.conf", "INSTALL.md", "sounds/en/nabra/help.wav"])
def test_nothing_is_overwritten_and_nothing_half_written(tmp_path: Path, name: str) -> None:
    prompt = tmp_path / "prompt.wav"
    write_wav(prompt, np.zeros(800, np.int16))
    settings = replace(
        SETTINGS, destinations=(*SETTINGS.destinations, PbxDestination("help", PROMPT, prompts={"en": prompt}))
    )
    folder = tmp_path / "files"
    mine = folder / name
    mine.parent.mkdir(parents=True)
    mine.write_text("mine", encoding="utf-8")
    with pytest.raises(PbxFilesError, match="not overwritten"):
        write_pbx_files(folder, settings)
    assert mine.read_text(encoding="utf-8") == "mine"
    assert [path for path in folder.rglob("*") if path.is_file()] == [mine]


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(PbxFilesError, match="cannot write"):
        write_pbx_files(tmp_path / "file" / "below", SETTINGS)


def test_prompts_lie_where_asterisk_looks(tmp_path: Path) -> None:
    prompts = {}
    for number, language in enumerate(("en", "ar"), start=1):
        prompts[language] = tmp_path / f"{language}.wav"
        write_wav(prompts[language], np.full(800, number, np.int16))
    destinations = (*SETTINGS.destinations, PbxDestination("help", PROMPT, prompts=prompts))
    folder = tmp_path / "files"
    write_pbx_files(folder, replace(SETTINGS, destinations=destinations, default_language="ar"))
    sounds = folder / "sounds"
    assert (sounds / "en/nabra/help.wav").read_bytes() == prompts["en"].read_bytes()
    assert (sounds / "ar/nabra/help.wav").read_bytes() == prompts["ar"].read_bytes()
    assert (sounds / "nabra/help.wav").read_bytes() == prompts["ar"].read_bytes()


@pytest.mark.parametrize("content", [None, b"ID3 no wave"])
def test_a_prompt_that_is_none_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "prompt.wav"
    if content is not None:
        path.write_bytes(content)
    destinations = (*SETTINGS.destinations, PbxDestination("help", PROMPT, prompts={"en": path}))
    with pytest.raises(PbxFilesError, match=r"prompt\.wav"):
        write_pbx_files(tmp_path / "files", replace(SETTINGS, destinations=destinations))
    assert not (tmp_path / "files").exists()


def with_name(name: str) -> tuple[PbxDestination, ...]:
    return (*SETTINGS.destinations, PbxDestination(name, QUEUE, "q"))


def with_queue(queue: str) -> tuple[PbxDestination, ...]:
    return (*SETTINGS.destinations, PbxDestination("more", QUEUE, queue))


BREAKING = ("a,b", "a\nb", "a)b", "a b", "${x}", "", "[general]", "a;b", "x" * 200)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *((field, value) for field, value in itertools.product(("engine_host", "ami_username", "default"), BREAKING)),
        *(("destinations", with_name(value)) for value in (*BREAKING, "i", "T", "complaints")),
        *(("destinations", with_queue(value)) for value in (*BREAKING, "general")),
        *(
            ("ami_secret", value)
            for value in ("short", "with a blank", "semi;colon", "line\nbreak", ">arrow-first", "geheimnisö")
        ),
        ("engine_host", "0.0.0.0"),
        ("engine_host", "::"),
        ("engine_port", 0),
        ("engine_port", 65_536),
        ("watchdog_s", 0.0),
        ("watchdog_s", float("nan")),
        ("watchdog_s", 601.0),
        ("pilot_percent", 101),
        ("pilot_percent", -1),
        ("ami_username", "general"),
        ("default", "nobody"),
    ],
)
def test_what_would_break_the_files_is_refused(tmp_path: Path, field: str, value: object) -> None:
    with pytest.raises(PbxFilesError, match="expected") as refused:
        write_pbx_files(tmp_path / "files", replace(SETTINGS, **{field: value}))  # type: ignore[arg-type]
    assert not (tmp_path / "files").exists()
    if field == "ami_secret":
        assert str(value) not in str(refused.value)


def test_the_default_has_to_be_a_queue(tmp_path: Path) -> None:
    destinations = (*SETTINGS.destinations, PbxDestination("help", PROMPT))
    with pytest.raises(PbxFilesError, match="complaints, reception, help"):
        write_pbx_files(tmp_path, replace(SETTINGS, destinations=destinations, default="help"))
