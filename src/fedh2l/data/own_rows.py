"""Rows as a user's own files hold them, before their labels have become indices of classes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Shaped

from fedh2l.error import FedH2LError
from fedh2l.stored_rows import RowArray

SHOWN = 12  # things that a sentence names
MOST_BYTES = 4 * 2**30  # of rows as float32: more would not fit beside everything else


@dataclass(frozen=True, eq=False)
class OwnRows:
    """Rows of one file or folder."""

    x: RowArray
    y: np.ndarray | None = None  # what the file says: numbers or names
    columns: tuple[str, ...] | None = None  # of a table: the features' names
    notes: tuple[str, ...] = ()  # what was inferred, and what was left out, in sentences
    # What a file says of each row besides features and label, as text: its site, its patient.
    beside: Mapping[str, Shaped[np.ndarray, " rows"]] = field(default_factory=dict[str, np.ndarray])

    def __len__(self) -> int:
        return len(self.x)

    def array(self, source: Path | str) -> Shaped[np.ndarray, "rows ..."]:
        """All features in memory; FedH2LError where they would not fit."""
        check_size(source, self.x.shape)
        return np.asarray(self.x)


def check_size(path: Path | str, shape: tuple[int, ...]) -> None:
    """Refuse rows that would not fit, before anything is allocated for them."""
    size = 4 * int(np.prod(shape, dtype=object))
    if size > MOST_BYTES:
        raise FedH2LError(
            f"{path}: {size / 2**30:.1f} GiB as float32 of shape {shape}; at most "
            f"{MOST_BYTES // 2**30} GiB: take fewer rows, or smaller images"
        )


Stamp = tuple[Path, int, int]


def stamp_of(path: Path) -> Stamp:
    """Place, time and size: what was read and kept in memory is of this file, or of all files in
    this folder, as they are now.
    """
    # In a folder a link may lead nowhere: that it cannot be read is said by those who read it.
    about = [path.stat(), *(file.lstat() for file in path.rglob("*"))]
    return path.resolve(), sum(a.st_mtime_ns for a in about), sum(a.st_size for a in about)


def listed(names: Sequence[str]) -> str:
    """The first ones, and how many there are besides."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
