"""scikit-learn's 1,797 handwritten digits of 8×8 pixels, turned differently for each peer.

They come with the package.
"""

import numpy as np
from sklearn.datasets import load_digits

from fedh2l.data.domains import Domain, FederatedData
from fedh2l.data.rotate import rotated
from fedh2l.data.split import split_seeds
from fedh2l.seedset import SeedSet


def angles(domains: int) -> list[float]:
    """0 to 75°, evenly spread: the largest turn at which a 6 is not yet nearer to a 9."""
    return [75.0 * i / max(1, domains - 1) for i in range(domains)]


def digits(*, domains: int, seed: int, seed_share: float) -> FederatedData:
    """`domains` rotations spread over 0 to 75°, of disjoint images: 60 % to train, 15 % to choose,
    25 % to test.
    """
    x, y = load_digits(return_X_y=True)
    images, labels = (x / 16).astype(np.float32).reshape(-1, 1, 8, 8), y.astype(np.int64)
    rng = np.random.default_rng([seed, 1])
    trains: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    rest: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    for angle, part in zip(
        angles(domains), np.array_split(rng.permutation(len(images)), domains), strict=True
    ):
        name, turned = f"rot{angle:02.0f}", rotated(images[part], angle)
        cuts = [round(0.6 * len(part)), round(0.75 * len(part))]
        train, *rest[name] = zip(np.split(turned, cuts), np.split(labels[part], cuts), strict=True)
        trains[name] = train
    private, (sx, sy, owners) = split_seeds(trains, seed_share, rng)
    seeds = SeedSet(sx, tuple("0123456789"), sy, owners)
    return FederatedData({n: Domain(private[n], *rest[n]) for n in trains}, seeds)
