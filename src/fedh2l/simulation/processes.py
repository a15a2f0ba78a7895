"""Workers that are processes of this machine."""

import multiprocessing
import signal
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from typing import Any

from fedh2l.simulation.executors import Work, Worker, WorkerDied
from fedh2l.simulation.worker import host


class _Process:
    def __init__(self, process: Any, link: Connection) -> None:
        self._process, self._link = process, link

    def receive(self) -> tuple[str, Any]:
        try:
            return self._link.recv()  # of our own child, over a private pipe
        except (EOFError, OSError) as error:
            raise WorkerDied from error

    def send(self, reply: Any) -> None:
        try:
            self._link.send(reply)
        except OSError as error:
            raise WorkerDied from error

    def end(self) -> None:
        self._link.close()  # a child that waits for us ends on this
        self._process.terminate()
        self._process.join()


def start_process(work: Work, group: Sequence[str], key_every: int | None) -> Worker:
    """A worker in a process of its own, which ends with this one."""
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    process = spawn.Process(target=_child, args=(work, group, key_every, there), daemon=True)
    with deaf_to_interrupts():
        process.start()
    there.close()
    return _Process(process, here)


@contextmanager
def deaf_to_interrupts() -> Generator[None]:
    """A process that starts meanwhile does not hear Ctrl-C, not even before its first line: it
    reaches the whole group of processes, and the parent ends its children itself.

    The parent hears afterwards what came meanwhile.
    """
    if sys.platform == "win32":  # which has no masks of signals
        yield
        return
    # It starts with the first process, and then lets all signals through again.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _child(work: Work, group: Sequence[str], key_every: int | None, link: Connection) -> None:
    # Ctrl-C reaches the whole group of processes; the parent ends its children itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def talk(message: tuple[str, Any]) -> Any:
        link.send(message)
        return link.recv()

    with suppress(EOFError, BrokenPipeError, ConnectionResetError):  # the parent is gone
        host(work, group, key_every, talk)
