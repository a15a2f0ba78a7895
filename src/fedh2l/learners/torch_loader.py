"""The private batches of a PyTorch learner from the user's own DataLoader, or anything like one."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor

from fedh2l.error import FedH2LError
from fedh2l.learners.features import as_fields
from fedh2l.learners.torch_inputs import Inputs, Taken
from fedh2l.rows import Rows, checked_rows, class_indices

LABELS = ("labels", "label", "targets", "target", "y")  # of a batch that is a dict


class Batch(NamedTuple):
    """Rows and labels as the model takes them, on its device."""

    x: Taken
    y: Tensor
    largest: int  # label; known without asking the device


class LoaderBatches:
    """The batches of anything that can be iterated over, again and again where it is not endless.

    rows: how many private rows there are; 0: nobody knows.
    named: a batch may hold several inputs by name, as `featurise` makes of the seed rows.
    """

    order = np.zeros(0, np.int64)  # a loader keeps its own

    def __init__(
        self,
        loader: Iterable[Any],
        rows: int | None,
        place: Callable[[Taken], Taken],
        *,
        named: bool,
    ) -> None:
        self.loader, self.place, self.named = loader, place, named
        self.rows = _count(loader, named) if rows is None else rows
        self.batches = self._endless()

    def some(self) -> Rows:
        """The first batch, to compare with the seed set; it is learnt from all the same."""
        first = next(self.batches)
        self.batches = chain([first], self.batches)
        y = first.y.cpu().numpy()
        if isinstance(first.x, Inputs):
            parts = {name: _array(part) for name, part in first.x.parts.items()}
            return as_fields(parts, len(y), "a batch holds"), y
        return _array(first.x), y

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
                yield self._checked(*_pair(batch, self.named))
            if empty:
                raise FedH2LError(
                    "the DataLoader yields no batch: fewer rows than a batch with "
                    "drop_last=True, or an iterator used up"
                )

    def _checked(self, x: Any, y: Any) -> Batch:
        rows = _rows(x, y)
        # The usual case, without a detour over numpy.
        usual = isinstance(y, Tensor) and y.dtype == torch.int64 and y.ndim == 1
        if not usual or (len(y) and int(y.min()) < 0):
            y = torch.from_numpy(class_indices(y))

        sizes = {len(y), *_sizes(rows)}
        if len(sizes) > 1 or not len(y):
            raise FedH2LError(
                f"a batch of {_sizes(rows)[0]} rows and {len(y)} labels; needs one label per row, "
                "and a row"
            )
        largest = int(y.max())
        rows = self.place(rows)
        return Batch(rows, y.to(rows.device), largest)


def _rows(x: Any, y: Any) -> Taken:
    """What a batch holds beside its labels, as tensors."""
    if isinstance(x, Tensor):
        return x
    if not isinstance(x, Mapping):
        return torch.from_numpy(checked_rows((x, y))[0])
    parts = cast(Mapping[str, Any], x)
    return Inputs({name: torch.as_tensor(part) for name, part in parts.items()})


def _array(tensor: Tensor) -> np.ndarray:
    tensor = tensor.detach().cpu()
    # numpy has no bfloat16
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()


def _sizes(x: Taken) -> list[int]:
    """How many rows each input has."""
    return [len(part) for part in x.parts.values()] if isinstance(x, Inputs) else [len(x)]


def _pair(batch: Any, named: bool) -> tuple[Any, Any]:
    """Rows and labels of a batch; rows that are several inputs as a mapping."""
    parts = _entries(cast(Mapping[str, Any], batch)) if isinstance(batch, Mapping) else batch
    whole = isinstance(parts, tuple | list) and len(cast(Sequence[Any], parts)) == 2
    several = whole and isinstance(parts[0], Mapping)
    if whole and not isinstance(parts[0], tuple) and (named or not several):
        return parts[0], parts[1]
    expected = (
        "to give the model several inputs by name, say with featurise= how they are made of seed "
        "rows"
        if several
        else "make such batches in the DataLoader's collate_fn"
    )
    raise FedH2LError(
        f"a batch holds {_kinds(batch)}; expected (x, y), rows like the seed set's and their "
        f"labels: {expected}"
    )


def _entries(batch: Mapping[str, Any]) -> list[Any]:
    """The inputs of a batch that is a dict, several as a dict, and its labels; nothing without
    labels.
    """
    labels = [name for name in batch if name in LABELS]
    inputs = {name: batch[name] for name in batch if name not in LABELS}
    if len(labels) != 1 or not inputs:
        return []
    x = next(iter(inputs.values())) if len(inputs) == 1 else inputs
    return [x, batch[labels[0]]]


def _kinds(batch: Any) -> str:
    """A batch that will not do, in words."""
    if isinstance(batch, Mapping):
        return f"the entries {', '.join(map(str, cast(Mapping[str, Any], batch)))}"
    if isinstance(batch, tuple | list):
        parts = cast(Sequence[Any], batch)
        return f"{len(parts)} parts ({', '.join(type(part).__name__ for part in parts)})"
    return f"a {type(batch).__name__}"


def _count(loader: Iterable[Any], named: bool) -> int:
    """How many private rows an epoch of this loader has at most; 0: it cannot be told."""
    if isinstance(loader, Sequence):
        return sum(len(_pair(batch, named)[1]) for batch in loader)
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
