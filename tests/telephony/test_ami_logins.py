"""How the client of the manager interface gets in: addresses, certificates, passwords, a PBX that is not there yet."""

import asyncio
import shutil
import socket
import ssl
import subprocess
from pathlib import Path

import pytest

from telephony.ami import AmiClient, AmiState
from telephony.ami_peer import AmiPeer
from telephony.errors import AmiDown
from tests.telephony.ami_side import Watch, run, settings


def test_the_first_login_is_tried_until_the_pbx_is_there() -> None:
    async def body() -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        watch = Watch()
        client = AmiClient(settings(port), watch.on_event, watch.on_state)
        client.start()
        await watch.until_state(AmiState.DOWN, 3)
        with pytest.raises(AmiDown, match="main"):
            await client.action("Ping", {}, 1.0)
        peer = AmiPeer("nabra", "secret", port=port)
        await peer.start()
        await watch.until_state(AmiState.UP)
        await client.stop()
        await peer.stop()
        assert AmiState.REFUSED not in watch.states

    run(body)


def test_a_refused_login_is_told_apart_and_mended() -> None:
    async def body() -> None:
        peer = AmiPeer("nabra", "other secret")
        await peer.start()
        watch = Watch()
        client = AmiClient(settings(peer.port), watch.on_event, watch.on_state)
        client.start()
        await watch.until_state(AmiState.REFUSED, 2)
        assert "Authentication failed" in client.last_error
        assert "secret" not in repr(client.settings)
        peer._account = ("nabra", "secret")
        await watch.until_state(AmiState.UP)
        await client.stop()
        await peer.stop()
        assert AmiState.DOWN not in watch.states

    run(body)


def test_ipv6() -> None:
    async def body() -> None:
        peer = AmiPeer("nabra", "secret", host="::1")
        try:
            await peer.start()
        except OSError:
            pytest.skip("no IPv6 on this machine")
        watch = Watch()
        client = AmiClient(settings(peer.port, host="::1"), watch.on_event, watch.on_state)
        client.start()
        await watch.until_state(AmiState.UP)
        assert (await client.action("Ping", {}, 1.0)).success
        await client.stop()
        await peer.stop()
        assert peer.actions[0][0] == "Login"
        assert watch.states == [AmiState.CONNECTING, AmiState.UP, AmiState.STOPPED]

    run(body)


def test_tls(tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl command to make a certificate with")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key),
         "-out", str(certificate), "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    async def body() -> None:
        plain = AmiPeer("nabra", "secret")
        await plain.start()
        server = await asyncio.start_server(plain._accept, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        watch = Watch()
        client = AmiClient(settings(port, tls=True, tls_ca=certificate), watch.on_event, watch.on_state)
        client.start()
        await watch.until_state(AmiState.UP)
        plain.queues = [("QueueMember", {"Queue": "x" * 1000}) for _ in range(500)]
        assert len(await client.collect("QueueStatus", {}, "QueueStatusComplete")) == 500
        await client.stop()
        # A watch of its own: the first may still see its client go down.
        other = Watch()
        stranger = AmiClient(settings(port, tls=True), other.on_event, other.on_state)
        stranger.start()
        await other.until_state(AmiState.DOWN)
        assert "CERTIFICATE_VERIFY_FAILED" in stranger.last_error
        await stranger.stop()
        server.close()
        await plain.stop()

    run(body)


def test_a_name_that_does_not_resolve() -> None:
    async def body() -> None:
        watch = Watch()
        client = AmiClient(settings(5038, host="pbx.invalid"), watch.on_event, watch.on_state)
        client.start()
        await watch.until_state(AmiState.DOWN)
        assert "pbx.invalid" in client.last_error
        await client.stop()

    run(body)


def test_stop_before_and_during_connecting() -> None:
    async def body() -> None:
        watch = Watch()
        client = AmiClient(settings(1), watch.on_event, watch.on_state)
        await client.stop()
        client.start()
        await client.stop()
        assert client.state is AmiState.STOPPED

    run(body)
