"""From an experiment to what it describes: the data and the peers."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from fedh2l.data.domains import DataSet, FederatedData
from fedh2l.error import FedH2LError
from fedh2l.learner import Learner
from fedh2l.learners import model_of
from fedh2l.learners.model import Training
from fedh2l.peer import Peer
from fedh2l.record.ledger import Ledger
from fedh2l.seedset import SeedSet
from fedh2l.simulation.experiment import Experiment
from fedh2l.simulation.parts import Views
from fedh2l.views import PRIVATE_VIEW, VIEWS

BLOCK = 1000  # peers whose seeds lie together: those of the next random seed follow
LEDGERS = "ledgers"  # the folder of the privacy budgets, a file for each peer


def data_of(experiment: Experiment) -> FederatedData:
    """Every domain and the seed set, with the views that are asked about."""
    return _loaded(experiment.data, experiment.domains, experiment.seed, experiment.views)


@lru_cache(maxsize=1)  # the cells of a run share one data set
def _loaded(data: DataSet, domains: int, seed: int, views: Views) -> FederatedData:
    federated = data.load(domains, seed)
    if not views.views:
        return federated
    seeds = replace(
        federated.seed_set,
        view=views.view or "none",
        every=views.every,
        mixtures=bool(views.mixtures),
        turned=views.turned,
    )
    return replace(federated, seed_set=seeds)


def peer_seed(seed: int, i: int) -> int:
    """The seed of peer i: of no other peer, whatever their numbers and random seeds below 1000."""
    return BLOCK * seed + i % BLOCK + BLOCK**2 * (i // BLOCK)


def peers_of(
    experiment: Experiment,
    data: FederatedData,
    hosted: Sequence[str],
    device: str | None = None,
    folder: Path | None = None,
) -> list[Peer]:
    """The peers hosted in this process, each with its own network, private rows and generator.

    device: where networks known by name train; None: on the CPU.
    folder: where the ledgers of their privacy budgets lie; None: in memory.
    """
    seeds = data.seed_set.unlabelled() if experiment.unlabelled else data.seed_set
    peers: list[Peer] = []
    here = set(hosted)
    for i, name in enumerate(experiment.names):
        if name in here:
            learner = _named(name, lambda i=i: _learner(experiment, data, seeds, i, device))
            ledger = None if folder is None else folder / LEDGERS / f"{name}.jsonl"
            learner = _named(name, lambda a=learner, b=ledger: _within(experiment, a, b))
            # Within a privacy budget nothing may be chosen by private rows, not even by these.
            is_open = experiment.privacy.epsilon is None
            validation = data.domains[name].validation if is_open else None
            peers.append(Peer(name, learner, seeds, validation=validation))
    return peers


def _named(name: str, build: Callable[[], Learner]) -> Learner:
    try:
        return build()
    except FedH2LError as error:
        raise FedH2LError(f"{name}: {error}") from error


def _learner(
    experiment: Experiment, data: FederatedData, seeds: SeedSet, i: int, device: str | None
) -> Learner:
    assert experiment.rounds is not None and experiment.rate is not None
    method, views = experiment.algorithm, experiment.views
    seed = peer_seed(experiment.seed, i)

    rows, batch = data.domains[experiment.names[i]].train, experiment.batch
    if getattr(method, "pooled", False):
        rows = data.pooled(labelled=not experiment.unlabelled)
        # As many rows per step as others learn from with their seed rows.
        batch += getattr(method, "seed_batch", 0)

    view = views.view or "none"
    training = Training(
        steps=experiment.rounds * method.steps,
        batch=min(batch, len(rows[1])),
        rate=experiment.rate,
        # What other rows say of a table's or a text's private rows is not known.
        augment=VIEWS[PRIVATE_VIEW.get(view, view)] if experiment.data.kind == "images" else None,
        seed=seed,
        # Weights can be averaged where all peers start from one model.
        start=peer_seed(experiment.seed, 0) if getattr(method, "one_architecture", False) else seed,
        seed_set=seeds,
        device=device,
        private=experiment.privacy.epsilon is not None,
    )
    return model_of(experiment.models[i]).build(rows, data.classes, training)


def _within(experiment: Experiment, learner: Learner, ledger: Path | None) -> Learner:
    """The learner within its privacy budget, where there is one."""
    assert experiment.rounds is not None
    steps = experiment.rounds * experiment.algorithm.steps
    return experiment.privacy.learner(learner, Ledger(ledger), steps)
