"""Running an experiment: its rounds, evaluations and checkpoints, and the honest rows beside it, in
as many processes as asked.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from fedh2l.data.domains import FederatedData
from fedh2l.delivery import Exchange
from fedh2l.learner import Weighted
from fedh2l.learners import model_of
from fedh2l.loop import Round, run
from fedh2l.metrics import Scores, scores
from fedh2l.peer import Peer, check_agreement
from fedh2l.record import checkpoint
from fedh2l.record.sent import Sent, frames_of, on_wire
from fedh2l.simulation.build import algorithm_of, data_of, exchange_of, peers_of
from fedh2l.simulation.executors import in_processes, shares
from fedh2l.simulation.experiment import Experiment
from fedh2l.wire.frame import HEADER


@dataclass
class Progress:
    """What has become of one peer so far.

    Counts are of the whole run; accuracies of its last evaluation.
    """

    payload_bytes_sent: int = 0
    payload_bytes_received: int = 0
    wire_bytes_sent: int = 0  # with TLS, TCP and IP, estimated (sent.on_wire)
    wire_bytes_received: int = 0
    # What as many messages with this model's weights would have been; None: it has no weights.
    weights_bytes: int | None = None
    # Payload bytes in each round since the evaluation before.
    sent: list[int] = field(default_factory=list[int])
    received: list[int] = field(default_factory=list[int])
    # By sender: messages expected that did not arrive.
    missing: dict[str, int] = field(default_factory=dict[str, int])
    # By sender: messages that arrived and were not believed.
    refused: dict[str, int] = field(default_factory=dict[str, int])
    conflict_rate: float | None = None  # mean over the rounds in which it was measured
    conflict_rounds: int = 0
    validation: Scores | None = None
    test: Scores | None = None  # after the last round only: nothing is ever chosen on it


@dataclass(frozen=True)
class Start:
    """A row is about to run; every peer of it has been built and checked.

    Its checkpoint is read after this was yielded.
    """

    row: str
    seed_set: dict[str, Any]


@dataclass(frozen=True)
class Evaluation:
    row: str
    done: int
    peers: dict[str, Progress]
    train_seconds: float
    last: bool
    sent: tuple[Sent, ...] = ()  # every frame since the evaluation before


def rows_of(config: Experiment) -> list[Experiment]:
    """The experiment and, if asked for, its references, in the order in which they are run: alone
    first, to compare with.
    """
    if not config.references:
        return [config]
    labelled = [] if config.unlabelled else ["seed-only"]
    names = dict.fromkeys(["alone", config.algorithm, *labelled, "pooled"])
    return [replace(config, algorithm=n, references=False) for n in names]


def folder_of(folder: Path, row: str, main: str) -> Path:
    return folder if row == main else folder / "references" / row


def simulate(
    config: Experiment, folder: Path | None = None, *, workers: int = 1
) -> Iterator[Start | Evaluation]:
    """Every row of an experiment. With a folder, checkpoints are kept in it and a run that was cut
    short goes on from them.

    The results do not depend on `workers`, to the last bit.
    """
    work = partial(_hosted, config, folder)
    if workers == 1:
        yield from work(config.names, exchange_of(config))
        return
    cost = {
        name: model_of(model).cost for name, model in zip(config.names, config.models, strict=True)
    }
    for items in in_processes(work, shares(cost, workers), exchange_of(config)):
        yield _merged(config, items)


def _merged(config: Experiment, items: Sequence[Any]) -> Start | Evaluation:
    if isinstance(items[0], Start):
        return items[0]
    peers = {name: p for item in items for name, p in item.peers.items()}
    seconds = max(item.train_seconds for item in items)
    sent = sorted((s for item in items for s in item.sent), key=lambda s: (s.round, s.author))
    return replace(
        items[0], peers={n: peers[n] for n in config.names}, train_seconds=seconds, sent=tuple(sent)
    )


def _hosted(
    config: Experiment, folder: Path | None, hosted: Sequence[str], exchange: Exchange
) -> Iterator[Start | Evaluation]:
    """Every row, for the peers hosted in this process."""
    for row in rows_of(config):
        data = data_of(replace(config, algorithm="", references=None))
        peers = peers_of(row, data, hosted)
        # One core per process: the same sums in the same order, whatever the machine.
        with threadpool_limits(1):
            place = (
                None
                if folder is None
                else folder_of(folder, row.algorithm, config.algorithm) / "checkpoints"
            )
            yield from _row(row, data, peers, exchange, place)


def _row(
    config: Experiment,
    data: FederatedData,
    peers: Sequence[Peer],
    exchange: Exchange,
    saved: Path | None,
) -> Iterator[Start | Evaluation]:
    check_agreement(peers)
    seeds = peers[0].seed_set
    yield Start(
        config.algorithm,
        {
            "digest": seeds.digest,
            "rows": len(seeds),
            "asked": seeds.asked,
            "classes": list(seeds.classes),
        },
    )
    before = checkpoint.latest(saved) if saved else None
    done, seconds = (before["rounds"], before["train_seconds"]) if before else (0, 0.0)
    progress = {
        p.name: Progress(**before["peers"][p.name] | {"sent": [], "received": []})
        if before
        else Progress()
        for p in peers
    }
    if saved and before:
        checkpoint.load_peers(saved, done, peers)
    if done == config.rounds:
        yield Evaluation(config.algorithm, done, progress, seconds, last=True)
    assert config.rounds is not None and config.evaluate is not None
    weights = {p.name: _weights_bytes(p) for p in peers}
    sent: list[Sent] = []
    clock = time.perf_counter()
    for r in run(
        algorithm_of(config), peers, exchange, rounds=config.rounds, start=done, codec=config.codec
    ):
        _count(progress, r, weights)
        sent += frames_of(r)
        last = r.t + 1 == config.rounds
        if (r.t + 1) % config.evaluate and not last:
            continue
        seconds += time.perf_counter() - clock
        _evaluate(progress, peers, data, last)
        if saved:
            checkpoint.save_peers(saved, r.t + 1, peers)
        yield Evaluation(config.algorithm, r.t + 1, deepcopy(progress), seconds, last, tuple(sent))
        sent.clear()
        for p in progress.values():
            p.sent, p.received = [], []
        clock = time.perf_counter()


def _evaluate(
    progress: dict[str, Progress], peers: Sequence[Peer], data: FederatedData, last: bool
) -> None:
    validation, test = (
        {n: getattr(d, part) for n, d in data.domains.items()} for part in ("validation", "test")
    )
    for p in peers:
        progress[p.name].validation = scores(p.learner, p.name, validation)
        if last:
            progress[p.name].test = scores(p.learner, p.name, test)


def _weights_bytes(peer: Peer) -> int | None:
    """Bytes of one message with the model's parameters as float32, as FedAvg would send it."""
    if not isinstance(peer.learner, Weighted):
        return None
    return (
        HEADER.size
        + 4
        + 4 * sum(a.size for a in peer.learner.weights().values() if a.dtype.kind == "f")
    )


def _count(
    progress: dict[str, Progress],
    r: Round,
    weights: dict[str, int | None],
) -> None:
    for name, p in progress.items():
        copies, heard = len(r.receivers[name]), r.heard[name].values()
        p.sent.append(r.sent.get(name, 0) * copies)
        p.received.append(sum(heard))
        p.payload_bytes_sent += p.sent[-1]
        p.payload_bytes_received += p.received[-1]
        p.wire_bytes_sent += on_wire(r.sent.get(name, 0)) * copies
        p.wire_bytes_received += sum(map(on_wire, heard))
        if (one := weights[name]) is not None:
            p.weights_bytes = (p.weights_bytes or 0) + one * copies
        for tally, senders in ((p.missing, r.missing[name]), (p.refused, r.refused[name])):
            for sender in senders:
                tally[sender] = tally.get(sender, 0) + 1
        if (rate := r.conflict_rate.get(name)) is not None:
            p.conflict_rate = ((p.conflict_rate or 0.0) * p.conflict_rounds + rate) / (
                p.conflict_rounds + 1
            )
            p.conflict_rounds += 1


def versions() -> dict[str, str]:
    """Of what computes: they decide the last bits of a result."""
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": sys.version.split()[0]}
    for name in ("fedh2l", "numpy", "torch", "scikit-learn"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
