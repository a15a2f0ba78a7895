"""Arrays from a .npz file, read without unpickling and block by block: sizes are checked against
the file before anything is allocated for them.
"""

import struct
import tokenize
import zipfile
import zlib
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.lib import format as npy

from fedh2l.data.own_rows import OwnRows, check_size
from fedh2l.error import FedH2LError, choose

BLOCK = 1 << 24  # bytes read at a time
UNREADABLE = (
    ValueError,
    OSError,
    EOFError,
    RuntimeError,  # an encrypted file
    NotImplementedError,  # an unknown compression
    SyntaxError,
    struct.error,
    tokenize.TokenError,
    zlib.error,
    zipfile.BadZipFile,
)


@runtime_checkable
class Stream(Protocol):
    def read(self, n: int = ..., /) -> bytes: ...
    def tell(self) -> int: ...


class Header(NamedTuple):
    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]


def read_names(path: Path) -> list[str]:
    """The names of its arrays."""
    with _opened(path) as archive:
        return [name.removesuffix(".npy") for name in archive.namelist()]


def read_arrays(path: Path, label: str = "y", beside: Sequence[str] = ()) -> OwnRows:
    """The array `x` (rows, ...), that of the labels where there is one, and as text those beside
    them, an entry for each row.
    """
    with _opened(path) as archive:
        names = {n.removesuffix(".npy"): n for n in archive.namelist()}
        if "x" not in names:
            held = ", ".join(names) or "nothing"
            raise FedH2LError(
                f"{path}: no array x of (rows, ...), it holds {held}; write it with "
                "numpy.savez(x=..., y=...)"
            )
        # Labels that were named must be there; the usual ones may be missing.
        for name in beside if label == "y" else [label, *beside]:
            choose(f"array in {path}", name, names)
        x = _x(archive, names["x"], path)
        y = _small(archive, names[label], path) if label in names else None
        texts = {name: _texts(archive, names[name], path, len(x)) for name in beside}
    others = sorted(set(names) - {"x", label, *beside})
    notes = (f"{path}: left out the arrays {', '.join(others)}",) if others else ()
    return OwnRows(x, y, notes=notes, beside=texts)


@contextmanager
def _opened(path: Path) -> Generator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except FedH2LError:
        raise
    except UNREADABLE as error:
        raise FedH2LError(
            f"{path}: not arrays that can be read without unpickling ({error}); use "
            "numpy.savez(x=..., y=...)"
        ) from error


def _x(archive: zipfile.ZipFile, name: str, path: Path) -> np.ndarray:
    with archive.open(name) as file:
        header = _header(file, archive.getinfo(name), path)
        if header.dtype.kind == "U" and len(header.shape) == 1:
            return _texts_of_rows(archive, name, path)
        if header.dtype.kind not in "biuf":
            raise FedH2LError(f"{path}: x holds {header.dtype}, not numbers; encode it as numbers")
        if len(header.shape) < 2 or 0 in header.shape:
            raise FedH2LError(
                f"{path}: no array x of (rows, ...), found {header.shape}; write it with "
                "numpy.savez(x=..., y=...)"
            )
        check_size(path, header.shape)

        # Fortran's order is that of the transposed array in C's order.
        x = np.empty(header.shape, np.float32)
        target = x.T if header.fortran else x
        of_one = header.dtype.itemsize * (target.size // len(target))
        step = max(1, BLOCK // of_one)
        for start in range(0, len(target), step):
            block = target[start : start + step]
            raw = np.frombuffer(_exactly(file, len(block) * of_one), header.dtype)
            with np.errstate(over="ignore"):  # what float32 cannot hold is infinite, and refused
                block[...] = raw.reshape(block.shape)
        return x


def _texts_of_rows(archive: zipfile.ZipFile, name: str, path: Path) -> np.ndarray:
    texts = _small(archive, name, path)
    if not len(texts):
        raise FedH2LError(f"{path}: no texts in x")
    return texts


def _texts(archive: zipfile.ZipFile, name: str, path: Path, rows: int) -> np.ndarray:
    values = _small(archive, name, path)
    if values.shape != (rows,) or values.dtype.kind not in "biufSU":
        raise FedH2LError(
            f"{path}: {name} holds {values.dtype} of shape {values.shape}; expected a number or a "
            f"name for each of {rows} rows"
        )
    if values.dtype.kind == "f" and (values == np.floor(values)).all():
        values = values.astype(np.int64)  # 1.0 is called 1
    if values.dtype.kind == "S":
        return np.array([value.decode() for value in values.tolist()])
    return values.astype(np.str_)


def _small(archive: zipfile.ZipFile, name: str, path: Path) -> np.ndarray:
    with archive.open(name) as file:
        header = _header(file, archive.getinfo(name), path)
        check_size(path, header.shape)
        raw = np.frombuffer(_exactly(file, archive.getinfo(name).file_size - file.tell()), "u1")
        order = "F" if header.fortran else "C"
        return raw.view(header.dtype).reshape(header.shape, order=order)


def _header(file: Stream, member: zipfile.ZipInfo, path: Path) -> Header:
    """Type and shape of an array, once the file is known to hold that much."""
    version = npy.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise FedH2LError(f"{path}: {member.filename} is of an unknown version; save plain arrays")
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    header = Header(*read(file))
    if header.dtype.hasobject:
        raise FedH2LError(
            f"{path}: {member.filename} holds Python objects, which cannot be read without "
            "unpickling; save numbers, or text as y.astype(str)"
        )
    promised = int(np.prod(header.shape, dtype=object)) * header.dtype.itemsize
    held = member.file_size - file.tell()
    if promised != held or min(header.shape, default=0) < 0:
        raise FedH2LError(
            f"{path}: {member.filename} has {held} bytes, and its header promises {promised}; "
            "truncated or corrupt: write it again"
        )
    return header


def _exactly(file: Stream, size: int) -> bytes:
    data = file.read(size)
    if len(data) != size:
        raise EOFError("truncated")
    return data
