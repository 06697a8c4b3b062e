"""Compiles the kernels before they are needed: `python -m nabra.operations.warm`, which `make` runs once."""

from __future__ import annotations

import sys
import time

from nabra.state import use_kernel_cache


def main() -> int:
    """Compile every kernel into the cache of the state directory, and say how long it took."""
    use_kernel_cache()
    print("==> compiling kernels (once; a minute on a slow machine)", flush=True)
    start_s = time.perf_counter()
    import emotion

    emotion.warm_up()
    print(f"    kernels are ready after {time.perf_counter() - start_s:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
