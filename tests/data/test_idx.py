"""MNIST's own files: a corrupt one is refused by name, before anything of its size is unpacked."""

import gzip
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from test_data import idx

from fedh2l.data.idx import load_mnist, read_idx
from fedh2l.error import FedH2LError


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "not an IDX file"),
        (b"\0\0\x08\x01" + b"\0\0\0\x05" + b"12345", "not an IDX file of 3 dimensions"),
        (idx(np.zeros((2, 3, 4)))[:-1], "truncated or corrupt"),
        (bytes([0, 0, 8, 3]) + b"\xff" * 12, "truncated or corrupt"),
    ],
)
def test_a_corrupt_file_is_refused_by_name(tmp_path: Path, data: bytes, complaint: str) -> None:
    for name, raw in (("plain", data), ("zipped.gz", gzip.compress(data))):
        (tmp_path / name).write_bytes(raw)
        with pytest.raises(FedH2LError, match=f"{name}.*{complaint}"):
            read_idx(tmp_path / name, 3)
    (tmp_path / "cut.gz").write_bytes(gzip.compress(idx(np.ones((9, 9, 9))))[:-9])
    with pytest.raises(FedH2LError, match="download it again"):
        read_idx(tmp_path / "cut.gz", 3)


def test_no_more_of_a_packed_file_is_unpacked_than_its_header_promises(tmp_path: Path) -> None:
    size = 200_000_000
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(idx(np.ones((2, 3, 4))) + bytes(size), 1))
    (tmp_path / "boast.gz").write_bytes(
        gzip.compress(bytes([0, 0, 8, 1]) + size.to_bytes(4, "big") + bytes(100))
    )
    tracemalloc.start()
    try:
        with pytest.raises(FedH2LError, match="more than 24 values, and its header promises 24"):
            read_idx(tmp_path / "bomb.gz", 3)
        with pytest.raises(FedH2LError, match=f"its header promises {size} values, and "):
            read_idx(tmp_path / "boast.gz", 1)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_missing_files_are_named_with_the_place_to_put_them(tmp_path: Path) -> None:
    with pytest.raises(FedH2LError, match="train-images-idx3-ubyte"):
        load_mnist(tmp_path)
