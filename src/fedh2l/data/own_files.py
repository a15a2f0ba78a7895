"""Rows from a user's own files: arrays (.npz), a table (.parquet) or a folder of images with a
subfolder per class.
"""

from pathlib import Path

from fedh2l.data.own_rows import OwnRows
from fedh2l.error import FedH2LError


def read_rows(path: Path, *, label: str = "label", side: int = 32, colour: bool = False) -> OwnRows:
    """x as float32 and, where there are any, the labels as the file says them.

    .npz: the arrays `x` and, optionally, `y`. parquet: the column `label`, and every other one a
    number. Images: scaled to side × side, with values in [0, 1].

    Raises FedH2LError, which names the file, where it cannot be read or would not fit into memory.
    """
    if path.is_dir():
        from fedh2l.data.image_folder import read_images

        return read_images(path, side, colour)
    if not path.exists():
        raise FedH2LError(f"{path}: no such file or folder")
    if path.suffix.lower() == ".npz":
        from fedh2l.data.arrays_file import read_arrays

        return read_arrays(path)
    if path.suffix.lower() in (".parquet", ".pq"):
        from fedh2l.data.table_file import read_table

        return read_table(path, label)
    raise FedH2LError(
        f"{path}: neither .npz, .parquet nor a folder of images with a subfolder per class; "
        "write arrays with numpy.savez(x=..., y=...)"
    )
