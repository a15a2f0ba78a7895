"""A watch over a member's own model: one that works for long is told of, and ended at a limit."""

import faulthandler
import os
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from traceback import extract_stack
from typing import BinaryIO

from fedh2l.live.member_folder import MemberFolder
from fedh2l.live.network.exchange import ZenohP2P
from fedh2l.live.own_fault import place_of
from fedh2l.peer import Peer

OFTEN = 0.25  # seconds between two looks
# Of the terms' deadline: a model that works for longer is told of, and again each time that has
# doubled. The others wait for the deadline and no longer.
LONG = 0.5
SECONDS_MORE = 10.0  # a model that lets no other thread run is ended so long after its limit
EXIT_CODE = 4  # of a process that ends because its model worked for too long


@contextmanager
def watched(
    peer: Peer, exchange: ZenohP2P, folder: MemberFolder, timeout: float
) -> Generator[None]:
    """Watch the model in a thread of its own; `timeout`: seconds after which the process ends while
    the model works, 0: never.

    A model cannot be stopped from outside, so the end is as hard as that of a kill, which the
    folder survives; the log has the reason, and the others hear that this member has left.
    """
    ended = threading.Event()
    with (folder.path / "log.txt").open("ab") as log:
        # At once: a model may block all threads before the watch has looked for the first time.
        _set_alarm(timeout, log)
        thread = threading.Thread(
            target=_watch, args=(peer, exchange, folder, timeout, log, ended), name="fedh2l-watch"
        )
        thread.daemon = True
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            faulthandler.cancel_dump_traceback_later()


def _set_alarm(timeout: float, log: BinaryIO) -> None:
    """End the process some time after its limit, unless the alarm is set anew before."""
    if timeout > 0:
        faulthandler.dump_traceback_later(timeout + SECONDS_MORE, exit=True, file=log)


def _watch(
    peer: Peer,
    exchange: ZenohP2P,
    folder: MemberFolder,
    timeout: float,
    log: BinaryIO,
    ended: threading.Event,
) -> None:
    # Of the work that goes on: its start, and the seconds after which it is told of.
    start, long = 0.0, 0.0
    while not ended.wait(OFTEN):
        # As long as this thread runs the alarm never goes off.
        _set_alarm(timeout, log)
        working = peer.working
        if working is None or working[1] != start:
            folder.notices.release("model", "your model has ended its long work")
            start, long = working[1] if working else 0.0, LONG * exchange.terms.deadline
        if working is None:
            continue

        seconds, deadline = time.monotonic() - start, exchange.terms.deadline
        if 0 < timeout < seconds:
            text = f"ended: {_work(working, folder.done)}, longer than {timeout:g} s"
            folder.notices.hold("model", text)
            exchange.say_farewell()
            time.sleep(OFTEN)  # for the screen
            os._exit(EXIT_CODE)
        if seconds > long:
            text = f"{_work(working, folder.done)}; the others wait for {deadline:g} s at most"
            folder.notices.hold("model", text)
            long = 2 * seconds


def _work(working: tuple[str, float], t: int) -> str:
    """What the model does, for how long, and where in the user's file."""
    verb, start = working
    frames = sys._current_frames()  # pyright: ignore[reportPrivateUsage]
    place = place_of(extract_stack(frames.get(threading.main_thread().ident or 0)))
    at = f"{verb}, at {place}" if place else verb
    return f"your model has been working for {time.monotonic() - start:.0f} s in round {t} ({at})"
