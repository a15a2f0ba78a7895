"""A peer's own features of the rows that all share: its scaler, its tokenizer, its backbone."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np
from jaxtyping import Int, Shaped

from fedh2l.error import FedH2LError
from fedh2l.learner import Lesson
from fedh2l.rows import check_classes, checked_rows
from fedh2l.rows import features as checked
from fedh2l.stored_rows import RowArray, StoredRows, picked
from fedh2l.tables import holds_numbers_only, names_of, stacked_columns
from fedh2l.views import View

# From raw rows to this peer's features of them: an array, a row each; of PyTorch also several
# arrays by name, as a tokenizer gives them.
Featurise = Callable[[Any], Any]
CACHED = 64 * 2**20  # bytes of features that a peer keeps, of the rows it was asked about last


class Features:
    """The user's function, applied once to rows that are asked about again and again.

    featurise: from raw rows to features, a row each; it must give the same for the same rows.
    None: rows are taken as they are, and of a table without a column of text the columns.
    named: the model takes several arrays by name; here they are the fields of one.
    """

    def __init__(
        self, featurise: Featurise | None, most: int = CACHED, *, named: bool = False
    ) -> None:
        self.featurise, self.most, self.named = featurise, most, named
        self.cached: OrderedDict[bytes, np.ndarray] = OrderedDict()

    def __call__(self, x: Shaped[np.ndarray, "rows ..."]) -> Shaped[np.ndarray, "rows ..."]:
        """The features of these rows, from the cache where they were asked about before."""
        if self.featurise is None:
            return x
        key = hashlib.blake2b(np.ascontiguousarray(x).tobytes(), digest_size=16).digest()
        if key not in self.cached:
            self._keep(key, self.fresh(x))
        self.cached.move_to_end(key)
        return self.cached[key]

    def settle(self, x: Any) -> None:
        """Take rows of this kind: of a table of numbers alone it is clear what the features are."""
        if self.featurise is None and holds_numbers_only(x):
            self.featurise = stacked_columns

    def of_lesson(self, lesson: Lesson) -> Shaped[np.ndarray, "rows ..."]:
        """The features of a lesson's rows, question by question: so they are those that the peer
        spoke about, to the last bit, though several questions are learnt from at once.
        """
        if self.featurise is None or lesson.numbers is None:
            return self(lesson.x)
        made: np.ndarray | None = None
        for number in np.unique(lesson.numbers):
            rows = lesson.numbers == number
            of_question = self(lesson.x[rows])
            if made is None:
                made = np.empty((len(rows), *of_question.shape[1:]), of_question.dtype)
            made[rows] = of_question
        assert made is not None, "a lesson has rows"
        return made

    def of_private(self, x: RowArray) -> RowArray:
        """The features of rows that may lie on disk, and then of some at a time."""
        if self.featurise is None or not isinstance(x, StoredRows):
            return x if self.featurise is None else self.fresh(np.asarray(x))
        return np.concatenate([self.fresh(block) for block in x.blocks()])

    def fresh(self, x: Shaped[np.ndarray, "rows ..."]) -> Shaped[np.ndarray, "rows ..."]:
        """The features of rows that will not come again, such as augmented ones."""
        if self.featurise is None:
            return x
        given = self.featurise(x)
        if isinstance(given, Mapping):
            return self._fields(cast(Mapping[str, Any], given), len(x))
        made = np.asarray(given)
        if not made.ndim or len(made) != len(x):
            raise FedH2LError(
                f"featurise gives {made.shape} for {len(x)} rows; expected an array with a row for "
                "each"
            )
        return made

    def _fields(self, given: Mapping[str, Any], rows: int) -> Shaped[np.ndarray, " rows"]:
        if not self.named:
            raise FedH2LError(
                f"featurise gives {', '.join(given)}, and this model takes one array: give one, or "
                "take TorchLearner"
            )
        return as_fields(given, rows, "featurise gives")

    def _keep(self, key: bytes, made: np.ndarray) -> None:
        self.cached[key] = made
        # What was asked about longest ago goes first; the newest stays, however large it is.
        while len(self.cached) > 1 and sum(a.nbytes for a in self.cached.values()) > self.most:
            self.cached.popitem(last=False)


def as_fields(arrays: Mapping[str, Any], rows: int, whose: str) -> Shaped[np.ndarray, " rows"]:
    """Arrays of as many rows each as the fields of one."""
    parts = {str(name): np.asarray(part) for name, part in arrays.items()}
    if not parts or any(part.shape[:1] != (rows,) for part in parts.values()):
        shapes = ", ".join(f"{name} {part.shape}" for name, part in parts.items())
        raise FedH2LError(
            f"{whose} {shapes or 'nothing'} for {rows} rows; expected arrays with a row for each"
        )

    made = np.empty(rows, [(name, part.dtype, part.shape[1:]) for name, part in parts.items()])
    for name, part in parts.items():
        made[name] = part
    return made


class PrivateRows:
    """A peer's private rows: `x` as raw as the seed rows, `y` as indices of classes.

    augment: a function of (raw rows, generator), applied anew whenever rows are taken.
    missing: whether the model takes NaN as a missing value.

    Raises FedH2LError, with the fix, for rows that will not do.
    """

    def __init__(
        self,
        data: Sequence[Any],
        classes: int | None,
        features: Features,
        augment: View | None,
        rng: np.random.Generator,
        *,
        missing: bool = False,
    ) -> None:
        if len(data):
            features.settle(data[0])
        raw = features.featurise is not None
        self.x, self.y = checked_rows(data, missing=missing, raw=raw)
        if classes is not None:
            check_classes(self.y, classes)
        self.features, self.augment, self.rng = features, augment, rng
        # Rows that are not augmented never change: their features are made once.
        self.made = features.of_private(self.x) if augment is None else None
        if raw:
            made = self.some(len(self))
            for part in [made[name] for name in names_of(made)] or [made]:
                checked(part, missing=missing)

    def __len__(self) -> int:
        return len(self.y)

    def taken(self, pick: Int[np.ndarray, " rows"]) -> Shaped[np.ndarray, "rows ..."]:
        """The features of these rows, freshly augmented."""
        if self.augment is None:
            assert self.made is not None
            return self.made[pick]
        return self.features.fresh(self.augment(self.x[pick], self.rng))

    def some(self, rows: int) -> Shaped[np.ndarray, "rows ..."]:
        """The features of the first rows, not augmented."""
        if self.made is not None:
            return self.made[:rows]
        return np.asarray(self.features.of_private(picked(self.x, slice(rows))))
