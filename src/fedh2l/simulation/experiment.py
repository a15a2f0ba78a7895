"""An experiment: everything that decides its outcome, composed of a data set, a method, the views
of the seed set, a network, who lies, and a privacy budget.
"""

from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, Literal, get_type_hints

from fedh2l.algorithms import ALGORITHMS
from fedh2l.algorithms.fedh2l import FedH2L
from fedh2l.bounds import bounded, check_value
from fedh2l.data.digits import Digits
from fedh2l.data.domains import DataSet
from fedh2l.error import FedH2LError, choose
from fedh2l.exchange.graph import graph
from fedh2l.exchange.in_process import InProcess
from fedh2l.learners.privacy import RATE, Privacy
from fedh2l.loop import Algorithm
from fedh2l.simulation.dealing import completed, models_in_turn, models_of
from fedh2l.simulation.parts import Honesty, Method, Network, Views
from fedh2l.views import DEFAULT_VIEW, MIXTURES, VIEWS_OF
from fedh2l.wire import CODEC, CODECS

# The fields that are dataclasses themselves.
PARTS = ("data", "algorithm", "views", "network", "honesty", "privacy")
ADAM = 3e-3  # its learning rate, if nothing is said


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """What is run. Two experiments that are equal give equal results; None stands for the default
    of the data set.

    Parameters
    ----------
    data
        The data set; its own settings are among those below.
    algorithm
        The method; its own settings are among those below.
    peers
        Models, dealt out to the domains in turn; also FILE.py:FUNCTION. DOMAIN=MODEL gives a
        domain its own.
    unlabelled
        Withhold the seed labels: posteriors do their work.
    rounds
        Rounds of the run.
    seed
        Of everything random: split, networks, batches, views, faults.
    batch
        Private rows per step; a peer that has fewer takes all of them.
    rate
        Learning rate of Adam, by default 0.003; with --epsilon that of SGD with momentum, by
        default 0.1. It falls to 0 along a cosine.
    codec
        Posteriors as bytes: lattice (3 to 4 bits per row of ten classes and round where the same
        rows are asked again, about twice that in a fresh view each round), adaptive (fewer),
        uint8, float16, float32, or hard (the likeliest class alone).
    evaluate
        Rounds between two evaluations and checkpoints; by default a tenth of them.
    keep
        best: also keep each peer as it was at its latest evaluation within one standard error of
        the best, by its own validation rows; fedh2l export then takes that one. By default the
        model is that of the last round.
    """

    data: DataSet = field(default_factory=Digits)
    algorithm: Method = field(default_factory=FedH2L)
    peers: tuple[str, ...] | None = None
    unlabelled: bool = False
    rounds: int | None = bounded(None, least=1)
    seed: int = bounded(0, least=0, most=2**32 - 1)
    batch: int = bounded(48, least=1)
    rate: float | None = bounded(None, above=0)
    views: Views = field(default_factory=Views)
    codec: str = CODEC
    network: Network = field(default_factory=Network)
    honesty: Honesty = field(default_factory=Honesty)
    privacy: Privacy = field(default_factory=Privacy)
    evaluate: int | None = bounded(None, least=1)
    keep: Literal["best"] | None = None  # None leaves the digest of an experiment as it was

    def __post_init__(self) -> None:
        kinds = get_type_hints(type(self))
        for f in fields(self):
            if f.name in PARTS:
                _check_part(f.name, getattr(self, f.name))
            else:
                check_value(f, kinds[f.name], getattr(self, f.name))
        choose("codec", self.codec, CODECS)
        models: tuple[Any, ...] | None = self.peers
        if not all(isinstance(model, str) for model in models or ()):
            raise FedH2LError(f"peers are {self.peers!r}, expected names of models")

    def resolved(self) -> "Experiment":
        """With the data set's defaults filled in and every value checked against the others."""
        peers = self.data.models if self.peers is None else self.peers
        if not peers:
            raise FedH2LError("no peers: name at least one model")
        domains = self._domains(len(models_in_turn(peers)))
        peers = completed(peers, self.data.names(domains), self.data.models)
        rounds = self.rounds or self.data.rounds
        self._check_idle_settings()
        views = self._views()
        found = replace(
            self,
            data=replace(self.data, domains=domains),
            peers=peers,
            rounds=rounds,
            rate=self.rate or (ADAM if self.privacy.epsilon is None else RATE),
            views=views,
            codec=getattr(self.algorithm, "codec", self.codec),
            evaluate=self.evaluate or max(1, rounds // 10),
        )
        found._check()
        return found

    def _domains(self, models: int) -> int:
        """As many as are asked for, as the data have of themselves, or as there are models."""
        held: int | None = getattr(self.data, "held", None)
        # One model alone fills as many domains as the data set has by default.
        usual = models if models > 1 else len(self.data.models)
        return self.data.domains or held or usual

    def _views(self) -> Views:
        """With the defaults of the data's kind; all that is off, where there are no views."""
        kind = self.data.kind
        if not self.views.views or kind not in MIXTURES:
            return replace(self.views, views=False, view=None, mixtures=False, turned=False)
        view = self.views.view or DEFAULT_VIEW[kind]
        if view not in ("none", *VIEWS_OF[kind]):
            fix = f"use --view {VIEWS_OF[kind][0]}, or " if VIEWS_OF[kind] else ""
            raise FedH2LError(f"view {view!r} is not one of {kind}; {fix}leave it out")
        # "none" is what a view is called that changes nothing; a run has it where none is named.
        named = None if view == "none" else view
        turned = self.views.turned and kind == "images"
        return replace(self.views, view=named, mixtures=self._mixtures(), turned=turned)

    def _mixtures(self) -> bool:
        """Whether the seed set is asked about in mixtures; None: as the data set says."""
        if self.views.mixtures is None:
            return self.data.mixtures
        return self.views.mixtures

    def _check_idle_settings(self) -> None:
        """Refuse what would change nothing: whoever sets it believes that it does."""
        self.network.check()
        has_views = self.data.kind in MIXTURES
        if self.views.views and has_views:
            return
        views = self.views
        given = {
            "view": views.view is not None,
            "every": views.every != Views.every,
            # A stored experiment says false where nobody asked for mixtures.
            "mixtures": bool(views.mixtures),
        }
        idle = [name for name, is_given in given.items() if is_given]
        if idle:
            why = "with --no-views" if has_views else "for data that have no views"
            raise FedH2LError(f"--{idle[0]} means nothing {why}; leave it out")

    def _check(self) -> None:
        method = ALGORITHMS.name_of(type(self.algorithm))
        if self.unlabelled and getattr(self.algorithm, "needs_labels", False):
            raise FedH2LError(
                f"{method} learns from the seed labels, which --unlabelled withholds; use "
                "--algorithm alone"
            )
        if getattr(self.algorithm, "one_architecture", False) and len(set(self.models)) > 1:
            raise FedH2LError(
                f"{method} averages weights, so every peer needs the same model; use "
                f"--peers {self.models[0]}, or --algorithm fedh2l for unlike ones"
            )
        warmup = getattr(self.algorithm, "warmup", 0)
        assert self.rounds is not None
        if warmup and warmup >= self.rounds:
            raise FedH2LError(
                f"warmup is {warmup} of {self.rounds} rounds, so nothing would ever be exchanged; "
                "use a smaller --warmup, or more --rounds"
            )
        reads_rows = getattr(self.algorithm, "reads_rows", False)
        batch, keep = self.batch != Experiment.batch, self.keep is not None
        self.privacy.check(method, reads_rows=reads_rows, batch=batch, keep=keep)
        self.exchange()  # for its checks: the graph must fit the names
        self.honesty.check(self.names)

    def exchange(self) -> InProcess:
        """What carries the messages, with the graph and the faults that were asked for."""
        network = self.network
        neighbours = graph(network.graph, self.names, degree=network.degree, seed=self.seed)
        return InProcess(neighbours, network.participation, network.loss, self.seed)

    @property
    def played(self) -> Algorithm:
        """The method as the peers play it: with the lies of those who lie."""
        return self.honesty.around(self.algorithm)

    @property
    def domains(self) -> int:
        """How many peers there are, each on a domain of its own; known once resolved."""
        domains = self.data.domains
        assert domains is not None, "not resolved"
        return domains

    @property
    def models(self) -> list[str]:
        """The model of each peer: its own, or those without a peer dealt out in turn."""
        assert self.peers is not None
        return models_of(self.peers, self.names)

    @property
    def names(self) -> list[str]:
        """The peers, named after the domains they live in."""
        return self.data.names(self.domains)


def _check_part(name: str, part: Any) -> None:
    if not is_dataclass(part) or isinstance(part, type):
        raise FedH2LError(f"{name} is {part!r}, expected an instance, such as Digits() or FedH2L()")
