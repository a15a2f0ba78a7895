"""By how much the images of one peer are turned against another's, as the seed set shows it."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Complex, Float, Int, Shaped

from fedh2l.seed_rows import UNLABELLED
from fedh2l.warp import Images, turned

STEP = 7.5  # degrees between two angles that are tried
TRIED = np.arange(0, 360, STEP)
SIDE = 28  # pixels of the side on which images are compared, at least
MOST = 600  # images that are compared, as many of each owner
LEAST = 4  # images of an owner; of fewer nothing is said
# How far pairs may contradict each other: the second eigenvalue against the first.
CONTRADICTION = 0.3
APART = 20.0  # degrees between what an owner's halves say, at most
SMALLEST = 10.0  # degrees between the owners that are turned the most, at least
CLEAR = 2.0  # how much more owners differ than their halves do, at least
AGREEING = 0.8  # share of the owners whose halves say the same, at least


def angles(
    x: Shaped[np.ndarray, "rows ..."],
    labels: Int[np.ndarray, " rows"] | None,
    owners: Shaped[np.ndarray, " rows"] | None,
) -> dict[str, int]:
    """By how many degrees each owner's images are turned, against the first one's; empty where
    the seed set does not show that they are. An owner of whom it shows too little is left out.

    Each owner's images are halved, and every two halves are registered: at the angle at which each
    image of one, turned, correlates best with the nearest image of the other, of the same label
    where both have one. From the angles of all pairs those of all halves follow by angular
    synchronisation (Singer, arXiv:0905.3174). They are believed where pairs do not contradict each
    other, where the two halves of an owner say the same, and where owners differ by more than that.
    """
    if owners is None or x.ndim != 4:
        return {}
    names, halves = _halves(owners)
    if len(names) < 2:
        return {}
    of_halves = _synchronised(_pairs(_small(x, halves), labels, halves))
    return {} if of_halves is None else _believed(names, of_halves)


def as_others_are(
    owners: Shaped[np.ndarray, " n"], angles: Mapping[str, int], rng: np.random.Generator
) -> tuple[Int[np.ndarray, " n"], Shaped[np.ndarray, " n"]]:
    """By how many degrees to turn each image, and whose images are so turned: for every second one,
    by lot, an owner drawn at random, for the others, and where an owner's angle is not known, the
    owner itself.
    """
    names = np.array(sorted(angles), owners.dtype)
    drawn = names[rng.integers(0, len(names), len(owners))]
    moved = np.isin(owners, names) & (rng.random(len(owners)) < 0.5)
    to = np.where(moved, drawn, owners)
    by = [angles.get(b, 0) - angles.get(a, 0) for a, b in zip(owners, to, strict=True)]
    return np.array(by), to


def _halves(owners: Shaped[np.ndarray, " rows"]) -> tuple[list[str], list[Int[np.ndarray, " _"]]]:
    """The owners of enough rows, and of each twice some of its rows: the first half, the second."""
    names, counts = np.unique(owners, return_counts=True)
    each = MOST // len(names)
    if each < LEAST:
        return [], []
    kept = [str(name) for name, count in zip(names, counts, strict=True) if count >= LEAST]
    halves: list[np.ndarray] = []
    for name in kept:
        rows = np.flatnonzero(owners == name)[:each]
        halves += [rows[0::2], rows[1::2]]
    return kept, halves


def _small(x: Images, halves: list[Int[np.ndarray, " _"]]) -> Float[np.ndarray, "taken 1 h w"]:
    """The images of the halves in grey, by blocks of pixels not much larger than is compared."""
    height, width = x.shape[2:]
    block = max(1, min(height, width) // SIDE)
    h, w = height // block, width // block
    rows, parts = np.concatenate(halves), []
    # A few at a time: large images shall not lie in memory all at once.
    for start in range(0, len(rows), 64):
        grey = np.asarray(x[rows[start : start + 64]], np.float32).mean(1)
        blocks = grey[:, : h * block, : w * block].reshape(-1, 1, h, block, w, block)
        parts.append(blocks.mean((3, 5)))
    return np.concatenate(parts)


def _pairs(
    images: Float[np.ndarray, "n 1 h w"],
    labels: Int[np.ndarray, " rows"] | None,
    halves: list[Int[np.ndarray, " _"]],
) -> Complex[np.ndarray, "halves halves"]:
    """For each two halves the angle from the first to the second as a number on the unit circle,
    times how far the correlation at that angle stands out; Hermitian.
    """
    sizes = np.array([len(rows) for rows in halves])
    starts = np.append(0, np.cumsum(sizes)[:-1])
    comparable = np.ones((len(images), len(images)), bool)
    if labels is not None:
        its = labels[np.concatenate(halves)]
        unknown = its == UNLABELLED
        comparable = (its[:, None] == its) | unknown[:, None] | unknown

    scores = np.zeros((len(TRIED), len(halves), len(halves)))
    still = _unit(images)
    for k, degrees in enumerate(TRIED):
        moved = _unit(turned(images, np.full(len(images), degrees)))
        scores[k] = _nearest(np.where(comparable, moved @ still.T, -1), starts)
    # What turns the first to the second turns the second back to the first.
    back = -np.arange(len(TRIED)) % len(TRIED)
    scores = (scores + scores[back].transpose(0, 2, 1)) / 2
    clear = scores.max(0) - np.median(scores, 0)
    np.fill_diagonal(clear, 0)
    return clear * np.exp(1j * np.deg2rad(TRIED[scores.argmax(0)]))


def _unit(images: Float[np.ndarray, "n 1 h w"]) -> Float[np.ndarray, "n pixels"]:
    """Of mean zero and length one, so that a product of two is their correlation. In double
    precision: all machines shall come to the same degree.
    """
    flat = images.reshape(len(images), -1).astype(np.float64)
    flat -= flat.mean(1, keepdims=True)
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-9)


def _nearest(
    close: Float[np.ndarray, "n n"], starts: Int[np.ndarray, " m"]
) -> Float[np.ndarray, "m m"]:
    """Of each two groups how close an image of the one is to the nearest of the other, on average
    over the images of both; -1, where no two are comparable, counts as 0.
    """
    to_second = np.maximum.reduceat(close, starts, 1)  # images × groups
    to_first = np.maximum.reduceat(close, starts, 0)  # groups × images
    sums, counts = np.zeros((2, len(starts), len(starts)))
    for table, axis in ((to_second, 0), (to_first, 1)):
        sums += np.add.reduceat(np.where(table > -1, table, 0), starts, axis)
        counts += np.add.reduceat((table > -1).astype(float), starts, axis)
    return np.asarray(sums / np.maximum(counts, 1))


def _synchronised(
    pairs: Complex[np.ndarray, "halves halves"],
) -> Float[np.ndarray, "owners 2"] | None:
    """Degrees of the halves of each owner; None where pairs contradict each other, or fall into
    groups of which none says anything of another: the matrix of pairs has then more than one large
    eigenvalue.
    """
    values, vectors = np.linalg.eigh(pairs)
    if values[-1] <= 0 or values[-2] > CONTRADICTION * values[-1]:
        return None
    return -np.rad2deg(np.angle(vectors[:, -1])).reshape(-1, 2)


def _believed(names: list[str], of_halves: Float[np.ndarray, "owners 2"]) -> dict[str, int]:
    """Whole degrees against the first owner that is left, where they are more than noise."""
    points = np.exp(1j * np.deg2rad(of_halves))
    apart = np.rad2deg(np.abs(np.angle(points[:, 0] / points[:, 1])))
    left = apart <= APART
    if left.sum() < max(2, AGREEING * len(names)):
        return {}
    middles = points[left].sum(1)
    middles = np.rad2deg(np.angle(middles / middles[0]))
    # About their own middle, so that no angle lies at the end of the circle.
    middle = np.angle(np.exp(1j * np.deg2rad(middles)).sum())
    around = np.rad2deg(np.angle(np.exp(1j * (np.deg2rad(middles) - middle))))
    noise = np.sqrt((apart[left] ** 2).mean() / 4)  # of the mean of two halves
    if np.ptp(around) < SMALLEST or around.std() < CLEAR * noise:
        return {}
    kept = [name for name, is_left in zip(names, left, strict=True) if is_left]
    return {name: round(float(angle)) for name, angle in zip(kept, middles, strict=True)}
