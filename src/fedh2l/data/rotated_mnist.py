"""MNIST as a federation of rotations: 15° more for each peer."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from cyclopts import Parameter

from fedh2l.bounds import bounded, check_fields
from fedh2l.data.domains import FederatedData, check_domains
from fedh2l.data.idx import load_mnist
from fedh2l.data.rotate import rotated
from fedh2l.data.split import federated, taken
from fedh2l.rows import Rows

VALIDATION, TEST = 250, 1500  # rows per domain, where the files hold enough


@dataclass(frozen=True, kw_only=True)
class RotatedMnist:
    """MNIST, 15° more for each peer.

    Parameters
    ----------
    domains
        How many peers, each on a domain of its own; by default as many as models.
    rows
        Private rows per peer, before the seeds are taken out.
    seed_share
        Share of each peer's rows that goes to the seed set.
    seed_labels
        How many rows of the seed set keep their label, as many of each peer; by default all.
    data_dir
        Folder of MNIST's four IDX files; without it they are fetched once.
    """

    models = (
        "mlp",
        "lenet",
        "wide-cnn",
        "resnet",
        "batchnorm-cnn",
        "deep-mlp",
    )
    rounds: ClassVar[int] = 150
    mixtures = True
    baselines: ClassVar[bool] = False
    kind = "images"

    domains: int | None = bounded(None, least=1)
    rows: int = bounded(1000, least=2)
    seed_share: float = bounded(0.05, above=0, most=0.9)
    seed_labels: int | None = bounded(None, least=1)
    data_dir: Annotated[Path | None, Parameter(env_var="FEDH2L_DATA")] = None

    def __post_init__(self) -> None:
        check_fields(self)

    def names(self, domains: int) -> list[str]:
        """rot00, rot15 …: the angle in degrees."""
        return [f"rot{15 * i:02d}" for i in range(domains)]

    def load(self, domains: int, seed: int) -> FederatedData:
        """`rows` training images for each domain, of which a share goes to the seed set.

        Validation images are of the training file, test images of the test file; no image is in two
        domains or two parts.
        """
        train, test = load_mnist(self.data_dir)
        images = len(train[1])
        each = self.rows + VALIDATION
        check_domains(
            domains,
            images // each,
            f"MNIST has {images} training images, and a peer with {self.rows} rows needs {each}, "
            "so ask for fewer domains or rows",
        )

        rng = np.random.default_rng([seed, 2])
        order, held_out = rng.permutation(images), rng.permutation(len(test[1]))
        first, second = domains * self.rows, domains * each
        private = np.array_split(order[:first], domains)
        chosen = np.array_split(order[first:second], domains)
        tested = np.array_split(held_out[: domains * TEST], domains)

        trains: dict[str, Rows] = {}
        rest: dict[str, list[Rows]] = {}
        for i, name in enumerate(self.names(domains)):
            trains[name] = _turned(taken(train, private[i]), 15.0 * i)
            parts = (taken(train, chosen[i]), taken(test, tested[i]))
            rest[name] = [_turned(part, 15.0 * i) for part in parts]
        return federated(trains, rest, self.seed_share, rng, labels=self.seed_labels)


def _turned(rows: Rows, degrees: float) -> Rows:
    return rotated(np.asarray(rows[0]), degrees), rows[1]
