"""scikit-learn's 1,797 handwritten digits of 8×8 pixels, turned differently for each peer.

They come with the package.
"""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from fedh2l.bounds import bounded, check_fields
from fedh2l.data.domains import FederatedData, check_domains
from fedh2l.data.partition import Skew, check_idle, partition
from fedh2l.data.rotate import rotated
from fedh2l.data.split import federated
from fedh2l.rows import Rows

IMAGES = 1797
FEWEST = 10  # images of a domain: with fewer it has no validation image, or hardly any
MOST_DOMAINS = IMAGES // FEWEST


@dataclass(frozen=True, kw_only=True)
class Digits:
    """The 1,797 digits that come with scikit-learn: rotations spread evenly over 0 to 75°.

    Parameters
    ----------
    domains
        How many peers, each on a domain of its own; by default as many as models.
    skew
        Unlike labels as well: dirichlet, pathological or quantity, as of skewed-mnist; by default
        none.
    alpha
        Concentration of the Dirichlet distribution, of labels or of quantity; small is skewed.
    classes_each
        Classes of a peer, where the skew is pathological.
    seed_share
        Share of each peer's training rows that goes to the seed set.
    seed_labels
        How many rows of the seed set keep their label, as many of each peer; by default all.
    """

    models = ("mlp", "lenet", "resnet", "batchnorm-cnn", "forest")
    rounds: ClassVar[int] = 24
    mixtures = False
    baselines: ClassVar[bool] = True
    kind = "images"

    domains: int | None = bounded(None, least=1, most=MOST_DOMAINS)
    skew: Skew | None = None
    alpha: float = bounded(0.1, least=0.001)
    classes_each: int = bounded(2, least=1, most=10)
    seed_share: float = bounded(0.1, above=0, most=0.9)
    seed_labels: int | None = bounded(None, least=1)

    def __post_init__(self) -> None:
        check_fields(self)
        check_idle(self)

    def names(self, domains: int) -> list[str]:
        """rot00, rot19 …: the angles in whole degrees, or in tenths where whole ones would name
        two domains alike.
        """
        whole = [f"rot{angle:02.0f}" for angle in angles(domains)]
        tenths = [f"rot{angle:04.1f}" for angle in angles(domains)]
        return whole if len(set(whole)) == domains else tenths

    def load(self, domains: int, seed: int) -> FederatedData:
        """Each domain has images of its own: 60 % to train, 15 % to choose, 25 % to test."""
        from sklearn.datasets import load_digits

        check_domains(domains, MOST_DOMAINS, f"digits are {IMAGES} images, ten or more for each")
        x, y = load_digits(return_X_y=True)
        images, labels = (x / 16).astype(np.float32).reshape(-1, 1, 8, 8), y.astype(np.int64)
        rng = np.random.default_rng([seed, 1])

        trains: dict[str, Rows] = {}
        rest: dict[str, list[Rows]] = {}
        shares, notes = self._shares(np.asarray(labels), domains, rng)
        for name, angle, part in zip(self.names(domains), angles(domains), shares, strict=True):
            turned = rotated(images[part], angle)
            cuts = [round(0.6 * len(part)), round(0.75 * len(part))]
            trains[name], *rest[name] = zip(
                np.split(turned, cuts), np.split(labels[part], cuts), strict=True
            )
        found = federated(trains, rest, self.seed_share, rng, labels=self.seed_labels)
        return replace(found, notes=notes)

    def _shares(
        self, labels: np.ndarray, domains: int, rng: np.random.Generator
    ) -> tuple[list[np.ndarray], tuple[str, ...]]:
        """The indices of each domain's images, and what people should know of them."""
        if self.skew is None:
            return np.array_split(rng.permutation(len(labels)), domains), ()
        dealing = partition(
            labels,
            domains,
            rng,
            skew=self.skew,
            alpha=self.alpha,
            classes_each=self.classes_each,
            least=FEWEST,
        )
        return [rng.permutation(part) for part in dealing.parts], dealing.notes(FEWEST)


def digits(*, domains: int, seed: int, seed_share: float = 0.1) -> FederatedData:
    """`Digits` in one call, for a first try in Python."""
    return Digits(seed_share=seed_share).load(domains, seed)


def angles(domains: int) -> list[float]:
    """0 to 75°, evenly spread: the largest turn at which a 6 is not yet nearer to a 9."""
    return [75.0 * i / max(1, domains - 1) for i in range(domains)]
