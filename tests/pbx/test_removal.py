"""Taking Nabra out of an Asterisk again, as INSTALL.md says it: nothing of it is left, and it can come back."""

import asyncio
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.pbx.world import World

pytestmark = pytest.mark.pbx


def commands_of(install: str, begin: str) -> str:
    """The commands of the first block below a line of the section on taking it out."""
    section = install[install.index("## 4. Take it out again") :]
    block = re.match(r"\s*((?:       .*\n)+)", section[section.index(begin) + len(begin) :])
    assert block is not None
    return block.group(1)


def test_what_install_says_takes_everything_out(world: World, pbx_files: Path, tmp_path: Path) -> None:
    asterisk = world.asterisk
    etc, sounds = asterisk.folder / "etc", asterisk.folder / "data" / "sounds"
    install = (pbx_files / "INSTALL.md").read_text(encoding="utf-8")
    script = commands_of(install, "Asterisk as it comes:\n") + commands_of(install, "if you want none of it:\n")
    script = script.replace("/etc/asterisk/", f"{etc}/").replace('(cd "$(', f'(cd "{asterisk.root}$(')
    here = f'asterisk() {{ chroot {asterisk.root} /usr/sbin/asterisk -C {asterisk.inside}/etc/asterisk.conf "$@"; }}\n'

    async def body() -> None:
        await asterisk.cli("database put nabra percent 10")
        assert "nabra-route" in await asterisk.cli("dialplan show nabra-route")
        assert "nabra" in (await asterisk.cli("manager show users")).split()
        assert list(sounds.glob("*/nabra/*.wav"))
        shutil.copytree(etc, tmp_path / "etc")
        shutil.copytree(sounds, tmp_path / "sounds")
        try:
            done = await asyncio.create_subprocess_exec(
                "bash", "-ec", here + script, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            )
            said, _ = await done.communicate()
            assert done.returncode == 0, said.decode()
            assert "There is no existence of 'nabra-route' context" in await asterisk.cli("dialplan show nabra-route")
            assert "nabra" not in (await asterisk.cli("manager show users")).split()
            assert "0 results found" in await asterisk.cli("database show nabra")
            assert not [path for path in (*etc.iterdir(), *sounds.rglob("*")) if "nabra" in path.name]
            assert not [
                path for path in etc.iterdir() if "include" in path.read_text() and "_nabra" in path.read_text()
            ]
            left = {path.name for path in sounds.rglob("*") if path.is_file()}
            assert {"vm-goodbye.gsm", "beep.gsm"} <= left, "what is not ours stays"
        finally:
            shutil.copytree(tmp_path / "etc", etc, dirs_exist_ok=True)
            shutil.copytree(tmp_path / "sounds", sounds, dirs_exist_ok=True)
            await asterisk.cli("dialplan reload")
            await asterisk.cli("manager reload")
        assert "nabra-route" in await asterisk.cli("dialplan show nabra-route")

    world.run(body())
