"""The parts of a seed set as arrays: taken where their meaning is plain, else refused."""

from typing import Any

import numpy as np
from jaxtyping import Int, Shaped

from fedh2l.error import FedH2LError


def feature_rows(x: Any) -> Shaped[np.ndarray, "rows ..."]:
    """Finite numbers, a row per example."""
    array = _array("x", x)
    if array.ndim == 0 or array.dtype.kind not in "fiub":
        raise FedH2LError(
            f"seed set: x is a {type(x).__name__} of {array.dtype}; needs an array of numbers, a "
            "row per example (of a sparse matrix take .toarray())"
        )
    finite = np.isfinite(array)
    if not finite.all():
        row = int(np.argwhere(~finite)[0, 0])
        raise FedH2LError(f"seed set: NaN or infinity in row {row}; clean the data first")
    return array


def class_names(classes: Any) -> tuple[str, ...]:
    """The names of the classes, each once; whole numbers are names too."""
    if isinstance(classes, str):
        raise FedH2LError(f"seed set: classes is the word {classes!r}; give a list of names")
    names = [str(c) if isinstance(c, str | int | np.integer) else c for c in classes]
    for place, name in enumerate(names):
        if not isinstance(name, str) or not name:
            raise FedH2LError(f"seed set: class {place} is {name!r}; its name must be a word")
        if name in names[:place]:
            raise FedH2LError(
                f"seed set: class {name!r} is there twice; every class needs a name of its own"
            )
    return tuple(names)


def class_indices(labels: Any, rows: int, classes: tuple[str, ...]) -> Int[np.ndarray, " rows"]:
    """One index into the classes per row, and a row for every class.

    A column of labels and whole numbers in floating point are plain enough to be taken.
    """
    array = _array("labels", labels)
    if array.shape == (rows, 1):
        array = array[:, 0]
    if array.shape != (rows,):
        raise FedH2LError(
            f"seed set: labels of shape {array.shape} for {rows} rows; needs one number per row "
            "(of one-hot rows take .argmax(1))"
        )
    if array.dtype.kind not in "fiub":
        raise FedH2LError(
            f"seed set: labels are of type {array.dtype}, such as {array[0]!r}; labels are "
            "indices into classes, for instance [classes.index(word) for word in words]"
        )

    # NaN is not a whole number either.
    odd = np.flatnonzero(array != np.floor(array)) if array.dtype.kind == "f" else []
    if len(odd):
        raise FedH2LError(
            f"seed set: label {array[odd[0]]} in row {odd[0]} is not a whole number; labels are "
            "indices into classes"
        )
    indices = array if array.dtype.kind == "i" else array.astype(np.int64)
    low, high = int(indices.min(initial=0)), int(indices.max(initial=0))
    if low < 0 or high >= len(classes):
        raise FedH2LError(
            f"seed set: labels in {low}..{high} for {len(classes)} classes; labels are indices "
            f"into classes, from 0 to {len(classes) - 1}"
        )
    # A class without an example could be neither taught nor weighed by its label.
    absent = [name for i, name in enumerate(classes) if i not in set(indices.tolist())]
    if absent:
        raise FedH2LError(
            f"seed set: class {absent[0]!r} has no rows; add an example of it, drop the class, or "
            "drop the labels"
        )
    return indices


def owner_names(owners: Any, rows: int) -> Shaped[np.ndarray, " rows"]:
    """The name of one peer per row."""
    array = _array("owners", owners)
    if array.shape != (rows,):
        raise FedH2LError(
            f"seed set: owners of shape {array.shape} for {rows} rows; needs the name of one peer "
            "per row"
        )
    return array


def _array(name: str, value: Any) -> np.ndarray:
    try:
        return np.asarray(value)
    except (ValueError, TypeError, RuntimeError) as error:
        raise FedH2LError(f"seed set: {name} is no array ({error})") from error
