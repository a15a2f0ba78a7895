"""The seed set: the small shared set of examples on which peers compare what they believe, and its
agreed views.
"""

import hashlib
import json
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Shaped

from fedh2l.error import FedH2LError
from fedh2l.views import VIEWS, ViewName, cutmix


@dataclass(frozen=True, eq=False)
class SeedSet:
    """The same on every peer, to the byte: `digest` proves it. Labels are optional; posteriors can
    do their work.

    What peers are asked in round t is a pure function of (seed set, t), so nothing is sent to agree
    on it.
    """

    x: Float[np.ndarray, "rows ..."]
    classes: tuple[str, ...]  # their order is the meaning of a posterior's columns
    labels: Int[np.ndarray, " rows"] | None = None
    # The name of the peer that contributed each row.
    owners: Shaped[np.ndarray, " rows"] | None = None
    view: ViewName = "none"
    every: int = 1  # rounds for which a view is kept before a fresh one is taken
    # Ask about as many mixtures of two examples as well: questions to which nobody holds a label.
    mixtures: bool = False
    _cache: "dict[int, tuple[np.ndarray, np.ndarray | None]]" = field(
        default_factory=dict[int, Any], init=False, repr=False
    )

    def __post_init__(self) -> None:
        if not len(self.x) or len(self.classes) < 2:
            raise FedH2LError(
                f"seed set: {len(self.x)} rows and {len(self.classes)} classes; needs a row and "
                "two classes"
            )
        if not np.isfinite(self.x).all():
            raise FedH2LError(
                f"seed set: NaN or infinity in row {_first_bad_row(self.x)}; clean the data first"
            )
        if (self.view != "none" or self.mixtures) and self.x.ndim != 4:
            raise FedH2LError(
                "seed set: views and mixtures need images (rows, channels, height, width), "
                f"found {self.x.shape}; "
                "use view='none', mixtures=False"
            )
        if self.labels is not None:
            self._check_labels(self.labels)

    def _check_labels(self, labels: np.ndarray) -> None:
        counts = (
            np.bincount(labels, minlength=len(self.classes))
            if labels.min() >= 0
            else np.zeros(0, int)
        )
        if len(counts) != len(self.classes) or len(labels) != len(self.x):
            raise FedH2LError(
                f"seed set: {len(labels)} labels in {labels.min()}..{labels.max()} for "
                f"{len(self.x)} rows of "
                f"{len(self.classes)} classes; labels are indices into classes, one per row"
            )
        if not counts.all():
            empty = [c for c, n in zip(self.classes, counts, strict=True) if n == 0]
            raise FedH2LError(
                f"seed set: class {empty[0]!r} has no rows; add an example of it, drop the "
                "class, or drop the labels"
            )

    def __len__(self) -> int:
        return len(self.x)

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) over the arrays with their dtypes and shapes, the class order and the
        agreed views.
        """
        arrays = {
            "x": self.x,
            "labels": self.labels,
            "owners": None if self.owners is None else self.owners.astype(np.str_),
        }
        head = {
            k: None if a is None else [a.dtype.newbyteorder("<").str, list(a.shape)]
            for k, a in arrays.items()
        }
        sha = hashlib.sha256(
            json.dumps([head, self.classes, self.view, self.every, self.mixtures]).encode()
        )
        for a in arrays.values():
            if a is not None:
                sha.update(np.ascontiguousarray(a, a.dtype.newbyteorder("<")).tobytes())
        return sha.hexdigest()

    @property
    def fingerprint(self) -> str:
        """The start of the digest in groups of four, to be read out over the telephone."""
        return " ".join(self.digest[i : i + 4] for i in range(0, 16, 4))

    def unlabelled(self) -> "SeedSet":
        """The same examples with the labels withheld."""
        return replace(self, labels=None)

    @property
    def _changes(self) -> bool:
        return self.view != "none" or self.mixtures

    @property
    def asked(self) -> int:
        """How many rows a round asks about: the examples, and the mixtures if there are any."""
        return len(self) * (2 if self.mixtures else 1)

    def view_index(self, t: int) -> int:
        """Which view round t asks about: a new number every `every` rounds; 0 for ever where
        nothing changes.
        """
        return t // self.every if self._changes else 0

    def rounds_left(self, t: int) -> int | None:
        """In how many rounds, t included, the view of round t is asked about; None: in all that
        come.
        """
        return self.every - t % self.every if self._changes else None

    def rows(self, view: int) -> Float[np.ndarray, "asked ..."]:
        """What is asked about in this view: every example, then every mixture."""
        return self._view(view)[0]

    def soft_labels(self, view: int) -> Float[np.ndarray, "asked classes"] | None:
        """The label of each row as a distribution: one-hot for examples, the areas of the two for
        mixtures. None: unlabelled.
        """
        return self._view(view)[1]

    def batch(self, t: int, rows: int) -> Int[np.ndarray, " batch"]:
        """The agreed rows of round t where only one batch is exchanged."""
        return np.sort(self._rng(t, 1).permutation(self.asked)[:rows])

    def _view(self, view: int) -> tuple[np.ndarray, np.ndarray | None]:
        if view not in self._cache:
            while len(self._cache) >= 8:  # a few recent views are asked for again and again
                del self._cache[next(iter(self._cache))]
            self._cache[view] = self._made(view)
        return self._cache[view]

    def _made(self, view: int) -> tuple[np.ndarray, np.ndarray | None]:
        x = VIEWS[self.view](self.x, self._rng(view, 0))
        hot = (
            None
            if self.labels is None
            else np.eye(len(self.classes), dtype=np.float32)[self.labels]
        )
        if not self.mixtures:
            return x, hot
        mixed, other, share = cutmix(x, self._rng(view, 2))
        soft = (
            None
            if hot is None
            else np.concatenate([hot, share[:, None] * hot + (1 - share[:, None]) * hot[other]])
        )
        return np.concatenate([x, mixed]), soft

    def _rng(self, t: int, purpose: int) -> np.random.Generator:
        return np.random.default_rng([int(self.digest[:16], 16), t, purpose])


def _first_bad_row(x: np.ndarray) -> int:
    return int(np.flatnonzero(~np.isfinite(x.reshape(len(x), -1)).all(1))[0])
