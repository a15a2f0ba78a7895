"""Rows dealt out to peers unlike in their labels or in their number: by Dirichlet, a few classes
each, or by quantity. A part that is too small is filled up, and said so; nothing is tried for ever.

Of our own, because the library that has them (flwr-datasets 0.6) brings 45 packages along, and
gives up where a part stays small.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Int

from fedh2l.error import FedH2LError

Skew = Literal["dirichlet", "pathological", "quantity"]
FEW_PARTS, DRAWS = 100, 10  # so few parts are drawn anew, so often, before one is filled up


@dataclass(frozen=True)
class Partition:
    """The rows of each part, as indices; every row in one part. drawn: how many rows each would
    have had without being filled up.
    """

    parts: list[Int[np.ndarray, "_"]]
    drawn: tuple[int, ...]

    def notes(self, least: int) -> tuple[str, ...]:
        """What was filled up, in a sentence for people; nothing where nothing was."""
        small = sum(count < least for count in self.drawn)
        if not small:
            return ()
        empty = sum(count == 0 for count in self.drawn)
        return (
            f"{small} of {len(self.drawn)} peers had fewer than {least} rows by the draw, {empty} "
            f"of them none; each was filled up to {least} from the largest, row by row",
        )


def check_idle(data: Any) -> None:
    """Refuse alpha or classes_each of a data set where its skew has no use for it: whoever sets it
    believes that it does something.
    """
    uses = {"pathological": {"classes_each"}, None: set[str]()}.get(data.skew, {"alpha"})
    for name in sorted({"alpha", "classes_each"} - uses):
        if getattr(data, name) != getattr(type(data), name):
            where = f"with --skew {data.skew}" if data.skew else "without --skew"
            raise FedH2LError(f"{name} means nothing {where}; leave it out")


def partition(
    labels: Int[np.ndarray, " rows"],
    parts: int,
    rng: np.random.Generator,
    *,
    skew: Skew = "dirichlet",
    alpha: float = 0.1,
    classes_each: int = 2,
    least: int = 0,
) -> Partition:
    """Deal all rows out to so many parts of `least` rows or more.

    dirichlet: every class by its own Dirichlet(alpha) draw (arXiv:1909.06335). pathological: each
    part has `classes_each` classes, every class shared evenly by those that have it (after
    arXiv:1602.05629, whose shards may cut through a class). quantity: the numbers of rows by one
    Dirichlet(alpha) draw, classes at random (arXiv:2102.02079).
    Up to a hundred parts are drawn again, ten times at most, where one is too small; then, and of
    more parts at once, those are filled up from the largest.
    Raises FedH2LError where there are too few rows, or fewer classes than `classes_each`.
    """
    if parts * least > len(labels):
        raise FedH2LError(
            f"{len(labels)} rows are too few for {parts} parts of {least} or more; ask for fewer "
            "domains"
        )
    split: list[np.ndarray] = []
    for _ in range(DRAWS if parts <= FEW_PARTS else 1):
        if skew == "dirichlet":
            split = _by_dirichlet(labels, parts, alpha, rng)
        elif skew == "pathological":
            split = _by_classes(labels, parts, classes_each, rng)
        else:
            split = _by_quantity(len(labels), parts, alpha, rng)
        if min(len(part) for part in split) >= least:
            break
    return Partition(_filled(split, least), tuple(len(part) for part in split))


def _by_dirichlet(
    labels: np.ndarray, parts: int, alpha: float, rng: np.random.Generator
) -> list[np.ndarray]:
    split: list[list[np.ndarray]] = [[] for _ in range(parts)]
    for c in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == c))
        _deal(rows, rng.dirichlet([alpha] * parts), split)
    return [np.concatenate(pieces) for pieces in split]


def _deal(rows: np.ndarray, shares: np.ndarray, split: Sequence[list[np.ndarray]]) -> None:
    """Cut rows by these shares, a piece for each part."""
    cuts = (np.cumsum(shares)[:-1] * len(rows)).astype(np.int64)
    for pieces, some in zip(split, np.split(rows, cuts), strict=True):
        pieces.append(some)


def _by_classes(
    labels: np.ndarray, parts: int, each: int, rng: np.random.Generator
) -> list[np.ndarray]:
    classes = np.unique(labels)
    if each > len(classes):
        raise FedH2LError(
            f"classes_each is {each}, and there are {len(classes)} classes; ask for fewer"
        )
    owners = _owners(len(classes), parts, each, rng)
    split: list[list[np.ndarray]] = [[np.empty(0, np.int64)] for _ in range(parts)]
    for c, its in zip(classes, owners, strict=True):
        rows = rng.permutation(np.flatnonzero(labels == c))
        for part, some in zip(its, np.array_split(rows, len(its)), strict=True):
            split[part].append(some)
    return [np.concatenate(pieces) for pieces in split]


def _owners(classes: int, parts: int, each: int, rng: np.random.Generator) -> list[list[int]]:
    """The parts that have each class."""
    owners: list[list[int]] = [[] for _ in range(classes)]
    counts = np.zeros(classes, np.int64)
    for part in range(parts):
        # The classes that the fewest have; among those that equally many have, at random.
        order = np.lexsort([rng.random(classes), counts])
        for c in order[:each]:
            owners[c].append(part)
        counts[order[:each]] += 1
    # With few parts a class may have no owner: one of them then has it besides its own.
    for its in owners:
        if not its:
            its.append(int(rng.integers(parts)))
    return owners


def _by_quantity(rows: int, parts: int, alpha: float, rng: np.random.Generator) -> list[np.ndarray]:
    split: list[list[np.ndarray]] = [[] for _ in range(parts)]
    _deal(rng.permutation(rows), rng.dirichlet([alpha] * parts), split)
    return [pieces[0] for pieces in split]


def _filled(split: Sequence[np.ndarray], least: int) -> list[np.ndarray]:
    """Parts below `least` get rows from the largest, one at a time."""
    if min(len(part) for part in split) >= least:
        return list(split)
    rows = [part.tolist() for part in split]
    largest = [(-len(part), i) for i, part in enumerate(rows)]
    heapq.heapify(largest)
    for part in rows:
        while len(part) < least:
            # A part that has grown or shrunk meanwhile stands in the heap as it was: put it right.
            size, i = heapq.heappop(largest)
            if -size == len(rows[i]):
                part.append(rows[i].pop())
            heapq.heappush(largest, (-len(rows[i]), i))
    return [np.array(part, np.int64) for part in rows]
