"""The private batches of a PyTorch learner: from arrays, or from the user's own DataLoader."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, TensorDataset

from fedh2l.error import FedH2LError
from fedh2l.learners.torch_loader import Batch, LoaderBatches
from fedh2l.rows import Rows, checked_rows
from fedh2l.views import View

BATCH = 32  # private rows per step, if nothing is said


class ArrayBatches:
    """Whole batches of a shuffled epoch; the rest of an epoch leads the next one."""

    def __init__(
        self,
        data: Rows,
        size: int,
        *,
        augment: View | None,
        rng: np.random.Generator,
        place: Callable[[Tensor], Tensor],
    ) -> None:
        self.x, self.y = data
        if len(self.x) < size:
            raise FedH2LError(
                f"private data: {len(self.x)} rows, fewer than a batch of {size}; use a smaller "
                "batch or more rows"
            )
        self.size, self.augment, self.rng, self.place = size, augment, rng, place
        self.order = np.zeros(0, np.int64)
        self.largest = int(self.y.max())

    @property
    def rows(self) -> int:
        return len(self.x)

    def some(self) -> Rows:
        """All private rows, to compare with the seed set."""
        return self.x, self.y

    def next(self) -> Batch:
        if len(self.order) < self.size:
            self.order = np.concatenate([self.order, self.rng.permutation(len(self.x))])
        pick, self.order = self.order[: self.size], self.order[self.size :]

        x = self.x[pick] if self.augment is None else self.augment(self.x[pick], self.rng)
        x = self.place(torch.from_numpy(np.ascontiguousarray(x)))
        return Batch(x, torch.from_numpy(self.y[pick]).to(x.device), self.largest)

    def restart(self, order: np.ndarray) -> None:
        """Go on where `order` was what was left of the epoch."""
        self.order = order.copy()


def batches_of(
    data: Any,
    *,
    batch: int | None,
    augment: View | None,
    rows: int | None,
    rng: np.random.Generator,
    place: Callable[[Tensor], Tensor],
) -> ArrayBatches | LoaderBatches:
    """The batches of the user's data, whichever of the forms it has."""
    if isinstance(data, TensorDataset):
        data = data.tensors
    if _is_arrays(data):
        size = BATCH if batch is None else batch
        return ArrayBatches(checked_rows(data), size, augment=augment, rng=rng, place=place)

    if isinstance(data, Dataset):
        raise FedH2LError(
            f"private data: a {type(data).__name__} gives examples, not batches; use "
            "DataLoader(dataset, batch_size=32, shuffle=True, drop_last=True)"
        )
    for name, value in (("batch", batch), ("augment", augment)):
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
    return LoaderBatches(data, rows, place)


def _is_arrays(data: Any) -> bool:
    """Whether data are (x, y) and not batches: a list of arrays, or any tuple."""
    if isinstance(data, tuple):
        return True
    return isinstance(data, list) and bool(data) and all(hasattr(part, "shape") for part in data)
