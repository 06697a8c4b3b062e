"""A thread with a network of its own: only a loopback device; nothing leaves it, no port collides.

A network namespace belongs to a thread, and to what that thread starts: sockets that it opens, threads and
processes. So one thread is put into a fresh namespace and runs an event loop; a test hands it coroutines.
"""

import asyncio
import ctypes
import fcntl
import os
import socket
import struct
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

_CLONE_NEWNET = 0x40000000
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1

Result = TypeVar("Result")


class Namespace:
    """An event loop in a network namespace; ends with `close`."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._error: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="pbx-namespace", daemon=True)
        self._thread.start()
        self._ready.wait()
        if self._error is not None:
            raise self._error

    def run(self, coroutine: Coroutine[Any, Any, Result], timeout_s: float = 120.0) -> Result:
        """Run a coroutine in the namespace and wait for its result."""

        async def limited() -> Result:
            async with asyncio.timeout(timeout_s):
                return await coroutine

        return asyncio.run_coroutine_threadsafe(limited(), self.loop).result(timeout_s + 10.0)

    def close(self) -> None:
        """Cancel what still runs and end the thread."""

        async def cancel_all() -> None:
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        self.run(cancel_all())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10.0)

    def _run(self) -> None:
        try:
            libc = ctypes.CDLL(None, use_errno=True)
            if libc.unshare(_CLONE_NEWNET) != 0:
                number = ctypes.get_errno()
                raise OSError(number, f"unshare: {os.strerror(number)}")
            _loopback_up()
        except OSError as error:
            self._error = error
            return
        finally:
            self._ready.set()
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()
        self.loop.close()


def _loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sH14x", b"lo", 0)
        (flags,) = struct.unpack_from("H", fcntl.ioctl(control, _SIOCGIFFLAGS, request), 16)
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | _IFF_UP))
