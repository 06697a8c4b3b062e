"""The command line for tests: in this process, where it costs no start, and in one of its own, as a user runs it.

That every command works as a process is shown by tests/test_readme.py, and here for those that it does not name.
"""

import contextlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

from nabra.cli import main
from tests.conftest import ROOT

Done = subprocess.CompletedProcess[str]


def nabra(*words: object, text: str = "", state: Path | None = None) -> Done:
    """Run a command in this process, from the root of the checkout; what it did to the environment is undone.

    Parameters
    ----------
    words : what stands behind `nabra`.
    text : what it reads on standard input.
    state : its state directory; None for the user's own.
    """
    argv = [*map(str, words)]
    out, errors = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    with (
        mock.patch.dict(os.environ, {} if state is None else {"NABRA_STATE": str(state)}),
        mock.patch.object(sys, "stdin", io.StringIO(text)),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(errors),
        contextlib.chdir(ROOT),
    ):
        try:
            status = main(argv)
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else 1
    said, told = (stream.buffer.getvalue().decode() for stream in (out, errors))  # type: ignore[attr-defined]
    return Done(argv, status, said, told)


def nabra_process(*words: object) -> Done:
    """Run a command as a process of its own, from the root of the checkout."""
    return subprocess.run(
        [sys.executable, "-m", "nabra", *map(str, words)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=180,
        check=False,
    )


def rows(done: Done) -> list[dict[str, object]]:
    """Return the JSON objects that a command wrote, one a line; it has to have succeeded."""
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]
