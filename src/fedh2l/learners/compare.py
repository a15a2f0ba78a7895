"""Whether private rows and seed rows are of one kind: asked before the first round."""

import numpy as np
from jaxtyping import Float, Int, Shaped

from fedh2l.error import FedH2LError
from fedh2l.learners.compare_columns import compare_columns, filled_numbers, other_unit
from fedh2l.rows import Rows, check_classes, kind_of
from fedh2l.seedset import SeedSet
from fedh2l.stored_rows import RowArray, row_bytes
from fedh2l.tables import checked_columns

OTHER_SCALE = 8  # times as large as the seed rows, or as small: no domain is that far away
ROWS = 1000  # of either kind that are compared by their neighbours
BYTES = 64 * 2**20  # of so many rows as float32
FEW = 5  # rows of a class that say nothing about it
ALIKE = 0.5  # share of a class's rows that must look like one other class


def compare(private: Rows, seed_set: SeedSet, *, flat: bool = False) -> list[str]:
    """What is likely wrong, a sentence each.

    flat: the learner flattens rows, so an image may come as the vector of its pixels.

    Raises FedH2LError for what is certainly wrong: other shapes, labels that are no class, and
    pixels from 0 to 255 against pixels from 0 to 1.
    """
    x, y = private
    check_classes(y, len(seed_set.classes))
    kinds = kind_of(x), kind_of(seed_set.x)
    if "text" in kinds or "table" in kinds:
        return _compare_raw(private, seed_set)
    _check_shapes(x.shape[1:], seed_set.x.shape[1:], flat=flat)

    doubts: list[str] = []
    # Indices of tokens have no scale.
    whole = x.dtype.kind in "iu" and seed_set.x.dtype.kind in "iu" and x.ndim == 2
    if not whole:
        doubts += _ranges(x, seed_set.x)
    if seed_set.labels is not None:
        known = seed_set.labelled
        labels = seed_set.labels[known]
        doubts += _contradictions(private, seed_set.x[known], labels, seed_set.classes)
    return doubts


def _compare_raw(private: Rows, seed_set: SeedSet) -> list[str]:
    """The same of tables and texts; a table's columns must be those of the seed rows."""
    x, y = np.asarray(private[0]), private[1]
    kinds = kind_of(x), kind_of(seed_set.x)
    if kinds[0] != kinds[1]:
        raise FedH2LError(
            f"private rows are {kinds[0]}, seed rows {kinds[1]}; give the learner the private rows "
            "as raw as the seed rows are"
        )
    if kinds[0] == "text":
        return []

    checked_columns(x, seed_set.x, "private rows")
    doubts = compare_columns(x, seed_set.x)
    if seed_set.labels is not None:
        known = seed_set.labelled
        own, seeds = filled_numbers(x, seed_set.x)
        doubts += _contradictions((own, y), seeds[known], seed_set.labels[known], seed_set.classes)
    return doubts


def _check_shapes(private: tuple[int, ...], seeds: tuple[int, ...], *, flat: bool) -> None:
    if private == seeds or (flat and _is_flattened(private, seeds)):
        return
    fix = "prepare the private rows as the seed rows were prepared"
    if len(private) == len(seeds) == 3:
        if seeds in ((*private[1:], private[0]), (private[2], *private[:2])):
            fix = "channels come last in one of them: x.transpose(0, 3, 1, 2) puts them first"
        elif private[1:] == seeds[1:]:
            fix = "convert the private images to as many channels as the seed images have"
    elif np.prod(private) == np.prod(seeds):
        fix = f"x.reshape(len(x), {', '.join(map(str, seeds))}) if the order is the same"
    raise FedH2LError(f"private rows have shape {private}, seed rows {seeds}; {fix}")


def _is_flattened(private: tuple[int, ...], seeds: tuple[int, ...]) -> bool:
    """Whether both are the same rows but for sides of 1, or one of them is flat."""
    one, other = (tuple(side for side in shape if side != 1) for shape in (private, seeds))
    return one == other or (np.prod(one) == np.prod(other) and min(len(one), len(other)) <= 1)


def _ranges(private: RowArray, seeds: np.ndarray) -> list[str]:
    """Where private features have another scale than the seed set's."""
    x, s = (_table(rows[:: max(1, len(rows) // _most(rows))]) for rows in (private, seeds))
    ranges = (float(np.nanmin(x)), float(np.nanmax(x))), (float(s.min()), float(s.max()))
    (low, high), (seeds_low, seeds_high) = ranges
    found = (
        f"private rows go from {low:g} to {high:g}, seed rows from {seeds_low:g} to {seeds_high:g}"
    )
    images = max(private.ndim, seeds.ndim) > 2 or private.dtype == np.uint8
    if images and _are_bytes_and_fractions(*ranges):
        fix = "divide them by 255" if high > seeds_high else "multiply them by 255"
        raise FedH2LError(f"{found}; {fix}, so that both have one scale")

    size, seeds_size = max(-low, high), max(-seeds_low, seeds_high)
    if _ratio(size, seeds_size) >= OTHER_SCALE:
        return [f"{found}: they seem to be of another scale; prepare both alike"]
    if not images:
        return _units(x, s)
    # Intensities are not negative, whatever the device.
    if (seeds_low >= 0) != (low >= 0) and min(low, seeds_low) < -0.1 * min(size, seeds_size):
        return [f"{found}: one of them seems to be normalised; prepare both alike"]
    return []


def _are_bytes_and_fractions(one: tuple[float, float], other: tuple[float, float]) -> bool:
    """Pixels from 0 to 255 on one side, and from 0 to 1 on the other."""
    small, large = sorted((one[1], other[1]))
    return min(one[0], other[0]) >= 0 and small <= 1 and 16 < large <= 255


def _units(x: np.ndarray, s: np.ndarray) -> list[str]:
    """Features of a table that lie far outside the seed set's, or are of another size."""
    middle, size = np.nanmedian(x, 0), np.nanquantile(np.abs(x), 0.95, 0)
    low, high = s.min(0), s.max(0)
    reach = 3 * (high - low)
    outside = (reach > 0) & ((middle < low - reach) | (middle > high + reach))
    seeds_size = np.quantile(np.abs(s), 0.95, 0)
    pairs = zip(size, seeds_size, strict=True)
    other_size = np.array([other_unit(float(a), float(b)) for a, b in pairs])

    odd = np.flatnonzero(outside | other_size)
    if not len(odd):
        return []
    j = int(odd[0])
    more = f", and {len(odd) - 1} more features" if len(odd) > 1 else ""
    return [
        f"feature {j} is about {middle[j]:g} in the private rows and from {low[j]:g} to "
        f"{high[j]:g} in the seed rows{more}: they seem to be in other units; prepare both alike"
    ]


def _ratio(a: float, b: float) -> float:
    """How many times the larger is the smaller; 0 where one is zero or unknown."""
    small, large = sorted((a, b))
    return large / small if small > 0 else 0.0


def _contradictions(
    private: Rows, seeds: np.ndarray, labels: np.ndarray, classes: tuple[str, ...]
) -> list[str]:
    """Labels that name another class than the seed set's rows that look alike.

    Two classes or more must each look like one other class, and no two like the same: that is
    another order of the classes, and no other domain.
    """
    looks_like = _neighbours(private, seeds, labels, len(classes))
    best = {c: int(shares.argmax()) for c, shares in looks_like.items()}
    moved = [
        c
        for c, shares in looks_like.items()
        if shares[best[c]] >= ALIKE and 3 * shares[c] <= shares[best[c]]
    ]
    one_to_one = all(list(best.values()).count(best[c]) == 1 for c in moved)
    if len(moved) < 2 or not one_to_one:
        return []

    pairs = " and ".join(f"{classes[c]!r} like {classes[best[c]]!r}" for c in moved[:3])
    more = f", and so on for {len(moved)} classes" if len(moved) > 3 else ""
    return [
        f"private labels contradict the seed set's: rows labelled {pairs}{more} look in the seed "
        f"set; labels are indices into {', '.join(map(repr, classes[:5]))}…: do they count from "
        "1, or follow another order of the classes?"
    ]


def _neighbours(
    private: Rows, seeds: np.ndarray, labels: np.ndarray, classes: int
) -> dict[int, Float[np.ndarray, " classes"]]:
    """For each private class, the shares of its rows whose nearest seed row is of each class."""
    # As many seed rows of each class: where features say nothing, all classes are as likely.
    each = max(1, min(int(np.bincount(labels, minlength=classes).min()), ROWS // classes))
    pick = np.concatenate([np.flatnonzero(labels == c)[:each] for c in range(classes)])
    x, y = private[0], private[1]
    most = _most(x) // classes
    rows = np.concatenate([np.flatnonzero(y == c)[:most] for c in np.unique(y)])

    # Features of a table have scales of their own, pixels one.
    s = _table(seeds)
    scale = s.std(0) if seeds.ndim == 2 else s.std()
    centre, scale = s.mean(0), np.where(scale > 0, scale, 1)
    a = np.nan_to_num((_table(x[rows]) - centre) / scale)
    b = (s[pick] - centre) / scale
    nearest = labels[pick][((b**2).sum(1) - 2 * a @ b.T).argmin(1)]

    shares: dict[int, np.ndarray] = {}
    for c in np.unique(y[rows]):
        of_class: Int[np.ndarray, " rows"] = nearest[y[rows] == c]
        if len(of_class) >= FEW:
            shares[int(c)] = np.bincount(of_class, minlength=classes) / len(of_class)
    return shares


def _most(rows: RowArray) -> int:
    """How many rows are compared by their neighbours: fewer where a row is large."""
    return max(100, min(ROWS, BYTES // row_bytes(rows)))


def _table(rows: Shaped[np.ndarray, "rows ..."]) -> Float[np.ndarray, "rows features"]:
    return rows.reshape(len(rows), -1).astype(np.float32, copy=False)
