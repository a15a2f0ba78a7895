"""Run as a process: a command that makes keys, killed before each thing that it does to the disk,
or without room on the disk; and then called again.

Prints how often it was interrupted, and what came of the second call.
"""

import contextlib
import json
import os
import resource
import shutil
import signal
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path

from fedh2l.cli import main

FOLDER = Path(sys.argv[1])
COMMAND = sys.argv[2:]
TOUCHING = ("os.mkdir", "os.rename", "os.remove", "os.link")
# Bytes that a file may have: of a key, of an invite.
ROOM = (0, 1, 100, 150, 200, 240, 400, 600, 2000)


def kill_before(point: int) -> Callable[[], None]:
    """What kills this process before it touches the disk for the time `point`."""
    calls = count()

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        mode, flags = arguments[1:3] if event == "open" else ("", 0)
        writes = any(c in str(mode) for c in "wax+") or (
            isinstance(flags, int) and bool(flags & os.O_CREAT)
        )
        if (event in TOUCHING or writes) and next(calls) == point:
            os.kill(os.getpid(), signal.SIGKILL)

    return lambda: sys.addaudithook(hook)


def fill_disk_after(size: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def called(prepare: Callable[[], None] = lambda: None) -> tuple[int, str]:
    """The status and the output of the command, in a process of its own."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.chdir(FOLDER)
        # Not over a file: its size is limited, too.
        with os.fdopen(writing, "w") as out, contextlib.redirect_stdout(out):
            os.dup2(out.fileno(), 2)
            prepare()
            try:
                main([*COMMAND])
            except SystemExit as end:
                status = int(end.code or 0)
            except OSError as error:
                print(error, file=out)
                status = 2
            else:
                status = 0
            out.flush()
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        output = pipe.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), output


def harmed(prepare: Callable[[], None]) -> tuple[int, list[str]]:
    """The status of the interrupted call; and what the next one says, if it fails."""
    before = {path: path.read_bytes() for path in FOLDER.iterdir() if path.is_file()}
    status, _ = called(prepare)
    again, output = called() if status else (0, "")
    modes = [p.name for p in FOLDER.rglob("*.key") if p.stat().st_mode & 0o077]
    troubles = [*([output] if again else []), *modes]
    # As it was, for the next trial.
    shutil.rmtree(FOLDER)
    FOLDER.mkdir()
    for path, data in before.items():
        path.write_bytes(data)
    return status, troubles


if __name__ == "__main__":
    killed, failures = 0, list[str]()
    for point in count():
        status, troubles = harmed(kill_before(point))
        failures += [f"killed at {point}: {trouble}" for trouble in troubles]
        if status != -signal.SIGKILL:
            break
        killed += 1
    full = 0
    for size in ROOM:
        status, troubles = harmed(fill_disk_after(size))
        failures += [f"files of {size} bytes: {trouble}" for trouble in troubles]
        full += status == 2
    print(json.dumps({"killed": killed, "full": full, "failures": failures}))
