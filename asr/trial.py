"""Loads a recogniser in a process of its own, to see whether it loads: native code may not come back from that.

``python -m asr.trial`` reads an EngineSpec from standard input and prints, in one line of JSON, its facts or its
problem, and what memory it took.
"""

import json
import os
import resource
import subprocess
import sys
from dataclasses import asdict, dataclass

from asr.engine import EngineFacts
from asr.engines import EngineSpec, create_engine
from asr.errors import AsrError, ModelInvalid

LONGEST_S = 180.0


@dataclass(frozen=True, slots=True)
class Trial:
    """A recogniser that loaded.

    Attributes
    ----------
    facts : EngineFacts
        Those known after loading.
    memory_mb : float
        Resident memory of the process that loaded it, at most, MB.
    """

    facts: EngineFacts
    memory_mb: float


def try_engine(spec: EngineSpec, longest_s: float = LONGEST_S) -> Trial:
    """Load a recogniser in a child process and end it.

    Parameters
    ----------
    spec : EngineSpec
        Which.
    longest_s : float
        Give up after this time, s.

    Raises
    ------
    ModelInvalid
        It did not load: with its own reason, or how its process ended.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-m", "asr.trial"],
            input=spec.to_json(),
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=longest_s,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ModelInvalid(f"the model did not load within {longest_s:g} s") from None
    try:
        told = json.loads(done.stdout.splitlines()[-1])
        if "problem" in told:
            raise ModelInvalid(str(told["problem"]))
        return Trial(EngineFacts.from_plain(told["facts"]), float(told["memory_mb"]))
    except (IndexError, ValueError, KeyError, TypeError):
        last = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        raise ModelInvalid(f"loading it ended the process with status {done.returncode}; it said: {last}") from None


def main() -> int:
    """Load the engine that standard input describes and say how it went."""
    try:
        engine = create_engine(EngineSpec.from_json(sys.stdin.read()))
        engine.load()
        if engine.facts.grammar:
            engine.session(limited=True).close()
    except AsrError as problem:
        print(json.dumps({"problem": str(problem)}, ensure_ascii=False), flush=True)
        return 1
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"facts": asdict(engine.facts), "memory_mb": memory_mb}, ensure_ascii=False), flush=True)
    return 0


if __name__ == "__main__":
    sys.stdin.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    status = main()
    # Threads of native libraries must not outlive the decision to leave.
    os._exit(status)
