"""An experiment: everything that decides its outcome, as one dataclass, and the peers, data and method that it describes."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from hashlib import sha256
from json import dumps
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from fedh2l.algorithms.fedavg import FedAvg
from fedh2l.algorithms.fedh2l import FedH2L
from fedh2l.algorithms.local import Alone, SeedOnly
from fedh2l.data.federated import FederatedData
from fedh2l.distill import Teachers
from fedh2l.error import FedH2LError, choose
from fedh2l.exchange.graph import graph
from fedh2l.exchange.in_process import InProcess
from fedh2l.learner import Conflict, Learner
from fedh2l.learners.rows import Rows
from fedh2l.loop import Algorithm
from fedh2l.peer import Peer
from fedh2l.views import VIEWS

NETWORKS = ("mlp", "lenet", "wide-cnn", "resnet", "batchnorm-cnn", "deep-mlp")
# model -> milliseconds of a step on one core, measured once at 28×28: only to share the peers out evenly among processes
COST = dict(zip(NETWORKS, (3, 14, 18, 14, 12, 4), strict=True)) | {"forest": 30, "logistic": 5}
DEFAULTS: dict[str, dict[str, Any]] = {
    "digits": {
        "peers": ("mlp", "lenet", "resnet", "batchnorm-cnn", "forest"),
        "rounds": 30,
        "seed_share": 0.1,
        "mixtures": False,
        "references": True,
    },
    "rotated-mnist": {"peers": NETWORKS, "rounds": 150, "seed_share": 0.05, "mixtures": True, "references": False},
    "skewed-mnist": {"peers": NETWORKS, "rounds": 150, "seed_share": 0.05, "mixtures": True, "references": False},
}
ALGORITHMS = ("fedh2l", "alone", "seed-only", "pooled", "fedavg", "fedprox")


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """What is run. Two experiments that are equal give equal results; None stands for the default of the data set.

    Parameters
    ----------
    data
        digits (comes with the package), rotated-mnist (15° more for each peer) or skewed-mnist (labels by Dirichlet).
    data_dir
        Folder of MNIST's four IDX files; without it they are fetched once.
    algorithm
        fedh2l, alone, seed-only, pooled, fedavg or fedprox.
    peers
        Models, dealt out to the domains in turn: mlp, lenet, wide-cnn, resnet, batchnorm-cnn, deep-mlp, forest, logistic.
    domains
        How many peers, each on a domain of its own; by default as many as models.
    rows
        Private rows per peer before the seeds are taken out (MNIST).
    alpha
        Concentration of the Dirichlet distribution of labels (skewed-mnist); small is skewed.
    seed_share
        Share of each peer's rows that goes to the seed set.
    unlabelled
        Withhold the seed labels: posteriors do their work.
    rounds
        How often posteriors are exchanged.
    steps
        Local steps per round.
    seed
        Of everything random: split, networks, batches, views, faults.
    batch
        Private rows per step.
    seed_batch
        Seed rows per step.
    rate
        Learning rate of Adam; falls to 0 along a cosine.
    views
        Augment private rows, and ask about a fresh agreed view of the seed set each round.
    view
        What a view does: shift (±7 % of the side) or geometry (shift, rotation ±12°, scale, shear, elastic).
    every
        Rounds for which a view is kept.
    mixtures
        Ask about agreed CutMix mixtures of seed examples as well; twice the bytes.
    reuse
        How many of the last views' answers are learnt from.
    weight
        λ: weight of the peers' posteriors, against 1 for the seed labels and 1 for the private rows.
    exchange
        Posteriors on the whole seed set, or on one batch of it (the original form: --exchange batch --steps 1).
    conflict
        Whose gradient is protected when the private and the seed gradient disagree: none, private, seed or both.
    temperature
        Softens teacher and pupil alike.
    teachers
        Who is believed on a row: uniform, owner (who contributed it, six times), or label (by p(label)², where there are labels).
    own
        One's own posteriors are part of the average.
    proximal
        μ of fedprox.
    graph
        Who hears whom: full, ring, star, regular, or a file with an edge per line.
    degree
        Neighbours of each peer in a regular graph.
    participation
        Share of the peers present in a round.
    loss
        Probability that a message is lost.
    evaluate
        Rounds between two evaluations and checkpoints; by default a tenth of them.
    references
        Run the honest rows too: alone, seed-only, pooled.
    """

    data: str = "digits"
    data_dir: Annotated[Path | None, Parameter(env_var="FEDH2L_DATA")] = None
    algorithm: str = "fedh2l"
    peers: tuple[str, ...] | None = None
    domains: int | None = None
    rows: int = 1000
    alpha: float = 0.1
    seed_share: float | None = None
    unlabelled: bool = False
    rounds: int | None = None
    steps: int = FedH2L.steps
    seed: int = 0
    batch: int = 32
    seed_batch: int = FedH2L.seed_batch
    rate: float = 3e-3
    views: bool = True
    view: Literal["shift", "geometry"] = "geometry"
    every: int = 1
    mixtures: bool | None = None
    reuse: int = FedH2L.reuse
    weight: float = FedH2L.weight
    exchange: Literal["set", "batch"] = FedH2L.exchange
    conflict: Conflict = FedH2L.conflict
    temperature: float = FedH2L.temperature
    teachers: Teachers = FedH2L.teachers
    own: bool = FedH2L.own
    proximal: float = 0.01
    graph: str = "full"
    degree: int = 3
    participation: float = 1.0
    loss: float = 0.0
    evaluate: int | None = None
    references: bool | None = None

    def resolved(self) -> "Experiment":
        """With the data set's defaults filled in and every value checked."""
        choose("data", self.data, DEFAULTS)
        choose("algorithm", self.algorithm, ALGORITHMS)
        found = replace(self, **{k: v for k, v in DEFAULTS[self.data].items() if getattr(self, k) is None})
        assert found.peers is not None and found.rounds is not None
        if not found.peers:
            raise FedH2LError("no peers: name at least one model")
        for model in found.peers:
            choose("model", model, COST)
        domains = found.domains or (len(found.peers) if len(found.peers) > 1 else len(DEFAULTS[self.data]["peers"]))
        found = replace(found, domains=domains, evaluate=found.evaluate or max(1, found.rounds // 10))
        found._check()
        return found

    def _check(self) -> None:
        for name in ("rounds", "steps", "domains", "rows", "batch", "seed_batch", "every", "reuse", "evaluate", "rate", "temperature"):
            if getattr(self, name) <= 0:
                raise FedH2LError(f"--{name.replace('_', '-')} is {getattr(self, name)}; it must be above 0")
        if self.seed_share is None or not 0 < self.seed_share < 1 or self.weight < 0 or self.seed < 0:
            raise FedH2LError("--seed-share must be between 0 and 1, --weight and --seed not negative")
        if self.unlabelled and self.algorithm == "seed-only":
            raise FedH2LError("seed-only learns from the seed labels, which --unlabelled withholds; use --algorithm alone")
        if self.algorithm in ("fedavg", "fedprox") and len(set(self.models)) > 1:
            raise FedH2LError(f"{self.algorithm} averages weights, so every peer needs the same model; use --peers {self.models[0]}, "
                              "or --algorithm fedh2l for unlike ones")  # fmt: skip
        graph(self.graph, self.names, degree=self.degree, seed=self.seed)

    @property
    def models(self) -> list[str]:
        """The model of each peer: the named ones, dealt out in turn."""
        assert self.peers is not None and self.domains is not None
        return [self.peers[i % len(self.peers)] for i in range(self.domains)]

    @property
    def names(self) -> list[str]:
        """The peers, named after the domains they live in."""
        assert self.domains is not None
        if self.data == "digits":
            from fedh2l.data.digits import angles

            return [f"rot{a:02.0f}" for a in angles(self.domains)]
        return [f"rot{15 * i:02d}" if self.data == "rotated-mnist" else f"skew{i}" for i in range(self.domains)]

    @property
    def digest(self) -> str:
        """Names the outcome: the same for the same results, wherever the data lie and whatever is measured beside them."""
        told = {k: v for k, v in asdict(self).items() if k not in ("data_dir", "references")}
        return sha256(dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def algorithm_of(config: Experiment) -> Algorithm:
    kinds: dict[str, type[FedH2L | Alone | SeedOnly | FedAvg]] = {
        "fedh2l": FedH2L, "alone": Alone, "pooled": Alone, "seed-only": SeedOnly, "fedavg": FedAvg, "fedprox": FedAvg,
    }  # fmt: skip
    kind = kinds[config.algorithm]
    settings: dict[str, Any] = {f.name: getattr(config, f.name) for f in fields(kind)}  # the flags are named after the hyper-parameters
    if config.algorithm == "fedavg":
        settings["proximal"] = 0.0
    return kind(**settings)


def exchange_of(config: Experiment) -> InProcess:
    who = graph(config.graph, config.names, degree=config.degree, seed=config.seed)
    return InProcess(who, config.participation, config.loss, config.seed)


@cache
def data_of(config: Experiment) -> FederatedData:
    assert config.domains is not None and config.seed_share is not None
    split: dict[str, Any] = {"domains": config.domains, "seed": config.seed, "seed_share": config.seed_share}
    if config.data == "digits":
        from fedh2l.data.digits import digits

        data = digits(**split)
    else:
        from fedh2l.data.mnist import rotated_mnist, skewed_mnist

        split |= {"rows": config.rows}
        rotate = config.data == "rotated-mnist"
        data = rotated_mnist(config.data_dir, **split) if rotate else skewed_mnist(config.data_dir, alpha=config.alpha, **split)
    if not config.views:
        return data
    return replace(data, seed_set=replace(data.seed_set, view=config.view, every=config.every, mixtures=bool(config.mixtures), _cache={}))


def peers_of(config: Experiment, data: FederatedData, hosted: Sequence[str]) -> list[Peer]:
    """The peers that live in this process, each with its own network, private rows and generator."""
    seeds = data.seed_set.unlabelled() if config.unlabelled else data.seed_set
    return [
        Peer(name, _named(name, lambda i=i, name=name: _learner(config, data, i, name)), seeds)
        for i, name in enumerate(config.names) if name in hosted
    ]  # fmt: skip


def _named(name: str, build: Callable[[], Learner]) -> Learner:
    try:
        return build()
    except FedH2LError as error:
        raise FedH2LError(f"{name}: {error}") from error


def _learner(config: Experiment, data: FederatedData, i: int, name: str) -> Learner:
    model, seed = config.models[i], 1000 * config.seed + i
    pooled = config.algorithm == "pooled"
    rows: Rows = data.pooled(labelled=not config.unlabelled) if pooled else data.domains[name].train
    if model not in NETWORKS:
        return _classic(model, rows, data.classes, seed)
    import torch

    from fedh2l import models
    from fedh2l.learners.torch import TorchLearner

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1000 * config.seed if config.algorithm in ("fedavg", "fedprox") else seed)  # FedAvg starts from one model
        network = models.NETWORKS[model](rows[0].shape[1:], data.classes)
    assert config.rounds is not None
    optimizer = torch.optim.Adam(network.parameters(), config.rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.rounds * config.steps)
    batch = config.batch + config.seed_batch if pooled else config.batch  # as many rows per step as with the seed rows
    augment = VIEWS[config.view] if config.views else None
    return TorchLearner(network, optimizer, rows, batch=batch, augment=augment, schedule=schedule, seed=seed)


def _classic(model: str, rows: Rows, classes: int, seed: int) -> Learner:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression

    from fedh2l.learners.sklearn import SklearnLearner

    estimator = RandomForestClassifier(50) if model == "forest" else LogisticRegression(max_iter=1000)
    return SklearnLearner(estimator, rows, classes, seed=seed)
