"""Private rows that are seed rows, or nearly: every member would hold them.

Rows of many features (images, spectra) are compared by their correlation, which neither brightness
nor contrast nor the unit changes, and JPEG hardly. Rows of few features (a table) are compared by
the distance of their columns, each in its own standard deviation; categories are columns of 0 and
1. Texts are compared by their words.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Shaped

from fedh2l.data.near_columns import Columns, Pairs
from fedh2l.data.near_texts import near_texts
from fedh2l.error import FedH2LError
from fedh2l.rows import kind_of
from fedh2l.tables import as_numbers, checked_columns

# From here on a chance correlation near 1 is rare, so that the correlation tells rows apart.
MANY_FEATURES = 64
# Above this many the search goes by random projections, and only what it finds is compared in full.
PROJECTED_ABOVE, PROJECTED_TO, PROJECTION_SLACK = 512, 192, 1.6

# How near is too near, in 1 - correlation: a share of the seed row's distance to the nearest other
# seed row, within a band about the median of these. Measured on MNIST and digits; see the tests.
SHARE_OF_NEAREST = 0.3
LEAST_OF_MEDIAN, MOST_OF_MEDIAN = 0.05, 0.25
LONE_ROW = 0.02  # where there is no other seed row to measure by

BLOCK = 1000  # private rows at a time: no more than BLOCK × seed rows distances are held


@dataclass(frozen=True)
class NearDuplicates:
    """What a comparison found: pairs of (seed row, private row) that are the same, or nearly."""

    pairs: list[tuple[int, int]]
    # Private rows of which less than half is finite: nothing can be said of them.
    not_compared: list[int]


def near_duplicates(
    seed_rows: Shaped[np.ndarray, "seeds ..."], private: Shaped[np.ndarray, "rows ..."]
) -> NearDuplicates:
    """Compare every private row with every seed row; what is missing in one of them is left out."""
    if kind_of(private) != kind_of(seed_rows):
        raise FedH2LError(
            f"private rows are {kind_of(private)}, seed rows {kind_of(seed_rows)}; the model must "
            "take both"
        )
    if kind_of(seed_rows) == "text":
        return NearDuplicates(near_texts(seed_rows, private), [])
    if kind_of(seed_rows) == "table":
        checked_columns(private, seed_rows, "private rows")
        measure = Columns(as_numbers(seed_rows, seed_rows))
        return _searched(measure, as_numbers(private, seed_rows))
    if private.shape[1:] != seed_rows.shape[1:]:
        raise FedH2LError(
            f"private rows of {private.shape[1:]}, seed rows of {seed_rows.shape[1:]}; the model "
            "must take both"
        )
    a = seed_rows.reshape(len(seed_rows), -1)
    b = private.reshape(len(private), -1)
    return _searched(_Correlation(a) if a.shape[1] >= MANY_FEATURES else Columns(a), b)


def _searched(measure: "Columns | _Correlation", b: np.ndarray) -> NearDuplicates:
    pairs: list[tuple[int, int]] = []
    not_compared: list[int] = []
    for start in range(0, len(b), BLOCK):
        block = b[start : start + BLOCK]
        finite = np.isfinite(block)
        known = finite.mean(1) >= 0.5
        not_compared += [int(j) + start for j in np.flatnonzero(~known)]
        near = measure.near(block, finite)
        pairs += [(int(i), int(j) + start) for i, j in zip(*near, strict=True) if known[j]]
    return NearDuplicates(sorted(pairs, key=lambda pair: pair[::-1]), not_compared)


class _Correlation:
    """1 - correlation of two rows over their features, each row in its own mean and contrast."""

    def __init__(self, seeds: np.ndarray) -> None:
        self.seeds = seeds
        self.a = _unit(seeds.astype(np.float32))
        self.projection: np.ndarray | None = None
        if seeds.shape[1] > PROJECTED_ABOVE:
            rng = np.random.default_rng(0)
            matrix = rng.standard_normal((seeds.shape[1], PROJECTED_TO), np.float32)
            self.projection = matrix / np.float32(np.sqrt(PROJECTED_TO))
        self.short = self._projected(self.a)
        self.limit = self._limits()

    def _projected(self, rows: np.ndarray) -> np.ndarray:
        return rows if self.projection is None else rows @ self.projection

    def _limits(self) -> np.ndarray:
        """For each seed row, how near a private row may come."""
        nearest = np.full(len(self.a), np.inf, np.float32)
        for start in range(0, len(self.a), BLOCK):
            apart = _apart(self.a, self.a[start : start + BLOCK])
            itself = np.arange(apart.shape[1])
            apart[start + itself, itself] = np.inf
            nearest[start : start + BLOCK] = apart.min(0)
        measured = nearest[np.isfinite(nearest)]
        if not measured.size:
            return np.full(len(self.a), LONE_ROW)

        median = max(float(np.median(measured)), 1e-4)
        share = SHARE_OF_NEAREST * nearest
        return np.clip(share, LEAST_OF_MEDIAN * median, MOST_OF_MEDIAN * median)

    def near(self, block: np.ndarray, finite: Bool[np.ndarray, "rows features"]) -> Pairs:
        """Pairs among the whole rows, those with holes, and those without any contrast."""
        whole = np.asarray(finite.all(1))
        found = [self._blank(block, whole)]
        if whole.any():
            seeds, rows = self._near_whole(block[whole])
            found.append((seeds, np.flatnonzero(whole)[rows]))
        if not whole.all():
            seeds, rows = self._near_with_holes(block[~whole], finite[~whole])
            found.append((seeds, np.flatnonzero(~whole)[rows]))
        seeds, rows = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return seeds, rows

    def _near_whole(self, block: np.ndarray) -> Pairs:
        b = _unit(block.astype(np.float32))
        if self.projection is None:
            seeds, rows = np.nonzero(_apart(self.a, b) <= self.limit[:, None])
            return seeds, rows

        apart = _apart(self.short, self._projected(b))
        seeds, rows = np.nonzero(apart <= PROJECTION_SLACK * self.limit[:, None])
        sure = np.zeros(len(seeds), bool)
        for part in _slices(len(seeds)):
            exact = 1 - np.einsum("ij,ij->i", self.a[seeds[part]], b[rows[part]])
            sure[part] = exact <= self.limit[seeds[part]]
        return seeds[sure], rows[sure]

    def _near_with_holes(self, block: np.ndarray, finite: np.ndarray) -> Pairs:
        """As above, over the features that are finite."""
        m = finite.astype(np.float32)
        count = np.maximum(m.sum(1), 1)
        b = np.where(finite, block, 0).astype(np.float32)
        b = np.where(finite, b - (b.sum(1) / count)[:, None], 0)
        b /= np.maximum(np.linalg.norm(b, axis=1, keepdims=True), 1e-12)

        # The seed rows' own contrast over the same features.
        sums, squares = self.a @ m.T, (self.a**2) @ m.T
        contrast = np.sqrt(np.maximum(squares - sums**2 / count, 1e-12))
        seeds, rows = np.nonzero(1 - (self.a @ b.T) / contrast <= self.limit[:, None])
        return seeds, rows

    def _blank(self, block: np.ndarray, whole: np.ndarray) -> Pairs:
        """Rows of one value throughout have no correlation: they are compared by that value."""
        blank_seeds = np.flatnonzero(np.ptp(self.seeds, axis=1) == 0)
        blank_rows = np.flatnonzero(whole)[np.ptp(block[whole], axis=1) == 0]
        of_seeds, of_rows = self.seeds[blank_seeds, 0], block[blank_rows, 0]
        i, j = np.nonzero(np.isclose(of_seeds[:, None], of_rows[None], rtol=0.01))
        return blank_seeds[i], blank_rows[j]


def _unit(rows: np.ndarray) -> np.ndarray:
    """Each row with mean 0 and length 1; a row of one value becomes 0."""
    centred = rows - rows.mean(1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    # What rounding leaves of a row of one value is no contrast.
    blank = length <= 1e-5 * np.linalg.norm(rows, axis=1, keepdims=True)
    return np.where(blank, 0, centred / np.where(blank, 1, length))


def _apart(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Half the squared distance, which is 1 - correlation for rows of length 1.

    A blank row is infinitely far from all others.
    """
    of_a, of_b = (0.5 * np.einsum("ij,ij->i", rows, rows) for rows in (a, b))
    of_a[of_a == 0] = np.inf
    of_b[of_b == 0] = np.inf
    product = a @ b.T
    np.subtract(of_b[None], product, out=product)
    product += of_a[:, None]
    return product


def _slices(count: int) -> Iterator[slice]:
    return (slice(start, start + BLOCK) for start in range(0, count, BLOCK))
