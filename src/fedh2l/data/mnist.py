"""MNIST as a federation: one rotation per peer, or labels skewed by a Dirichlet distribution."""

from pathlib import Path

import numpy as np

from fedh2l.data.domains import Domain, FederatedData
from fedh2l.data.idx import load_mnist
from fedh2l.data.rotate import rotated
from fedh2l.data.split import split_seeds
from fedh2l.error import FedH2LError
from fedh2l.rows import Rows
from fedh2l.seedset import SeedSet

VALIDATION, TEST = 250, 1500  # rows per domain, where the files hold enough


def rotated_mnist(
    folder: Path | None, *, domains: int, seed: int, seed_share: float, rows: int = 1000
) -> FederatedData:
    """`domains` rotations 15° apart, of disjoint images: `rows` training images each, of which a
    share goes to the seed set.

    Validation images are of the training file, test images of the test file; no image is in two
    domains or two parts.
    """
    train, test = load_mnist(folder)
    rng = np.random.default_rng([seed, 2])
    need = domains * (rows + VALIDATION)
    if len(train[1]) < need:
        raise FedH2LError(
            f"MNIST has {len(train[1])} training images, and {domains} peers with {rows} rows "
            f"need {need}; ask for fewer"
        )
    order, held_out = rng.permutation(len(train[1])), rng.permutation(len(test[1]))
    cuts = np.split(order[:need], [domains * rows])
    parts = [
        np.array_split(cuts[0], domains),
        np.array_split(cuts[1], domains),
        np.array_split(held_out[: domains * TEST], domains),
    ]
    trains: dict[str, Rows] = {}
    rest: dict[str, list[Rows]] = {}
    for i, (a, b, c) in enumerate(zip(*parts, strict=True)):
        name = f"rot{15 * i:02d}"
        trains[name], *rest[name] = (
            _turned(*rows, 15.0 * i) for rows in (_take(train, a), _take(train, b), _take(test, c))
        )
    return _federated(trains, rest, seed_share, rng)


def skewed_mnist(
    folder: Path | None,
    *,
    domains: int,
    seed: int,
    seed_share: float,
    alpha: float,
    rows: int = 1000,
) -> FederatedData:
    """`domains`·`rows` images split by a Dirichlet(`alpha`) distribution over the peers, class by
    class (arXiv:1909.06335).

    A peer's validation and test images follow its own proportions of labels.
    """
    train, test = load_mnist(folder)
    rng = np.random.default_rng([seed, 3])
    order = rng.permutation(len(train[1]))
    parts = dirichlet(train[1][order[: domains * rows]], domains, alpha, rng, least=64)
    trains: dict[str, Rows] = {}
    rest: dict[str, list[Rows]] = {}
    for i, part in enumerate(parts):
        mine = _take(train, order[part])
        share = np.bincount(mine[1], minlength=10) / len(mine[1])
        name = f"skew{i}"
        trains[name] = mine
        rest[name] = [
            _like(_take(train, order[domains * rows :]), share, VALIDATION, rng),
            _like(test, share, TEST // 2, rng),
        ]
    return _federated(trains, rest, seed_share, rng)


def dirichlet(
    labels: np.ndarray, parts: int, alpha: float, rng: np.random.Generator, *, least: int
) -> list[np.ndarray]:
    """Indices of each part: every class is dealt out by its own Dirichlet(alpha) draw, until each
    part has `least` rows.
    """
    if alpha <= 0 or parts * least > len(labels):
        raise FedH2LError(
            f"cannot split {len(labels)} rows into {parts} parts of {least} or more with "
            f"alpha={alpha}"
        )
    for _ in range(1000):
        split: list[list[np.ndarray]] = [[] for _ in range(parts)]
        for c in np.unique(labels):
            rows = rng.permutation(np.flatnonzero(labels == c))
            cuts = (np.cumsum(rng.dirichlet([alpha] * parts))[:-1] * len(rows)).astype(np.int64)
            for mine, some in zip(split, np.split(rows, cuts), strict=True):
                mine.append(some)
        whole = [np.concatenate(s) for s in split]
        if min(len(w) for w in whole) >= least:
            return whole
    raise FedH2LError(
        f"no Dirichlet({alpha}) split of {len(labels)} rows into {parts} parts of {least} or "
        "more; use a larger alpha"
    )


def _federated(
    trains: dict[str, Rows],
    rest: dict[str, list[Rows]],
    seed_share: float,
    rng: np.random.Generator,
) -> FederatedData:
    private, (x, y, owners) = split_seeds(trains, seed_share, rng)
    seeds = SeedSet(x, tuple("0123456789"), y, owners)
    return FederatedData({n: Domain(private[n], *rest[n]) for n in trains}, seeds)


def _take(rows: Rows, pick: np.ndarray) -> Rows:
    return rows[0][pick], rows[1][pick]


def _turned(x: np.ndarray, y: np.ndarray, degrees: float) -> Rows:
    return rotated(x, degrees), y


def _like(rows: Rows, share: np.ndarray, count: int, rng: np.random.Generator) -> Rows:
    """Rows with these proportions of labels: `count`, or as many as the scarcest class allows."""
    there = np.bincount(rows[1], minlength=len(share))
    count = min(count, int(min(n / s for n, s in zip(there, share, strict=True) if s)))
    order = rng.permutation(len(rows[1]))
    return _take(
        rows,
        np.concatenate(
            [order[rows[1][order] == c][: round(count * s)] for c, s in enumerate(share)]
        ),
    )
