"""Questions about tables and vectors: rows whose values partly come from other rows.

Only values of the same column take the place of one another, so every value is one that occurs
there, missing ones among them.
"""

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from fedh2l.tables import Table, names_of

SWAPPED = 0.15  # probability that a value is another row's


def swap(x: Table, rng: np.random.Generator) -> Table:
    """Each value replaced, with probability `SWAPPED`, by that of another row drawn at random."""
    swapped = x.copy()
    for name in names_of(x):
        others = x[name][rng.integers(0, len(x), len(x))]
        swapped[name] = np.where(rng.random(len(x)) < SWAPPED, others, x[name])
    return swapped


def cutmix_columns(
    x: Table, rng: np.random.Generator
) -> tuple[Table, Int[np.ndarray, "_"], Float[np.ndarray, "_"]]:
    """Every row with half of the columns of another: which other, and the share of columns that is
    left of the one.
    """
    names = names_of(x)
    other, is_taken, share = _halves(len(x), len(names), rng)
    mixed = x.copy()
    for place, name in enumerate(names):
        mixed[name] = np.where(is_taken[:, place], x[name][other], x[name])
    return mixed, other, share


def cutmix_values(
    x: Shaped[np.ndarray, "rows values"], rng: np.random.Generator
) -> tuple[Shaped[np.ndarray, "rows values"], Int[np.ndarray, " rows"], Float[np.ndarray, " rows"]]:
    """Every vector with half of the values of another: which other, and the share of values that
    is left of the one.
    """
    other, is_taken, share = _halves(len(x), x.shape[1], rng)
    return np.where(is_taken, x[other], x), other, share


def _halves(
    rows: int, columns: int, rng: np.random.Generator
) -> tuple[Int[np.ndarray, "_"], Bool[np.ndarray, "rows columns"], Float[np.ndarray, "_"]]:
    """Which other row is in each, which half of its columns, and the share that is left."""
    other = rng.permutation(rows)
    taken = columns // 2
    # The columns of each row in an order of their own; the first ones are taken.
    order = rng.random((rows, columns)).argsort(1).argsort(1)
    return other, order < taken, np.full(rows, 1 - taken / columns, np.float32)
