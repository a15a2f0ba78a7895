"""Questions about tables: rows whose values partly come from other rows.

Only values of the same column take the place of one another, so every value is one that occurs
there, missing ones among them.
"""

import numpy as np
from jaxtyping import Float, Int

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
    names, rows = names_of(x), len(x)
    other = rng.permutation(rows)
    taken = len(names) // 2
    # The columns of each row in an order of their own; the first ones are taken.
    order = rng.random((rows, len(names))).argsort(1).argsort(1)
    mixed = x.copy()
    for place, name in enumerate(names):
        mixed[name] = np.where(order[:, place] < taken, x[name][other], x[name])
    return mixed, other, np.full(rows, 1 - taken / len(names), np.float32)
