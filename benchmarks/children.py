"""Child processes of the benchmarks, and what each took."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}


class Spent(NamedTuple):
    """What one child process took, its own children included."""

    cpu: float
    wall: float
    memory: float  # MB at its peak
    output: str


def child(*arguments: str | Path) -> Spent:
    """Run this Python on the arguments.

    This process must stay small: a child's peak memory starts from its parent's.
    """
    with tempfile.TemporaryFile("w+") as out:
        clock = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *arguments], stdout=out, env=os.environ | ONE_THREAD
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - clock
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{' '.join(map(str, arguments))}: exit code {process.returncode}")
        out.seek(0)
        return Spent(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024, out.read())
