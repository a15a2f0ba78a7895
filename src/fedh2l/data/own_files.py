"""Rows from a user's own files: arrays (.npz), a table (.parquet) or a folder of images with a
subfolder per class.
"""

import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fedh2l.error import FedH2LError

IMAGES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"}


class Rows(NamedTuple):
    x: np.ndarray  # (rows, ...) float32
    y: np.ndarray | None  # what the file says: numbers or names


def read_rows(path: Path, *, label: str = "label", side: int = 32, colour: bool = False) -> Rows:
    """x and, where there are any, the labels. An image is scaled to side × side with values in [0,
    1].

    .npz: the arrays `x` and, optionally, `y`. parquet: the column `label`, and every other one a
    number.
    """
    if path.is_dir():
        return _images(path, side, colour)
    if not path.exists():
        raise FedH2LError(f"{path}: no such file or folder")
    if path.suffix == ".npz":
        return _arrays(path)
    if path.suffix in (".parquet", ".pq"):
        return _table(path, label)
    raise FedH2LError(
        f"{path}: neither .npz, .parquet nor a folder of images with a subfolder per class"
    )


def _arrays(path: Path) -> Rows:
    try:
        with np.load(path, allow_pickle=False) as file:
            found = {k: file[k] for k in ("x", "y") if k in file}
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise FedH2LError(
            f"{path}: not arrays that can be read without unpickling ({error}); use "
            "numpy.savez(x=..., y=...)"
        ) from error
    if "x" not in found or found["x"].ndim < 2:
        raise FedH2LError(
            f"{path}: no array x of (rows, ...); write it with numpy.savez(x=..., y=...)"
        )
    return Rows(found["x"].astype(np.float32), found.get("y"))


def _table(path: Path, label: str) -> Rows:
    try:
        from pyarrow import parquet  # type: ignore[import-not-found]
    except ImportError as error:
        raise FedH2LError(
            "a .parquet file needs the extra parquet: pip install 'fedh2l[parquet]', or convert "
            "it to .npz"
        ) from error
    try:
        table: Any = parquet.read_table(path)
    except (ValueError, OSError) as error:
        raise FedH2LError(f"{path}: no table that can be read ({error})") from error
    columns: dict[str, Any] = {
        n: c.to_numpy() for n, c in zip(table.column_names, table.columns, strict=True)
    }
    y = columns.pop(label, None)
    for name, column in columns.items():
        if column.dtype.kind not in "biuf":
            raise FedH2LError(
                f"{path}: column {name!r} is not numeric; encode it as numbers, or drop it"
            )
    if not columns:
        raise FedH2LError(f"{path}: no column but {label!r}; every other column is a feature")
    return Rows(np.stack(list(columns.values()), 1).astype(np.float32), y)


def _images(path: Path, side: int, colour: bool) -> Rows:
    from PIL import Image

    files = sorted(
        (f for f in path.glob("*/*") if f.suffix.lower() in IMAGES),
        key=lambda f: (f.parent.name, f.name),
    )
    if not files:
        raise FedH2LError(
            f"{path}: no images there; it needs a subfolder per class with "
            f"{', '.join(sorted(IMAGES))} in it"
        )
    x: list[np.ndarray] = []
    for file in files:
        try:
            with Image.open(file) as image:
                pixels = (
                    np.asarray(
                        image.convert("RGB" if colour else "L").resize((side, side)), np.float32
                    )
                    / 255
                )
        except (OSError, Image.DecompressionBombError) as error:
            raise FedH2LError(f"{file}: not an image that can be read ({error})") from error
        x.append(pixels.transpose(2, 0, 1) if colour else pixels[None])
    return Rows(np.stack(x), np.array([f.parent.name for f in files]))
