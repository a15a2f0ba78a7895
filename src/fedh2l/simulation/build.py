"""From an experiment to the parts that it describes: method, exchange, data and peers."""

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from functools import cache
from typing import Any

from fedh2l.algorithms import ALGORITHMS
from fedh2l.data import DATASETS
from fedh2l.data.domains import FederatedData
from fedh2l.error import FedH2LError
from fedh2l.exchange.graph import graph
from fedh2l.exchange.in_process import InProcess
from fedh2l.learner import Learner
from fedh2l.learners import model_of
from fedh2l.learners.model import Training
from fedh2l.loop import Algorithm
from fedh2l.peer import Peer
from fedh2l.rows import Rows
from fedh2l.seedset import SeedSet
from fedh2l.simulation.experiment import Experiment
from fedh2l.views import VIEWS


def algorithm_of(config: Experiment) -> Algorithm:
    kind: Any = ALGORITHMS[config.algorithm]
    # The flags are named after the hyper-parameters.
    settings: dict[str, Any] = {
        f.name: getattr(config, f.name) for f in fields(kind) if hasattr(config, f.name)
    }
    algorithm: Algorithm = kind(**settings)
    return algorithm


def exchange_of(config: Experiment) -> InProcess:
    who = graph(config.graph, config.names, degree=config.degree, seed=config.seed)
    return InProcess(who, config.participation, config.loss, config.seed)


@cache
def data_of(config: Experiment) -> FederatedData:
    assert config.domains is not None
    kind = DATASETS[config.data]
    # The flags are named after the fields of the data set.
    settings: dict[str, Any] = {f.name: getattr(config, f.name) for f in fields(kind)}
    data = kind(**settings).load(config.domains, config.seed)
    if not config.views:
        return data
    return replace(
        data,
        seed_set=replace(
            data.seed_set, view=config.view, every=config.every, mixtures=bool(config.mixtures)
        ),
    )


def peers_of(config: Experiment, data: FederatedData, hosted: Sequence[str]) -> list[Peer]:
    """The peers hosted in this process, each with its own network, private rows and generator."""
    seeds = data.seed_set.unlabelled() if config.unlabelled else data.seed_set
    return [
        Peer(
            name, _named(name, lambda i=i, name=name: _learner(config, data, seeds, i, name)), seeds
        )
        for i, name in enumerate(config.names)
        if name in hosted
    ]


def _named(name: str, build: Callable[[], Learner]) -> Learner:
    try:
        return build()
    except FedH2LError as error:
        raise FedH2LError(f"{name}: {error}") from error


def _learner(config: Experiment, data: FederatedData, seeds: SeedSet, i: int, name: str) -> Learner:
    assert config.rounds is not None
    seed = 1000 * config.seed + i
    pooled = config.algorithm == "pooled"
    rows: Rows = data.pooled(labelled=not config.unlabelled) if pooled else data.domains[name].train
    training = Training(
        steps=config.rounds * config.steps,
        # As many rows per step as with the seed rows.
        batch=config.batch + config.seed_batch if pooled else config.batch,
        rate=config.rate,
        augment=VIEWS[config.view] if config.views else None,
        seed=seed,
        # FedAvg starts from one model.
        start=1000 * config.seed if config.algorithm in ("fedavg", "fedprox") else seed,
        seed_set=seeds,
    )
    return model_of(config.models[i]).build(rows, data.classes, training)
