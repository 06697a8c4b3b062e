"""The rooms may import one another in one direction only."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

ROOMS = {"telephony", "asr", "emotion", "router", "config", "nabra", "benchmarks", "tests"}
MAY_IMPORT = {
    "telephony": set(),
    "asr": set(),
    "emotion": set(),
    "config": set(),
    "router": {"config"},
    "nabra": ROOMS - {"tests"},
    "benchmarks": ROOMS,
}
LEAF = "telephony.audio"


def imported_modules(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: rooms are imported by their names, not relatively"
            assert node.module is not None
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def forbidden(room: str, module: str) -> bool:
    target = module.split(".", maxsplit=1)[0]
    if target not in ROOMS or target == room or target in MAY_IMPORT[room]:
        return False
    return not (module == LEAF or module.startswith(LEAF + "."))


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_room_imports_only_what_it_may(room: str) -> None:
    files = sorted((ROOT / room).rglob("*.py"))
    assert files, f"the room {room} is empty"
    wrong = [
        f"{path.relative_to(ROOT)}: {module}"
        for path in files
        for module in imported_modules(path)
        if forbidden(room, module)
    ]
    assert wrong == []


def test_the_leaf_imports_no_room() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}: {module}"
        for path in sorted((ROOT / "telephony" / "audio").rglob("*.py"))
        for module in imported_modules(path)
        if module.split(".")[0] in ROOMS and not module.startswith(LEAF)
    ]
    assert wrong == []


def test_the_check_sees_a_forbidden_import() -> None:
    assert forbidden("asr", "router.session.Session")
    assert forbidden("emotion", "telephony.server")
    assert not forbidden("emotion", "telephony.audio.read_audio")
    assert not forbidden("router", "config.schema.Config")
