"""Rows as a user's own files hold them, before their labels have become indices of classes."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from fedh2l.error import FedH2LError

MOST_BYTES = 4 * 2**30  # of rows as float32: more would not fit beside everything else


@dataclass(frozen=True)
class OwnRows:
    """Rows of one file or folder."""

    x: Float32[np.ndarray, "rows ..."]
    y: np.ndarray | None = None  # what the file says: numbers or names
    columns: tuple[str, ...] | None = None  # of a table: the features' names
    notes: tuple[str, ...] = ()  # what was left out, in sentences

    def __len__(self) -> int:
        return len(self.x)


def check_size(path: Path, shape: tuple[int, ...]) -> None:
    """Refuse rows that would not fit, before anything is allocated for them."""
    size = 4 * int(np.prod(shape, dtype=object))
    if size > MOST_BYTES:
        raise FedH2LError(
            f"{path}: {size / 2**30:.1f} GiB as float32 of shape {shape}; at most "
            f"{MOST_BYTES // 2**30} GiB: take fewer rows, or smaller images"
        )
