"""A table from a .parquet file: one column of labels, every other column a feature."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from fedh2l.data.own_rows import OwnRows, check_size
from fedh2l.error import FedH2LError, choose

# What pandas calls an index without a name, and what such an index is called after a CSV file.
INDEX = re.compile(r"__index_level_\d+__|Unnamed: 0")


def read_table(path: Path, label: str) -> OwnRows:
    """The column `label`, where there is one, and the features in the file's order."""
    try:
        import pyarrow  # type: ignore[import-not-found]
        from pyarrow import parquet  # type: ignore[import-not-found]
    except ImportError as error:
        raise FedH2LError(
            "a .parquet file needs the extra parquet: pip install 'fedh2l[parquet]', or convert "
            "it to .npz"
        ) from error
    unreadable: tuple[type[Exception], ...] = (pyarrow.ArrowException, ValueError, OSError)
    try:
        with parquet.ParquetFile(path) as file:
            return _rows(file, path, label)
    except FedH2LError:
        raise
    except unreadable as error:
        raise FedH2LError(f"{path}: no table that can be read ({error})") from error


def _rows(file: Any, path: Path, label: str) -> OwnRows:
    names: list[str] = list(file.schema_arrow.names)
    index = _index(file.schema_arrow, names, label)
    features = _features(names, index, path, label)
    rows = int(file.metadata.num_rows)
    check_size(path, (rows, len(features)))

    x = np.empty((rows, len(features)), np.float32)
    for i, name in enumerate(features):
        x[:, i] = _numbers(file, path, name)
    y = _column(file, label) if label in names else None
    notes = (f"{path}: left out the index of pandas, {', '.join(index)}",) if index else ()
    return OwnRows(x, y, tuple(features), notes)


def _features(names: list[str], index: list[str], path: Path, label: str) -> list[str]:
    """Every column but the label and the index."""
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise FedH2LError(f"{path}: two columns are called {twice[0]!r}; rename one")
    # A label's column that was named must be there; the usual one may be missing.
    if label != "label":
        choose(f"column in {path}", label, names)
    features = [name for name in names if name != label and name not in index]
    if not features:
        raise FedH2LError(f"{path}: no column but {label!r}; every other column is a feature")
    return features


def _index(schema: Any, names: list[str], label: str) -> list[str]:
    """The columns that are a table's row names: pandas writes them beside the features."""
    about: dict[str, Any] = json.loads((schema.metadata or {}).get(b"pandas", b"{}"))
    # An index that counts from 0 is no column, but a dictionary.
    said = [n for n in about.get("index_columns", []) if isinstance(n, str)]
    return [n for n in names if n != label and (n in said or INDEX.fullmatch(n))]


def _column(file: Any, name: str) -> np.ndarray:
    column: np.ndarray = file.read([name], use_pandas_metadata=False).column(0).to_numpy()
    return column


def _numbers(file: Any, path: Path, name: str) -> np.ndarray:
    column = _column(file, name)
    if column.dtype.kind not in "biuf":
        raise FedH2LError(
            f"{path}: column {name!r} is not numeric; encode it as numbers, or drop it"
        )
    return column
