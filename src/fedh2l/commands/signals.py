"""Ctrl-C and SIGTERM: the end of a process that others wait for."""

import os
import signal
import sys
import threading

# Seconds in which links may close: one to a member that is frozen blocks for up to ten (SO_LINGER
# in Zenoh).
PATIENCE = 10.0


def stop_on_signals() -> None:
    """Ctrl-C, and what systemd sends, end this process; also where a shell started it in the
    background, deaf to SIGINT.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)


def _stop(*_: object) -> None:
    """Close links and say the last words; where that takes too long the end is as hard as a kill,
    which the folder survives.
    """
    hard = threading.Timer(PATIENCE, _end)
    hard.daemon = True
    hard.start()
    raise KeyboardInterrupt


def _end() -> None:
    print(
        "\nstopped with links open; the same command goes on from the last finished round",
        file=sys.stderr,
        flush=True,
    )
    os._exit(130)
