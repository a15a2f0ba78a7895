"""Peers in several processes of this machine: each runs the same loop, and their outboxes meet in
the parent.
"""

import multiprocessing
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing.connection import Connection
from typing import Any

from fedh2l.delivery import Delivery, Exchange, receivers_of
from fedh2l.error import FedH2LError

# What a process does for the peers that it hosts: yields items, in step with the other processes.
Work = Callable[[Sequence[str], Exchange], Iterator[Any]]


def in_processes(
    work: Work, groups: Sequence[Sequence[str]], exchange: Exchange
) -> Iterator[list[Any]]:
    """Run `work` (picklable) for every group of peers in a process of its own; yields what they
    yield, one item of each.

    A refusal in a process is raised here, with its own words. No process outlives the iteration.
    """
    spawn = multiprocessing.get_context("spawn")
    links: list[Connection] = []
    processes: list[Any] = []
    try:
        for group in groups:
            here, there = spawn.Pipe()
            process = spawn.Process(target=_child, args=(work, group, there), daemon=True)
            process.start()
            there.close()
            links.append(here)
            processes.append(process)
        yield from _in_step(links, exchange)
    finally:
        for link in links:
            link.close()  # a child that waits for us ends on this
        for process in processes:
            process.terminate()
            process.join()


def _in_step(links: Sequence[Connection], exchange: Exchange) -> Iterator[list[Any]]:
    while True:
        # All processes run the same loop, so all are at the same point of it.
        contents = [_receive(link) for link in links]
        kind = contents[0][0]
        if kind == "end":
            return
        if kind == "item":
            yield [item for _, item in contents]
            # As in one process: nothing happens until the caller has dealt with the item.
            for link in links:
                link.send("go on")
        else:
            _carry(links, [content for _, content in contents], exchange)


def _carry(links: Sequence[Connection], contents: Sequence[Any], exchange: Exchange) -> None:
    """Join the outboxes of all processes, and give each the inboxes of its peers.

    `contents`: of each process the round and the outbox of the peers that it hosts.
    """
    t = contents[0][0]
    outbox: dict[str, bytes] = {}
    for _, part in contents:
        outbox |= part
    inboxes = exchange(t, outbox)
    receivers = receivers_of(inboxes)
    for link, (_, part) in zip(links, contents, strict=True):
        link.send(Delivery({name: inboxes.get(name, {}) for name in part}, receivers))


def _receive(link: Connection) -> tuple[str, Any]:
    try:
        kind, content = link.recv()  # of our own child, over a private pipe
    except (EOFError, ConnectionResetError) as error:
        raise RuntimeError(
            "a worker process died, perhaps for lack of memory; try --workers 1, then --resume "
            "the run"
        ) from error
    if kind == "refused":
        raise FedH2LError(content)
    if kind == "missing":
        raise ModuleNotFoundError(f"No module named {content!r}", name=content)
    if kind == "failed":
        raise RuntimeError(f"a worker process failed:\n{content}")
    return kind, content


def _child(work: Work, group: Sequence[str], link: Connection) -> None:
    def exchange(
        t: int, outbox: Mapping[str, bytes]
    ) -> Mapping[str, Mapping[str, Sequence[bytes]]]:
        link.send(("say", (t, dict(outbox))))
        return link.recv()

    try:
        for item in work(group, exchange):
            link.send(("item", item))
            link.recv()
        link.send(("end", None))
    except FedH2LError as error:
        link.send(("refused", str(error)))
    except ModuleNotFoundError as error:
        link.send(("missing", error.name))
    except (EOFError, BrokenPipeError, ConnectionResetError, KeyboardInterrupt):
        return  # the parent is gone
    except Exception:
        link.send(("failed", traceback.format_exc()))


def shares(cost: Mapping[str, int], processes: int) -> list[list[str]]:
    """Peers dealt out so that the processes have about as much to do: the costliest first, each to
    the least burdened.
    """
    groups: list[list[str]] = [[] for _ in range(min(processes, len(cost)))]
    for name in sorted(cost, key=lambda n: -cost[n]):
        min(groups, key=lambda g: sum(cost[n] for n in g)).append(name)
    return groups
