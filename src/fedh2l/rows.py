"""Private rows as a learner takes them: checked once, then known to be good."""

from collections.abc import Sequence
from numbers import Integral
from typing import Any, Literal

import numpy as np
from jaxtyping import Int, Shaped

from fedh2l.error import FedH2LError
from fedh2l.stored_rows import RowArray, StoredRows
from fedh2l.tables import checked_table, checked_texts

# As many of one as of the other, once checked.
Rows = tuple[RowArray, Int[np.ndarray, "_"]]
Kind = Literal["vectors", "numbers", "images", "table", "text"]
MOST_CLASSES = 2**31  # a label above is no index, but a number that names something else


def kind_of(x: Shaped[np.ndarray, "..."] | StoredRows) -> Kind:
    """What the rows of an array are: a table where it has a field for each column, texts, vectors
    (rows, values), images (rows, channels, height, width), or numbers of another shape.
    """
    if x.dtype.names:
        return "table"
    if x.dtype.kind == "U":
        return "text"
    if x.ndim == 2:
        return "vectors"
    return "images" if x.ndim == 4 else "numbers"


def checked_rows(data: Sequence[Any], *, missing: bool = False, raw: bool = False) -> Rows:
    """Features and class indices, as many of one as of the other.

    Parameters
    ----------
    data
        x and y: arrays, tensors, data frames or lists. Labels may be integers, whole floats or
        booleans, also as a column (rows, 1) or one-hot.
    missing
        Whether the model takes NaN as a missing value.
    raw
        Whether x may be a table or texts, of which something else makes numbers.

    Raises FedH2LError with the fix for anything else.
    """
    if len(data) != 2:
        raise FedH2LError(
            f"private data: {len(data)} parts, expected (x, y); a third part, such as sample "
            "weights, would be ignored: leave it out"
        )
    # Values that lie on disk were pixels: there is nothing to check.
    stored = isinstance(data[0], StoredRows)
    x, y = data[0] if stored else _array(data[0], "features"), class_indices(data[1])
    if len(x) != len(y) or not len(x):
        raise FedH2LError(
            f"private data: {len(x)} rows and {len(y)} labels; needs one label per row, and a row"
        )
    return x if stored else features(x, missing=missing, raw=raw), y


def features(x: Any, *, missing: bool = False, raw: bool = False) -> Shaped[np.ndarray, "rows ..."]:
    """Rows of numbers, finite but for NaN where it is taken as missing; raw: or of any kind."""
    rows = _array(x, "features")
    kind = kind_of(rows)
    if raw and kind == "table":
        return checked_table(rows, "private data")
    if raw and kind == "text":
        return checked_texts(rows, "private data")
    if rows.dtype.kind not in "biuf":
        raise FedH2LError(f"private data: {_no_numbers(rows)}")

    good = ~np.isinf(rows) if missing else np.isfinite(rows)
    whole = good.reshape(len(rows), -1).all(1)
    if not whole.all():
        raise FedH2LError(
            f"private data: NaN or infinity in row {int(np.flatnonzero(~whole)[0])}; clean the "
            "data first"
        )
    return rows.astype(rows.dtype.newbyteorder("="), copy=False)


def _no_numbers(rows: np.ndarray) -> str:
    kind = kind_of(rows)
    if kind in ("table", "text"):
        what = f"a table of {len(rows.dtype.names or ())} columns" if kind == "table" else "texts"
        return (
            f"{what}, and this model takes numbers; give featurise=, a function that makes them: "
            "fedh2l.learners.table_features.features_of(x) is one"
        )
    return (
        f"features of type {rows.dtype}; use numbers, text as x.astype(str), or a table as a "
        "structured array with a field for each column"
    )


def class_indices(labels: Any) -> Int[np.ndarray, " rows"]:
    """Labels as indices of classes, from what says the same in another form."""
    y = _array(labels, "labels")
    if y.ndim == 2 and y.shape[1] == 1:  # a column of a data frame
        y = y[:, 0]
    elif y.ndim == 2 and _is_one_hot(y):
        y = y.argmax(1)
    if y.ndim != 1:
        raise FedH2LError(
            f"private data: labels of shape {y.shape}; use one index of a class for each row"
        )
    if y.dtype.kind not in "biuf":
        some = ", ".join(repr(str(label)) for label in y[:3])
        raise FedH2LError(
            f"private data: labels of type {y.dtype} ({some} …); use integers from 0, the index "
            "of each label in the seed set's classes: [classes.index(label) for label in labels]"
        )
    return _whole_numbers(y)


def number_of_classes(classes: Any) -> int:
    """A count of classes; their names are refused with the fix."""
    if not isinstance(classes, Integral) or classes < 2:
        raise FedH2LError(
            f"classes is {classes!r}, expected the number of classes: len(seed_set.classes)"
        )
    return int(classes)


def check_classes(labels: np.ndarray, classes: int) -> None:
    """Refuse labels that are no index of a class."""
    largest = int(labels.max())
    if largest < classes:
        return
    from_one = largest == classes and labels.min() >= 1
    hint = "they seem to count from 1: subtract 1; " if from_one else ""
    raise FedH2LError(
        f"private data: label {largest}, but the model has {classes} classes; {hint}labels are "
        "indices into the seed set's classes, and the model needs one output for each"
    )


def _array(values: Any, what: str) -> np.ndarray:
    """Anything that holds an array as one: a tensor on any device, a data frame, nested lists."""
    if hasattr(values, "toarray"):
        raise FedH2LError(
            f"private data: the {what} are a sparse {type(values).__name__}; use .toarray()"
        )
    if np.ma.is_masked(values):
        raise FedH2LError(
            f"private data: some {what} are masked out; fill them in, or leave the rows out"
        )
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        # numpy has no such type
        values = values.float() if str(values.dtype) == "torch.bfloat16" else values

    try:
        array = np.asarray(values)
    except (ValueError, TypeError) as error:
        raise FedH2LError(
            f"private data: the {what} cannot be made an array: {str(error).splitlines()[0]}"
        ) from error
    if not array.ndim:
        raise FedH2LError(
            f"private data: the {what} are a {type(values).__name__}, expected an array with an "
            "entry for each row"
        )
    return array


def _is_one_hot(y: np.ndarray) -> bool:
    if y.dtype.kind not in "biuf" or not y.size:
        return False
    return bool(((y == 0) | (y == 1)).all() and (y.sum(1) == 1).all())


def _whole_numbers(y: np.ndarray) -> Int[np.ndarray, " rows"]:
    bad = ~np.isfinite(y) | (y < 0) | (y >= MOST_CLASSES)
    if y.dtype.kind == "f":
        bad |= y != np.floor(y)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise FedH2LError(
            f"private data: label {y[row]} in row {row}; use integers from 0, the index of the "
            "class"
        )
    return y.astype(np.int64)
