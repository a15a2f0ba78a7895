"""What a PyTorch model takes: a tensor, or several by name, such as the input_ids and the
attention_mask of Hugging Face's models.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor, nn

from fedh2l.error import FedH2LError
from fedh2l.tables import names_of


class Inputs:
    """Tensors with as many rows each, which the model takes as keyword arguments."""

    def __init__(self, parts: Mapping[str, Tensor]) -> None:
        self.parts = dict(parts)

    def __len__(self) -> int:
        return len(next(iter(self.parts.values())))

    def __getitem__(self, rows: Any) -> "Inputs":
        return Inputs({name: part[rows] for name, part in self.parts.items()})

    def cpu(self) -> "Inputs":
        return Inputs({name: part.cpu() for name, part in self.parts.items()})

    @property
    def device(self) -> torch.device:
        return next(iter(self.parts.values())).device


Taken = Tensor | Inputs


def tensors_of(rows: Shaped[np.ndarray, "rows ..."]) -> Taken:
    """An array as a tensor, a structured array as inputs by the names of its fields."""
    names = names_of(rows)
    if not names:
        return torch.from_numpy(np.ascontiguousarray(rows))
    return Inputs({name: torch.from_numpy(np.ascontiguousarray(rows[name])) for name in names})


def joined(first: Taken, second: Taken) -> Taken:
    """Private rows, and the seed rows after them."""
    if isinstance(first, Tensor) and isinstance(second, Tensor):
        return torch.cat([first, second])
    check_alike(first, second)
    assert isinstance(first, Inputs)
    assert isinstance(second, Inputs)
    others = second.parts
    return Inputs({name: torch.cat([part, others[name]]) for name, part in first.parts.items()})


def check_alike(private: Taken, seeds: Taken) -> None:
    """Refuse what cannot be given to the model together."""
    own, others = _shapes(private), _shapes(seeds)
    if own != others:
        raise FedH2LError(
            f"the model is given private rows as {own} and seed rows as {others}; make both alike: "
            "of a tokenizer with padding='max_length', truncation=True"
        )


def given_to(model: nn.Module, rows: Taken) -> Any:
    """What the model gives."""
    return model(rows) if isinstance(rows, Tensor) else model(**rows.parts)


def _shapes(rows: Taken) -> str:
    """Of a row, in words."""
    if isinstance(rows, Tensor):
        return str(tuple(rows.shape[1:]))
    return ", ".join(f"{name} {tuple(rows.parts[name].shape[1:])}" for name in sorted(rows.parts))
