"""The rows whose membership is guessed, and which of them a world's peer learns."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int

from fedh2l.error import FedH2LError
from fedh2l.rows import Rows
from fedh2l.stored_rows import joined, picked


@dataclass(frozen=True, eq=False)
class Candidates:
    """Rows that a peer learns in some worlds, and rows that it learns in all of them.

    What a world learns is a pure function of (`seed`, world), so worlds may be computed in any
    order, and more of them later.
    """

    rows: Rows
    always: Rows | None  # None: nothing but candidates
    seed: int

    def members(self, world: int) -> Bool[np.ndarray, " rows"]:
        """Which candidates are learnt in a world; in the other one of its pair the others are.

        A random half of them; where there are other rows besides, each by a coin of its own.
        """
        pair, is_second = divmod(world, 2)
        rng = np.random.default_rng([self.seed, pair])
        count = len(self.rows[1])
        inside = rng.random(count) < 0.5
        if self.always is None:
            inside = rng.permutation(count) < count // 2
        return ~inside if is_second else inside

    def learnt(self, world: int) -> Rows:
        """What the peer learns in a world."""
        x, y = _taken(self.rows, np.flatnonzero(self.members(world)))
        if self.always is None:
            return x, y
        return joined([self.always[0], x]), np.concatenate([self.always[1], y])


def halves(rows: Rows, seed: int) -> Candidates:
    """Every row of the peer is a candidate."""
    return Candidates(rows, None, seed)


def canaries(rows: Rows, count: int, classes: int, seed: int) -> Candidates:
    """So many rows of the peer are candidates, each with a wrong label: easy to find, for nothing
    but the row itself teaches it. All others are learnt in each world.
    """
    size = len(rows[1])
    if count >= size:
        raise FedH2LError(f"{count} canaries of {size} rows; use fewer --canaries")
    rng = np.random.default_rng([seed, 1])
    order = rng.permutation(size)
    x, y = _taken(rows, np.sort(order[:count]))
    wrong = (y + rng.integers(1, classes, count)) % classes
    return Candidates((x, wrong), _taken(rows, np.sort(order[count:])), seed)


def _taken(rows: Rows, places: Int[np.ndarray, " taken"]) -> Rows:
    return picked(rows[0], places), rows[1][places]
