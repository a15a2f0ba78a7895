"""The private batches of a PyTorch learner: from arrays, or from the user's own DataLoader."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch.utils.data import Dataset, TensorDataset

from fedh2l.error import FedH2LError
from fedh2l.learners.batches import PrivateBatches
from fedh2l.learners.features import Features, PrivateRows
from fedh2l.learners.torch_inputs import Taken, check_alike, tensors_of
from fedh2l.learners.torch_loader import Batch, LoaderBatches
from fedh2l.rows import Rows, check_classes
from fedh2l.seedset import SeedSet
from fedh2l.views import View


class ArrayBatches:
    """`PrivateBatches` as tensors where the model is."""

    def __init__(
        self,
        private: PrivateRows,
        size: int | None,
        rng: np.random.Generator,
        place: Callable[[Taken], Taken],
    ) -> None:
        self.private, self.place = private, place
        self.batches = PrivateBatches(private, size, rng)
        self.largest = int(private.y.max())

    @property
    def rows(self) -> int:
        return len(self.private)

    @property
    def order(self) -> Int[np.ndarray, " rows"]:
        """What is left of the epoch."""
        return self.batches.order

    def some(self) -> Rows:
        """All private rows, to compare with the seed set."""
        return self.batches.some()

    def rows_read(self) -> Rows:
        """All private rows, as raw as the seed rows."""
        return self.private.x, self.private.y

    def next(self) -> Batch:
        rows, labels = self.batches.next()
        x = self.place(tensors_of(rows))
        return Batch(x, torch.from_numpy(labels).to(x.device), self.largest)

    def restart(self, order: np.ndarray) -> None:
        """Go on where `order` was what was left of the epoch."""
        self.batches.restart(order)


def batches_of(
    data: Any,
    *,
    batch: int | None,
    augment: View | None,
    features: Features,
    rows: int | None,
    rng: np.random.Generator,
    place: Callable[[Taken], Taken],
) -> ArrayBatches | LoaderBatches:
    """The batches of the user's data, whichever of the forms it has."""
    if isinstance(data, TensorDataset):
        data = data.tensors
    if _is_arrays(data):
        return ArrayBatches(PrivateRows(data, None, features, augment, rng), batch, rng, place)

    if isinstance(data, Dataset):
        raise FedH2LError(
            f"private data: a {type(data).__name__} gives examples, not batches; use "
            "DataLoader(dataset, batch_size=32, shuffle=True, drop_last=True)"
        )
    arrays_only = {"batch": batch, "augment": augment}
    for name, value in arrays_only.items():
        if value is not None:
            raise FedH2LError(
                f"{name}= works on arrays, and the data are a {type(data).__name__}, which makes "
                "its own batches; set its batch_size, and augment in its dataset"
            )
    if not isinstance(data, Iterable):
        raise FedH2LError(
            f"private data: a {type(data).__name__}; expected (x, y) or an iterable of batches "
            "(x, y), such as a DataLoader"
        )
    return LoaderBatches(data, rows, place, named=features.featurise is not None)


def compare_features(x: Taken, y: np.ndarray, features: Features, seed_set: SeedSet) -> list[str]:
    """`compare` for the rows of a DataLoader, which are features already."""
    check_classes(y, len(seed_set.classes))
    check_alike(x, tensors_of(features(seed_set.x)))
    return []


def _is_arrays(data: Any) -> bool:
    """Whether data are (x, y) and not batches: a list of arrays, or any tuple."""
    if isinstance(data, tuple):
        return True
    return isinstance(data, list) and bool(data) and all(hasattr(part, "shape") for part in data)
