"""A running Asterisk for one test session: configuration, start and end, command line and log."""

import asyncio
import contextlib
import os
import shutil
import tempfile
import time
from pathlib import Path

SIP_PORT = 5060
AMI_PORT = 5038
ACCOUNT, SECRET = "harness", "harness-secret"
_START_TIMEOUT_S = 60.0

MODULES = """
res_timing_timerfd res_sorcery_config res_sorcery_memory res_sorcery_astdb pbx_config res_crypto
codec_ulaw codec_alaw codec_resample format_pcm format_sln format_wav format_gsm codec_gsm
res_rtp_asterisk bridge_simple bridge_native_rtp bridge_softmix bridge_holding bridge_builtin_features
res_pjproject res_pjsip res_pjsip_session res_pjsip_sdp_rtp res_pjsip_caller_id
res_pjsip_endpoint_identifier_ip res_pjsip_endpoint_identifier_user res_pjsip_authenticator_digest
res_pjsip_outbound_authenticator_digest res_pjsip_nat res_pjsip_dlg_options res_pjsip_rfc3326
res_pjsip_pubsub res_pjsip_refer res_pjsip_registrar res_pjsip_dtmf_info res_pjsip_header_funcs chan_pjsip
res_audiosocket app_audiosocket res_musiconhold
app_dial app_queue app_playback app_exec app_stack app_userevent app_verbose app_echo app_softhangup
func_channel func_callerid func_logic func_strings func_uuid func_timeout func_db func_rand func_global
func_math
"""

# Read by modules that are loaded, and empty because there is nothing to say.
EMPTY_FILES = (
    "acl", "ccss", "features", "indications", "pjproject", "queuerules", "sorcery", "stasis", "udptl", "cli_aliases",
)  # fmt: skip


class Asterisk:
    """One Asterisk below a root file system, with a folder of its own in it.

    Parameters
    ----------
    root : Path
        Root file system, as `tests.pbx.asterisk_root` builds it.
    queues : mapping of str to sequence of str
        Queues of the PBX and their members by SIP user; `agent_port` says where they have to listen.
    includes : Path or None
        Folder of the files that `nabra pbx-files` wrote; they are included as they are.
    extensions : str
        Further dialplan; calls arrive in the context `inbound`.
    """

    def __init__(
        self, root: Path, queues: dict[str, list[str]], includes: Path | None = None, extensions: str = ""
    ) -> None:
        self.root = root
        _remove_stale(root / "srv")
        self.folder = Path(tempfile.mkdtemp(prefix=f"session-{os.getpid()}-", dir=root / "srv"))
        self.inside = "/" + str(self.folder.relative_to(root))
        self.agents = list(dict.fromkeys(member for members in queues.values() for member in members))
        self._process: asyncio.subprocess.Process | None = None
        for name in ("etc", "lib", "spool", "run", "log", "moh", "data"):
            (self.folder / name).mkdir()
        # Without its own documentation Asterisk does not start.
        (self.folder / "data" / "documentation").symlink_to("/usr/share/asterisk/documentation")
        # Sounds of Asterisk and sounds of ours side by side, without writing into Asterisk's.
        (self.folder / "data" / "sounds").mkdir()
        own = includes / "sounds" if includes is not None else None
        if own is not None and own.is_dir():
            shutil.copytree(own, self.folder / "data" / "sounds", dirs_exist_ok=True)
        english = self.folder / "data" / "sounds" / "en"
        english.mkdir(exist_ok=True)
        for name in ("vm-goodbye.gsm", "beep.gsm"):
            shutil.copy(next((root / "usr/share/asterisk/sounds").glob(f"en*/{name}")), english / name)
        for name, text in self._files(queues, includes, extensions).items():
            (self.folder / "etc" / name).write_text(text, encoding="utf-8")
        if includes is not None:
            for path in includes.glob("*_nabra.conf"):
                shutil.copy(path, self.folder / "etc" / path.name)

    async def start(self) -> None:
        """Start it in the namespace of the calling thread, and wait until it has booted."""
        output = (self.folder / "log" / "output").open("ab")
        self._process = await asyncio.create_subprocess_exec(
            "setpriv", "--pdeathsig", "KILL",  # nothing is left behind when the tests themselves are killed
            "chroot", str(self.root), "/usr/sbin/asterisk", "-f", "-C", f"{self.inside}/etc/asterisk.conf",
            stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output,
        )  # fmt: skip
        output.close()
        deadline_s = time.monotonic() + _START_TIMEOUT_S
        while "fully booted" not in await self.cli("core waitfullybooted"):
            if self._process.returncode is not None or time.monotonic() > deadline_s:
                raise RuntimeError(f"Asterisk did not start:\n{self.log()[-4000:]}")
            await asyncio.sleep(0.2)

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    async def stop(self) -> None:
        """End it, and remove its folder."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    async def cli(self, command: str) -> str:
        """Give a command to its command line and return the output."""
        process = await asyncio.create_subprocess_exec(
            "chroot", str(self.root), "/usr/sbin/asterisk", "-C", f"{self.inside}/etc/asterisk.conf",
            "-rx", command,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        output, _ = await process.communicate()
        return output.decode(errors="replace")

    def log(self) -> str:
        """Everything that it logged so far."""
        text = ""
        for name in ("output", "full"):
            with contextlib.suppress(OSError):
                text += (self.folder / "log" / name).read_text(errors="replace")
        return text

    def _files(self, queues: dict[str, list[str]], includes: Path | None, extensions: str) -> dict[str, str]:
        at = self.inside
        files = {f"{name}.conf": "" for name in EMPTY_FILES}
        files["asterisk.conf"] = f"""[directories]
astetcdir => {at}/etc
astmoddir => {_module_folder(self.root)}
astvarlibdir => {at}/lib
astdbdir => {at}/lib
astkeydir => {at}/lib
astdatadir => {at}/data
astagidir => {at}/lib
astspooldir => {at}/spool
astrundir => {at}/run
astlogdir => {at}/log
astcachedir => {at}/spool
astsbindir => /usr/sbin

[options]
verbose = 3
nocolor = yes
systemname = nabra-test
"""
        files["modules.conf"] = "[modules]\nautoload=no\n" + "".join(f"load = {name}.so\n" for name in MODULES.split())
        files["logger.conf"] = "[general]\ndateformat=%F %T.%3q\n[logfiles]\nfull => notice,warning,error,verbose\n"
        files["cdr.conf"] = files["cel.conf"] = "[general]\nenable=no\n"
        files["musiconhold.conf"] = f"[default]\nmode=files\ndirectory={at}/moh\n"
        files["rtp.conf"] = "[general]\nrtpstart=20000\nrtpend=29999\n"
        files["manager.conf"] = f"""[general]
enabled=yes
bindaddr=127.0.0.1
port={AMI_PORT}
timestampevents=yes

[{ACCOUNT}]
secret={SECRET}
deny=0.0.0.0/0.0.0.0
permit=127.0.0.1/255.255.255.255
read=all
write=all
""" + ("#include manager_nabra.conf\n" if includes is not None else "")
        files["extensions.conf"] = (
            "[general]\nstatic=yes\n"
            + ("#include extensions_nabra.conf\n" if includes is not None else "")
            + "\n[inbound]\n"
            + ("exten => _X.,1,Goto(nabra,${EXTEN},1)\n" if includes is not None else "")
            + extensions
        )
        files["queues.conf"] = "[general]\npersistentmembers=no\nautofill=yes\n" + "".join(
            f"\n[{name}]\nstrategy=rrmemory\ntimeout=15\nretry=1\nringinuse=no\njoinempty=yes\nleavewhenempty=no\n"
            + "".join(f"member => PJSIP/{member}\n" for member in members)
            for name, members in queues.items()
        )
        files["pjsip.conf"] = self._pjsip()
        return files

    def _pjsip(self) -> str:
        media = (
            "transport=udp\ncontext=inbound\ndisallow=all\nallow=ulaw\ndirect_media=no\nmedia_address=127.0.0.1\n"
            "bind_rtp_to_media_address=yes\ntimers=no\n"
        )
        text = f"""[global]
type=global
user_agent=nabra-test
endpoint_identifier_order=ip,username

[udp]
type=transport
protocol=udp
bind=127.0.0.1:{SIP_PORT}

[caller]
type=endpoint
dtmf_mode=rfc4733
{media}
[caller-ip]
type=identify
endpoint=caller
match=127.0.0.1
"""
        for agent in self.agents:
            text += f"""
[{agent}]
type=endpoint
aors={agent}
{media}
[{agent}]
type=aor
contact=sip:{agent}@127.0.0.1:{self.agent_port(agent)}
"""
        return text

    def agent_port(self, agent: str) -> int:
        """SIP port at which an agent has to listen."""
        return 5071 + self.agents.index(agent)


def _module_folder(root: Path) -> str:
    found = next((root / "usr/lib").glob("*/asterisk/modules"))
    return "/" + str(found.relative_to(root))


def _remove_stale(sessions: Path) -> None:
    """Remove the folders of test sessions that were killed."""
    for folder in sessions.glob("session-*"):
        owner = folder.name.split("-")[1]
        if owner.isdigit() and not Path("/proc", owner).exists():
            shutil.rmtree(folder, ignore_errors=True)
