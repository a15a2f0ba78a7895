"""The jobs of a sweep in several processes of this machine, one job at a time in each.

`carry_out` is an executor: jobs in, news out. Another one (of a cluster) has the same signature and
does the same `do`.
"""

import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.connection import Connection
from typing import Any

from fedh2l.error import FedH2LError
from fedh2l.simulation.processes import deaf_to_interrupts
from fedh2l.simulation.sweep.job import Job, do


@dataclass(frozen=True)
class Began:
    """A process has taken up a job."""

    job: str


@dataclass(frozen=True)
class Moved:
    """Some more rounds of a job are done."""

    job: str
    rounds: int


@dataclass(frozen=True)
class Ended:
    """A job is over. reason: why it failed, in one line; None where it is finished."""

    job: str
    reason: str | None = None


News = Began | Moved | Ended
Executor = Callable[[Sequence[Job], int], Iterator[News]]


def carry_out(jobs: Sequence[Job], processes: int) -> Iterator[News]:
    """Do every job, as many at a time as there are processes; yields what happens.

    A job that fails, or whose process dies, ends with its reason and stops no other. No process
    outlives the iteration, nor this process.
    """
    waiting, workers = deque(jobs), _Workers()
    try:
        while waiting or workers.busy:
            while waiting and len(workers.busy) < processes:
                job = waiting.popleft()
                workers.give(job)
                yield Began(job.name)
            yield from workers.news()
    finally:
        workers.end()


class _Workers:
    """Processes that are at work, and those that wait for it."""

    def __init__(self) -> None:
        self.busy: dict[Connection, tuple[Any, Job]] = {}
        self._idle: list[tuple[Any, Connection]] = []

    def give(self, job: Job) -> None:
        """Have a process take up a job: one that waits, or a new one."""
        alive = [(process, link) for process, link in self._idle if process.is_alive()]
        process, link = alive.pop() if alive else _start()
        self._idle = alive
        self.busy[link] = process, job
        link.send(job)

    def news(self) -> Iterator[News]:
        """What the next ones say that say something."""
        for link in connection.wait(list(self.busy)):
            assert isinstance(link, Connection)
            process, job = self.busy[link]
            news = _next(link, process, job)
            if isinstance(news, Ended):
                del self.busy[link]
                # One that has died has an exit code; a new one takes its place.
                if process.exitcode is None:
                    self._idle.append((process, link))
            yield news

    def end(self) -> None:
        """End every process."""
        busy = [(process, link) for link, (process, _) in self.busy.items()]
        for process, link in [*self._idle, *busy]:
            link.close()
            process.terminate()
            process.join()


def _start() -> tuple[Any, Connection]:
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    process = spawn.Process(target=_child, args=(there,), daemon=True)
    with deaf_to_interrupts():
        process.start()
    there.close()
    return process, here


def _next(link: Connection, process: Any, job: Job) -> News:
    try:
        return link.recv()  # of our own child, over a private pipe
    except (EOFError, OSError):
        process.join()
        link.close()
        why = f"signal {-process.exitcode}" if process.exitcode < 0 else f"exit {process.exitcode}"
        return Ended(
            job.name, f"its process died ({why}), perhaps for lack of memory; try a smaller -j"
        )


def _child(link: Connection) -> None:
    # Ctrl-C reaches the whole group; the parent ends its children itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):  # the parent is gone
        while True:
            _work(link.recv(), link)


def _end_with(sentinel: int) -> None:
    """A parent that was killed cannot end its children, and its next one would find them at work
    in the folders.
    """
    connection.wait([sentinel])
    os._exit(1)


def _work(job: Job, link: Connection) -> None:
    reason: str | None = None
    job.log.parent.mkdir(parents=True, exist_ok=True)
    with job.log.open("a") as log:
        # Whatever a library prints, also from C, belongs to this cell and not to the screen.
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        try:
            do(job, lambda rounds: link.send(Moved(job.name, rounds)))
        except (BrokenPipeError, ConnectionResetError):
            raise
        except FedH2LError as error:
            traceback.print_exc(file=log)
            reason = str(error)
        except Exception as error:
            traceback.print_exc(file=log)
            reason = f"{type(error).__name__}: {error}"
        sys.stdout.flush()
        sys.stderr.flush()
    link.send(Ended(job.name, reason))
