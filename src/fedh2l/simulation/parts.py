"""Of what an experiment is composed beside its data set: the method, the views of the seed set, and
the network.
"""

from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from fedh2l.bounds import bounded, check_fields
from fedh2l.loop import Algorithm


@runtime_checkable
class Method(Algorithm, Protocol):
    """What `ALGORITHMS` holds: an algorithm that says how many local steps a round has.

    It may say more of itself, each of which counts as no where it is not said: `needs_labels` (of
    the seed set), `one_architecture` (all peers have one model, with one start), `pooled` (learners
    hold everybody's private rows), `warmup` (rounds before the first exchange), `codec` (the only
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
        Ask about agreed mixtures of two seed rows as well (CutMix of images and of columns, spans
        of texts); twice the bytes. By default as the data set says.
    """

    views: bool = True
    view: Literal["geometry", "bold", "shift", "swap", "words"] | None = None
    every: int = bounded(1, least=1)
    mixtures: bool | None = None

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
