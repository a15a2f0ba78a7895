"""Images that lie on disk until they are asked for, because all of them would not fit in memory."""

import os
import shutil
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float32, Int, Shaped
from numpy.lib.mixins import NDArrayOperatorsMixin

from fedh2l.error import FedH2LError

IN_MEMORY = 512 * 2**20  # bytes of float32, up to which rows are kept in memory
BLOCK = 64 * 2**20  # bytes of float32 that are made at a time


class _File:
    """A file without a name, open as long as somebody has rows of it."""

    def __init__(self, file: IO[bytes]) -> None:
        self.number = os.dup(file.fileno())
        weakref.finalize(self, os.close, self.number)


class StoredRows(NDArrayOperatorsMixin):
    """Images (rows, channels, height, width) with values in [0, 1]: a byte per value in a file
    without a name, which is gone with the process. Whoever indexes them gets an array of float32.

    It has what is asked of an array of private rows: a length, a shape, a type and indexing. All
    else that arrays do brings all rows into memory, as `np.asarray` does.

    more: rows in memory that stand beside those of the file. places: which rows these are, in
    order: number i of the file, or −1 − i of `more`.
    """

    dtype = np.dtype(np.float32)

    def __init__(
        self,
        file: _File,
        row: tuple[int, ...],
        places: Int[np.ndarray, " rows"],
        more: Float32[np.ndarray, "more ..."] | None = None,
    ) -> None:
        self.file, self.row, self.places, self.more = file, row, places, more
        self.row_size = int(np.prod(row))  # bytes of a row in the file

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.places), *self.row)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: Any) -> Float32[np.ndarray, "..."]:
        """The rows of a slice, an array of indices or a mask; or one row."""
        places = np.asarray(self.places[index])
        made = np.empty((*places.shape, *self.row), np.float32)
        rows = made.reshape(-1, *self.row)
        for i, place in enumerate(places.ravel().tolist()):
            if place < 0:
                assert self.more is not None
                rows[i] = self.more[-1 - place]
                continue
            stored = os.pread(self.file.number, self.row_size, place * self.row_size)
            np.divide(np.frombuffer(stored, np.uint8).reshape(self.row), np.float32(255), rows[i])
        return made

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self[:].astype(dtype or self.dtype, copy=False)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        arrays = [np.asarray(x) if isinstance(x, StoredRows) else x for x in inputs]
        return getattr(ufunc, method)(*arrays, **options)

    def __getattr__(self, name: str) -> Any:
        # A copy that is just being made has no fields yet.
        if name.startswith("_") or "places" not in self.__dict__:
            raise AttributeError(name)
        return getattr(np.asarray(self), name)

    def subset(self, pick: Any) -> "StoredRows":
        """These rows, which stay on disk."""
        return StoredRows(self.file, self.row, self.places[pick], self.more)

    def blocks(self) -> Iterator[Float32[np.ndarray, "block ..."]]:
        """All rows in order, some at a time."""
        step = max(1, BLOCK // (4 * self.row_size))
        return (self[start : start + step] for start in range(0, len(self), step))


if TYPE_CHECKING:
    # Rows on disk do what is asked of an array; nobody who writes a model need know of them.
    RowArray = Shaped[np.ndarray, "_ ..."]
else:
    RowArray = Shaped[np.ndarray, "_ ..."] | StoredRows


def rows_of(
    images: Iterable[Float32[np.ndarray, "channels height width"]],
    most: int,
    row: tuple[int, ...],
    source: str,
) -> RowArray:
    """These images, at most so many, in memory where there is little of them, else on disk.

    On disk a value is one of 256: those of images of 8 bits keep every bit.
    """
    if 4 * most * int(np.prod(row)) <= IN_MEMORY:
        x, count = np.empty((most, *row), np.float32), 0
        for image in images:
            x[count] = image
            count += 1
        return x[:count]
    _check_room(most, row, source)
    count = 0
    with tempfile.TemporaryFile(prefix="fedh2l-") as file:
        for image in images:
            file.write(np.rint(255 * image).astype(np.uint8).tobytes())
            count += 1
        file.flush()
        stored: Any = StoredRows(_File(file), row, np.arange(count))
        return stored


def _check_room(rows: int, row: tuple[int, ...], source: str) -> None:
    """Raise FedH2LError where the disk has no room for so many rows."""
    need, folder = rows * int(np.prod(row)), tempfile.gettempdir()
    free = shutil.disk_usage(folder).free
    if need > free:
        raise FedH2LError(
            f"{source}: {rows} images of {' × '.join(map(str, row))} take {need / 2**30:.1f} GiB "
            f"on disk, and {folder} has {free / 2**30:.1f}; set TMPDIR to a folder with more room, "
            "or take smaller images"
        )


def row_bytes(x: Any) -> int:
    """What a row takes in memory."""
    return max(1, x.dtype.itemsize * int(np.prod(x.shape[1:])))


def picked(x: Any, pick: Any) -> Any:
    """The rows with these indices; those that are stored stay on disk."""
    return x.subset(pick) if isinstance(x, StoredRows) else x[pick]


def joined(parts: Sequence[Any]) -> Any:
    """The rows of all parts, one after another; those that are stored, all of one file, stay
    there.
    """
    stored = next((part for part in parts if isinstance(part, StoredRows)), None)
    if stored is None:
        return np.concatenate(parts)
    places: list[np.ndarray] = []
    more = [np.empty((0, *stored.row), np.float32)]
    for part in parts:
        if isinstance(part, StoredRows):
            places.append(part.places)
        else:
            before = sum(map(len, more))
            places.append(-1 - np.arange(before, before + len(part)))
            more.append(part)
    return StoredRows(stored.file, stored.row, np.concatenate(places), np.concatenate(more))
