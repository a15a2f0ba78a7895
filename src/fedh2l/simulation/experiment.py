"""An experiment: everything that decides its outcome, as one dataclass, and the peers, data and
method that it describes.
"""

from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from json import dumps
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from fedh2l.algorithms.fedh2l import FedH2L
from fedh2l.data import DATASETS
from fedh2l.error import FedH2LError, choose
from fedh2l.exchange.graph import graph
from fedh2l.learner import Conflict
from fedh2l.learners import model_of
from fedh2l.wire import CODEC, CODECS

NETWORKS = ("mlp", "lenet", "wide-cnn", "resnet", "batchnorm-cnn", "deep-mlp")
DEFAULTS: dict[str, dict[str, Any]] = {
    "digits": {
        "peers": ("mlp", "lenet", "resnet", "batchnorm-cnn", "forest"),
        "rounds": 24,
        "seed_share": 0.1,
        "mixtures": False,
        "references": True,
    },
    "rotated-mnist": {
        "peers": NETWORKS,
        "rounds": 150,
        "seed_share": 0.05,
        "mixtures": True,
        "references": False,
    },
    "skewed-mnist": {
        "peers": NETWORKS,
        "rounds": 150,
        "seed_share": 0.05,
        "mixtures": True,
        "references": False,
    },
}
ALGORITHMS = ("fedh2l", "alone", "seed-only", "pooled", "fedavg", "fedprox")


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """What is run. Two experiments that are equal give equal results; None stands for the default
    of the data set.

    Parameters
    ----------
    data
        digits (comes with the package), rotated-mnist (15° more for each peer) or skewed-mnist
        (labels by Dirichlet).
    data_dir
        Folder of MNIST's four IDX files; without it they are fetched once.
    algorithm
        fedh2l, alone, seed-only, pooled, fedavg or fedprox.
    peers
        Models, dealt out to the domains in turn: mlp, lenet, wide-cnn, resnet, batchnorm-cnn,
        deep-mlp, forest, logistic.
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
        What a view does: shift (±7 % of the side) or geometry (shift, rotation ±12°, scale, shear,
        elastic).
    every
        Rounds for which a view is kept.
    mixtures
        Ask about agreed CutMix mixtures of seed examples as well; twice the bytes.
    reuse
        How many of the last views' answers are learnt from.
    weight
        λ: weight of the peers' posteriors, against 1 for the seed labels and 1 for the private
        rows.
    exchange
        Posteriors on the whole seed set, or on one batch of it (the original form: --exchange batch
        --steps 1).
    codec
        Posteriors as bytes: lattice (3 to 4 bits per row of ten classes), adaptive (fewer), uint8,
        float16 or float32.
    conflict
        Whose gradient is protected when the private and the seed gradient disagree: none, private,
        seed or both.
    temperature
        Softens teacher and pupil alike.
    teachers
        Who is believed on a row: uniform, owner (who contributed it, six times), or label (by
        p(label)², where there are labels).
    own
        One's own posteriors are part of the average.
    top
        How many of a teacher's likeliest classes count on a row.
    warmup
        Rounds of local learning before the first exchange; with many classes it is better to say
        nothing at first.
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
    peers: Annotated[tuple[str, ...] | None, Parameter(consume_multiple=True)] = None
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
    codec: str = CODEC
    conflict: Conflict = FedH2L.conflict
    temperature: float = FedH2L.temperature
    teachers: str = FedH2L.teachers
    own: bool = FedH2L.own
    top: int = FedH2L.top
    warmup: int = FedH2L.warmup
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
        choose("codec", self.codec, CODECS)
        found = replace(
            self, **{k: v for k, v in DEFAULTS[self.data].items() if getattr(self, k) is None}
        )
        assert found.peers is not None and found.rounds is not None
        if not found.peers:
            raise FedH2LError("no peers: name at least one model")
        for model in found.peers:
            model_of(model)
        domains = found.domains or (
            len(found.peers) if len(found.peers) > 1 else len(DEFAULTS[self.data]["peers"])
        )
        found = replace(
            found, domains=domains, evaluate=found.evaluate or max(1, found.rounds // 10)
        )
        found._check()
        return found

    def _check(self) -> None:
        counts = (
            "rounds",
            "steps",
            "domains",
            "rows",
            "batch",
            "seed_batch",
            "every",
            "reuse",
            "evaluate",
            "top",
        )
        for name in (*counts, "rate", "temperature"):
            if getattr(self, name) <= 0:
                raise FedH2LError(
                    f"--{name.replace('_', '-')} is {getattr(self, name)}; it must be above 0"
                )
        if (
            self.seed_share is None
            or not 0 < self.seed_share < 1
            or min(self.weight, self.seed, self.warmup) < 0
        ):
            raise FedH2LError(
                "--seed-share must be between 0 and 1, --weight, --seed and --warmup not negative"
            )
        if self.unlabelled and self.algorithm == "seed-only":
            raise FedH2LError(
                "seed-only learns from the seed labels, which --unlabelled withholds; use "
                "--algorithm alone"
            )
        if self.algorithm in ("fedavg", "fedprox") and len(set(self.models)) > 1:
            raise FedH2LError(
                f"{self.algorithm} averages weights, so every peer needs the same model; use "
                f"--peers {self.models[0]}, "
                "or --algorithm fedh2l for unlike ones"
            )
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
        return DATASETS[self.data]().names(self.domains)

    @property
    def digest(self) -> str:
        """Names the outcome: the same for the same results, wherever the data lie and whatever is
        measured beside them.
        """
        told = {k: v for k, v in asdict(self).items() if k not in ("data_dir", "references")}
        return sha256(dumps(told, sort_keys=True).encode()).hexdigest()[:16]
