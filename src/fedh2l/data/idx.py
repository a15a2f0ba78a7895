"""MNIST's own files (LeCun, Cortes, Burges): the IDX format, gzipped or not, from a folder or
fetched once and checked.
"""

import gzip
import zlib
from pathlib import Path

import numpy as np

from fedh2l.data.fetched import fetched
from fedh2l.error import FedH2LError
from fedh2l.rows import Rows

LARGEST = 1 << 30  # values in a file; MNIST's largest has 47 million
MOST_PACKED = 1032  # bytes to which DEFLATE can unpack one, at the most
MIRROR = "https://ossci-datasets.s3.amazonaws.com/mnist/"
SHA256 = {
    "train-images-idx3-ubyte.gz": (
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"
    ),
    "train-labels-idx1-ubyte.gz": (
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"
    ),
    "t10k-images-idx3-ubyte.gz": (
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"
    ),
    "t10k-labels-idx1-ubyte.gz": (
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"
    ),
}


def load_mnist(folder: Path | None) -> tuple[Rows, Rows]:
    """(train, test), images as float32 in [0, 1] of shape (n, 1, 28, 28).

    Without a folder: fetched into the user's cache.
    """
    train, test = ((_rows(folder, part)) for part in ("train", "t10k"))
    return train, test


def _rows(folder: Path | None, part: str) -> Rows:
    images = read_idx(_find(folder, f"{part}-images-idx3-ubyte.gz"), 3)
    labels = read_idx(_find(folder, f"{part}-labels-idx1-ubyte.gz"), 1)
    if len(images) != len(labels):
        raise FedH2LError(
            f"MNIST {part}: {len(images)} images and {len(labels)} labels; the files do not "
            "belong together"
        )
    return (images / np.float32(255)).astype(np.float32)[:, None], labels.astype(np.int64)


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """Unsigned bytes in `dimensions` dimensions, from an IDX file that may be gzipped.

    The sizes in the header are checked before anything of that size is unpacked or allocated.
    Raises FedH2LError for a file that is no such file, or not as long as its header says.
    """
    is_packed = path.suffix == ".gz"
    most = path.stat().st_size * (MOST_PACKED if is_packed else 1)
    with gzip.open(path) if is_packed else path.open("rb") as file:
        try:
            shape = _shape_in(file.read(4 + 4 * dimensions), path, dimensions)
            size = int(np.prod(shape, dtype=object))
            if size > min(most, LARGEST):
                raise FedH2LError(
                    f"{path}: its header promises {size} values, and {min(most, LARGEST)} are the "
                    "most that can be in it; truncated or corrupt: download it again"
                )
            data = file.read(size + 1)  # one more: it shows a file that is too long
        except (OSError, EOFError, zlib.error) as error:
            raise FedH2LError(
                f"{path}: truncated or corrupt ({error}); download it again"
            ) from error
    if len(data) != size:
        length = f"more than {size}" if len(data) > size else str(len(data))
        raise FedH2LError(
            f"{path}: {length} values, and its header promises {size}; truncated or corrupt: "
            "download it again"
        )
    return np.frombuffer(data, np.uint8).reshape(shape)


def _shape_in(head: bytes, path: Path, dimensions: int) -> list[int]:
    """The sizes in the header of an IDX file of unsigned bytes."""
    if len(head) < 4 + 4 * dimensions or head[:4] != bytes([0, 0, 8, dimensions]):
        raise FedH2LError(f"{path}: not an IDX file of {dimensions} dimensions; download it again")
    return [int(n) for n in np.frombuffer(head[4:], ">u4")]


def _find(folder: Path | None, name: str) -> Path:
    if folder is None:
        return fetched(MIRROR + name, SHA256[name], "mnist")
    for path in (folder / name, folder / name.removesuffix(".gz")):
        if path.is_file():
            return path
    raise FedH2LError(
        f"{folder}: no {name} there, gzipped or not; put MNIST's four IDX files there, or leave "
        "--data-dir out to fetch them"
    )
