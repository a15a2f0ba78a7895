"""Which rows of a table are nearly the same: the distance of their columns."""

import numpy as np
from jaxtyping import Bool

# Of the typical distance of two rows of a table.
NEAR = 0.05
Pairs = tuple[np.ndarray, np.ndarray]  # the indices of the seed rows, and of the block's rows


class Columns:
    """The distance of two rows of a table, each column in its own standard deviation."""

    def __init__(self, seeds: np.ndarray) -> None:
        known = np.isfinite(seeds)
        a = np.ma.masked_array(seeds.astype(np.float64), ~known)
        self.centre, scale = a.mean(0).filled(0.0), a.std(0).filled(0.0)
        # A column that is constant in the seed set tells no two rows apart.
        self.varies = np.asarray(scale > 1e-6 * np.abs(a).max(0).filled(0.0))
        self.scale = np.where(self.varies, scale, 1.0)
        self.a = np.where(known, self._standardised(a.filled(0.0)), 0.0)
        self.known = known.astype(np.float64)

    def _standardised(self, rows: np.ndarray) -> np.ndarray:
        return np.where(self.varies, (rows - self.centre) / self.scale, rows - self.centre)

    def near(self, block: np.ndarray, finite: Bool[np.ndarray, "rows features"]) -> Pairs:
        # Where the seed set has one row, or equal ones, only an equal row is near.
        counted = finite & self.varies if self.varies.any() else finite
        b = np.where(counted, self._standardised(np.where(finite, block, 0.0)), 0.0)
        m = counted.astype(np.float64)
        apart = (self.a**2) @ m.T + self.known @ (b**2).T - 2 * self.a @ b.T
        both = self.known @ m.T  # how many features are known of the two rows
        # Two independent rows are √(2·features) apart.
        limit = NEAR**2 * 2 * both if self.varies.any() else np.full(both.shape, 1e-9)
        seeds, rows = np.nonzero((apart <= limit) & (both >= m.sum(1) / 2) & (both > 0))
        return seeds, rows
