"""Running the cells of a run: their rounds, evaluations and checkpoints, in as many processes as
asked.
"""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from threadpoolctl import threadpool_limits

from fedh2l.data.domains import FederatedData
from fedh2l.data.seedset_about import told_angles
from fedh2l.delivery import Exchange
from fedh2l.learners import model_of
from fedh2l.loop import run
from fedh2l.own_code import is_own_code
from fedh2l.peer import Peer, check_agreement
from fedh2l.record.sent import Sent, frames_of
from fedh2l.seedset import SeedSet
from fedh2l.simulation.build import data_of, peers_of
from fedh2l.simulation.cell_states import keep_best, restored, save_states
from fedh2l.simulation.cells import Cell
from fedh2l.simulation.executors import in_step, shares
from fedh2l.simulation.experiment import Experiment
from fedh2l.simulation.processes import start_process
from fedh2l.simulation.progress import Progress, evaluate, weights_bytes


@dataclass(frozen=True)
class Start:
    """A cell is about to run; every peer of it has been built and checked.

    Its checkpoint is read after this was yielded.
    """

    cell: str
    seed_set: dict[str, Any]
    data: str  # the digest of all rows
    notes: tuple[str, ...]  # what was inferred of the data, for people to read

    @property
    def kept(self) -> bool:
        """See `executors.Item`."""
        return False

    @property
    def place(self) -> tuple[str, int]:
        """See `executors.Item`."""
        return self.cell, -1


@dataclass(frozen=True)
class Evaluation:
    """A cell has done some more rounds; every peer was evaluated."""

    cell: str
    done: int
    peers: dict[str, Progress]
    train_seconds: float
    cpu_seconds: float  # of the rounds, in all processes together
    last: bool
    sent: tuple[Sent, ...] = ()  # every frame since the evaluation before
    kept: bool = False  # in a checkpoint, once it was dealt with

    @property
    def place(self) -> tuple[str, int]:
        """See `executors.Item`."""
        return self.cell, self.done


def simulate(
    cells: Sequence[Cell],
    *,
    workers: int | None = 1,
    ray: str | None = None,
    gpus_per_worker: float = 0.0,
) -> Iterator[Start | Evaluation]:
    """Every cell in turn, all of the same peers. Where a cell has a folder, checkpoints are kept in
    it, and a cell that was cut short goes on from them.

    workers
        Processes, or with `ray` actors; None: one per core, or per core of the cluster.
    ray
        The address of a Ray cluster, HOST:PORT, or "local": one of our own.
    gpus_per_worker
        GPUs that the cluster leases to each actor; networks known by name then train there.

    On CPUs the results do not depend on any of them, to the last bit.
    """
    experiment = cells[0].experiment
    # Ray lets a worker see the GPUs that it has leased, and no others.
    work = partial(_hosted, cells, "cuda" if gpus_per_worker else None)
    cost = {n: model_of(m).cost for n, m in zip(experiment.names, experiment.models, strict=True)}
    with ExitStack() as stack:
        start, count = start_process, workers or min(os.cpu_count() or 1, len(cost))
        if ray is not None:
            from fedh2l.simulation.cluster import on_ray

            start, count = stack.enter_context(on_ray(ray, workers, gpus_per_worker))
        elif count == 1:
            yield from work(experiment.names, experiment.exchange())
            return
        exchange, repeats = experiment.exchange(), experiment.privacy.epsilon is None
        for items in in_step(start, work, shares(cost, count), exchange, repeats=repeats):
            yield _merged(experiment.names, items)


def _merged(names: Sequence[str], items: Sequence[Any]) -> Start | Evaluation:
    """What all processes yielded about the peers that each of them hosts, as one event."""
    if isinstance(items[0], Start):
        return items[0]
    peers = {name: p for item in items for name, p in item.peers.items()}
    sent = [s for item in items for s in item.sent]
    return replace(
        items[0],
        peers={name: peers[name] for name in names},
        train_seconds=max(item.train_seconds for item in items),
        cpu_seconds=sum(item.cpu_seconds for item in items),
        sent=tuple(sorted(sent, key=lambda s: (s.round, s.author))),
    )


def _hosted(
    cells: Sequence[Cell], device: str | None, hosted: Sequence[str], exchange: Exchange
) -> Iterator[Start | Evaluation]:
    """Every cell, for the peers hosted here."""
    for cell in cells:
        data = data_of(cell.experiment)
        peers = peers_of(cell.experiment, data, hosted, device, cell.folder)
        # One core per process: the same sums in the same order, whatever the machine.
        with threadpool_limits(1):
            yield from _run_cell(cell, data, peers, exchange)


def _turned(seeds: SeedSet) -> tuple[str, ...]:
    """What a run says where seed rows are asked about as turned as others' are."""
    if not seeds.angles:
        return ()
    told = told_angles(seeds.angles)
    return (f"images are turned, as the seed set shows, and asked about in each way: {told}",)


def _of_changed_pixels(experiment: Experiment, peers: Sequence[Peer]) -> tuple[str, ...]:
    """What a run says where a user's own model takes features of images in changing views: a
    pretrained backbone lost more by them than the exchange brought (docs/worth.md).
    """
    if experiment.data.kind != "images" or not experiment.views.views:
        return ()
    own = {n for n, m in zip(experiment.names, experiment.models, strict=True) if is_own_code(m)}
    features = {p.name: getattr(p.learner, "features", None) for p in peers if p.name in own}
    names = [n for n, f in features.items() if getattr(f, "featurise", None) is not None]
    if not names:
        return ()
    whose = ", ".join(names)
    return (f"{whose}: own features of images, whose views may do harm; compare --no-views",)


def _run_cell(
    cell: Cell, data: FederatedData, peers: Sequence[Peer], exchange: Exchange
) -> Iterator[Start | Evaluation]:
    check_agreement(peers)
    experiment = cell.experiment
    notes = data.notes + experiment.privacy.notes
    notes += _turned(peers[0].seed_set) + _of_changed_pixels(experiment, peers)
    yield Start(cell.name, _about(peers[0]), data.digest, notes)
    assert experiment.rounds is not None and experiment.evaluate is not None
    done, seconds, cpu, progress = restored(cell.folder, peers)
    # A cell that was finished before the run was cut short is told, and not run again.
    if done == experiment.rounds:
        yield Evaluation(cell.name, done, progress, seconds, cpu, last=True, kept=True)
        return

    weights = {p.name: weights_bytes(p) for p in peers}
    # Frames, and both clocks, are those since the last evaluation.
    sent: list[Sent] = []
    clock, cpu_clock = time.perf_counter(), time.process_time()
    method, codec = experiment.played, experiment.codec
    for r in run(method, peers, exchange, rounds=experiment.rounds, start=done, codec=codec):
        for name, its in progress.items():
            its.count(r, name, weights[name])
        sent += frames_of(r)
        done = r.t + 1
        last = done == experiment.rounds
        if done % experiment.evaluate and not last:
            continue

        seconds += time.perf_counter() - clock
        cpu += time.process_time() - cpu_clock
        evaluate(progress, peers, data, last=last)
        if cell.folder:
            save_states(cell.folder, done, peers)
            if experiment.keep is not None:
                keep_best(cell.folder, done, peers, progress, data, last=last)
        kept, frames = cell.folder is not None, tuple(sent)
        yield Evaluation(cell.name, done, deepcopy(progress), seconds, cpu, last, frames, kept)
        sent.clear()  # what was yielded is written down
        for its in progress.values():
            its.sent, its.received = [], []
        clock, cpu_clock = time.perf_counter(), time.process_time()


def _about(peer: Peer) -> dict[str, Any]:
    seeds = peer.seed_set
    return {
        "digest": seeds.digest,
        "rows": len(seeds),
        "asked": seeds.asked,
        "classes": list(seeds.classes),
        "labelled": int(seeds.labelled.sum()),
    }
