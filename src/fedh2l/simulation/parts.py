"""Of what an experiment is composed beside its data set: the method, the views of the seed set, the
network, and whether everybody is honest.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from fedh2l.algorithms.attacks import ATTACKS
from fedh2l.algorithms.guarded import Guarded
from fedh2l.algorithms.poisoned import Poisoned
from fedh2l.bounds import bounded, check_fields
from fedh2l.error import FedH2LError
from fedh2l.exchange.graph import OF_A_DEGREE
from fedh2l.loop import Algorithm


@runtime_checkable
class Method(Algorithm, Protocol):
    """What `ALGORITHMS` holds: an algorithm that says how many local steps a round has.

    It may say more of itself, each of which counts as no where it is not said: `needs_labels` (of
    the seed set), `one_architecture` (all peers have one model, with one start), `pooled` (learners
    hold everybody's private rows), `reads_rows` (what it says, or whom it believes, depends on
    private rows themselves), `warmup` (rounds before the first exchange), `codec` (the only
    one that it sends with). The baselines of a run take its `seed_batch` and `reuse` where it has
    them.
    """

    @property
    def steps(self) -> int: ...


@dataclass(frozen=True, kw_only=True)
class Views:
    """What is asked about the seed set from round to round, and how private rows are augmented.

    Parameters
    ----------
    views
        Ask about a fresh agreed view of the seed set each round, and augment private images.
    view
        What a view does. Of images: geometry (shift, rotation ±12°, scale, shear, elastic; the
        default), bold (twice as much, and strokes of another thickness; private images as in
        geometry) or shift (±7 % of the side). Of tables: swap (values from other rows; the
        default). Of texts: words (some left out).
    every
        Rounds for which a view is kept.
    mixtures
        Ask about agreed mixtures of two seed rows as well (CutMix of images, of columns and of the
        values of vectors, spans of texts); twice the bytes. By default as the data set says.
    turned
        Ask about images also as turned as those of another peer are, where the seed set shows that
        they are turned against each other.
    """

    views: bool = True
    view: Literal["geometry", "bold", "shift", "swap", "words"] | None = None
    every: int = bounded(1, least=1)
    mixtures: bool | None = None
    turned: bool = True

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, kw_only=True)
class Network:
    """Who hears whom, and what goes wrong on the way.

    Parameters
    ----------
    graph
        Who hears whom: full, ring, star, regular (drawn at random), small-world, clusters, gossip
        (two by two, drawn afresh in each round), or a file with an edge per line.
    degree
        Neighbours of each peer in a graph that is regular, a small world or in clusters.
    participation
        Share of the peers present in a round.
    loss
        Probability that a message is lost.
    """

    graph: str = "full"
    degree: int = bounded(3, least=1)
    participation: float = bounded(1.0, above=0, most=1)
    loss: float = bounded(0.0, least=0, most=0.999)

    def __post_init__(self) -> None:
        check_fields(self)

    def check(self) -> None:
        """Refuse a degree that would change nothing."""
        if self.graph not in OF_A_DEGREE and self.degree != Network.degree:
            raise FedH2LError(
                f"degree is {self.degree}, and a graph that is {self.graph} has none; use "
                f"--graph {', '.join(OF_A_DEGREE)}, or leave --degree out"
            )


@dataclass(frozen=True, kw_only=True)
class Honesty:
    """Who lies, and whether the others are on their guard.

    Parameters
    ----------
    liars
        Peers that lie, by name; their own figures are left out of the means.
    attack
        How they lie: random, flipped, constant, boundary, one-class, colluding, free-rider, copied,
        slow-drift, late or adaptive; by default flipped.
    guard
        Honest peers believe nobody who has not earned it.
    """

    liars: tuple[str, ...] = ()
    attack: str | None = field(default=None, metadata={"table": ATTACKS})
    guard: bool = False

    def __post_init__(self) -> None:
        check_fields(self)
        names: tuple[Any, ...] = self.liars
        if not all(isinstance(name, str) for name in names):
            raise FedH2LError(f"liars are {self.liars!r}, expected names of peers")
        # rot19,rot56 is as good as rot19 rot56.
        liars = [name for words in self.liars for name in words.split(",") if name]
        object.__setattr__(self, "liars", tuple(sorted(set(liars))))

    def check(self, peers: Sequence[str]) -> None:
        """Refuse liars who are no peers, and settings that would change nothing."""
        if self.attack is not None and not self.liars:
            raise FedH2LError("--attack means nothing without --liars; name the peers that lie")
        strangers = [name for name in self.liars if name not in peers]
        if strangers:
            raise FedH2LError(f"liar {strangers[0]!r} is no peer; the peers are {', '.join(peers)}")
        if self.liars and len(self.liars) == len(peers):
            raise FedH2LError(
                "every peer is a liar; leave at least one honest, to see what it does"
            )

    def around(self, method: Algorithm) -> Algorithm:
        """The method, with the guard and the lies that there are."""
        if self.guard:
            method = Guarded(method)
        if not self.liars:
            return method
        return Poisoned(method, self.liars, self.attack or "flipped")
