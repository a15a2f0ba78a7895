"""The private batches of a PyTorch learner from the user's own DataLoader, or anything like one."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor

from fedh2l.error import FedH2LError
from fedh2l.rows import Rows, checked_rows, class_indices

LABELS = ("labels", "label", "targets", "target", "y")  # of a batch that is a dict


class Batch(NamedTuple):
    """Rows and labels as the model takes them, on its device."""

    x: Tensor
    y: Tensor
    largest: int  # label; known without asking the device


class LoaderBatches:
    """The batches of anything that can be iterated over, again and again where it is not endless.

    rows: how many private rows there are; 0: nobody knows.
    """

    order = np.zeros(0, np.int64)  # a loader keeps its own

    def __init__(
        self, loader: Iterable[Any], rows: int | None, place: Callable[[Tensor], Tensor]
    ) -> None:
        self.loader, self.place = loader, place
        self.rows = _count(loader) if rows is None else rows
        self.batches = self._endless()

    def some(self) -> Rows:
        """The first batch, to compare with the seed set; it is learnt from all the same."""
        first = next(self.batches)
        self.batches = chain([first], self.batches)
        x = first.x.detach().cpu()
        # numpy has no bfloat16
        x = x.float() if x.dtype == torch.bfloat16 else x
        return x.numpy(), first.y.cpu().numpy()

    def rows_read(self) -> Rows:
        """Refused: a loader may augment its rows, and need not end."""
        raise FedH2LError(
            "the method reads all private rows, and a DataLoader gives batches without end; give "
            "the learner arrays: TorchLearner(model, optimizer, (x, y))"
        )

    def next(self) -> Batch:
        return next(self.batches)

    def restart(self, order: np.ndarray) -> None:
        """Begin the epoch anew. What is no container, but an iterator, cannot: it goes on."""
        if iter(self.loader) is not self.loader:
            self.batches = self._endless()

    def _endless(self) -> Iterator[Batch]:
        while True:
            empty = True
            for batch in self.loader:
                empty = False
                yield self._checked(*_pair(batch))
            if empty:
                raise FedH2LError(
                    "the DataLoader yields no batch: fewer rows than a batch with "
                    "drop_last=True, or an iterator used up"
                )

    def _checked(self, x: Any, y: Any) -> Batch:
        if not isinstance(x, Tensor):
            x = torch.from_numpy(checked_rows((x, y))[0])
        # The usual case, without a detour over numpy.
        usual = isinstance(y, Tensor) and y.dtype == torch.int64 and y.ndim == 1
        if not usual or (len(y) and int(y.min()) < 0):
            y = torch.from_numpy(class_indices(y))
        if len(x) != len(y) or not len(x):
            raise FedH2LError(
                f"a batch of {len(x)} rows and {len(y)} labels; needs one label per row, and a row"
            )
        largest = int(y.max())
        x = self.place(x)
        return Batch(x, y.to(x.device), largest)


def _pair(batch: Any) -> tuple[Any, Any]:
    """Rows and labels of a batch."""
    parts = _entries(cast(Mapping[str, Any], batch)) if isinstance(batch, Mapping) else batch
    whole = isinstance(parts, tuple | list) and len(cast(Sequence[Any], parts)) == 2
    if whole and not isinstance(parts[0], Mapping | tuple):
        return parts[0], parts[1]
    raise FedH2LError(
        f"a batch holds {_kinds(batch)}; expected (x, y), rows like the seed set's and their "
        "labels: make such batches in the DataLoader's collate_fn"
    )


def _entries(batch: Mapping[str, Any]) -> list[Any]:
    """What a batch that is a dict holds: the inputs, then the labels; nothing without labels."""
    labels = [name for name in batch if name in LABELS]
    inputs = [name for name in batch if name not in LABELS]
    return [batch[name] for name in inputs + labels] if len(labels) == 1 else []


def _kinds(batch: Any) -> str:
    """A batch that will not do, in words."""
    if isinstance(batch, Mapping):
        return f"the entries {', '.join(map(str, cast(Mapping[str, Any], batch)))}"
    if isinstance(batch, tuple | list):
        parts = cast(Sequence[Any], batch)
        return f"{len(parts)} parts ({', '.join(type(part).__name__ for part in parts)})"
    return f"a {type(batch).__name__}"


def _count(loader: Iterable[Any]) -> int:
    """How many private rows an epoch of this loader has at most; 0: it cannot be told."""
    if isinstance(loader, Sequence):
        return sum(len(_pair(batch)[1]) for batch in loader)
    sampler = getattr(loader, "batch_sampler", None)
    parts = [
        getattr(loader, "dataset", None),
        getattr(sampler, "sampler", None) or getattr(loader, "sampler", None),
    ]
    # A sampler may take a part of the rows, or draw rows several times.
    sizes = [size for size in map(_length, parts) if size is not None]
    return min(sizes, default=0)


def _length(part: Any) -> int | None:
    """len, where there is one: a dataset that is a stream has none."""
    try:
        return len(part)
    except (TypeError, NotImplementedError):
        return None
