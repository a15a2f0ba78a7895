"""The parts of a seed set as arrays: taken where their meaning is plain, else refused."""

from typing import Any

import numpy as np
from jaxtyping import Int, Shaped

from fedh2l.error import FedH2LError
from fedh2l.rows import kind_of
from fedh2l.tables import checked_table, checked_texts

UNLABELLED = -1  # the label of a row whose class nobody has said


def feature_rows(x: Any) -> Shaped[np.ndarray, "rows ..."]:
    """A row per example: finite numbers, texts, or a table as a structured array."""
    array = _array("x", x)
    kind = kind_of(array)
    if kind == "table":
        return checked_table(array, "seed set")
    if kind == "text":
        return checked_texts(array, "seed set")
    if array.ndim == 0 or array.dtype.kind not in "fiub":
        raise FedH2LError(
            f"seed set: x is a {type(x).__name__} of {array.dtype}; needs an array of numbers, a "
            "row per example (of a sparse matrix take .toarray()), texts as .astype(str), or a "
            "table as a structured array with a field for each column"
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


def class_indices(
    labels: Any, rows: int, classes: tuple[str, ...]
) -> Int[np.ndarray, " rows"] | None:
    """One index into the classes per row, `UNLABELLED` where nobody has said it; None where that is
    so of every row.

    A column of labels, whole numbers in floating point, and None or NaN for a row without a label
    are plain enough to be taken.
    """
    array = _without_gaps(_array("labels", labels))
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

    odd = np.flatnonzero(array != np.floor(array)) if array.dtype.kind == "f" else []
    if len(odd):
        raise FedH2LError(
            f"seed set: label {array[odd[0]]} in row {odd[0]} is not a whole number; labels are "
            "indices into classes"
        )
    indices = array if array.dtype.kind == "i" else array.astype(np.int64)
    low, high = int(indices.min(initial=0)), int(indices.max(initial=0))
    if low < UNLABELLED or high >= len(classes):
        raise FedH2LError(
            f"seed set: labels in {low}..{high} for {len(classes)} classes; labels are indices "
            f"into classes, from 0 to {len(classes) - 1}, and {UNLABELLED} for a row without one"
        )
    _check_examples(indices, classes)
    return None if (indices == UNLABELLED).all() else indices


def _without_gaps(labels: np.ndarray) -> np.ndarray:
    """None and NaN become `UNLABELLED`; whatever else is no number stays for others to refuse."""
    if labels.dtype.kind == "f":
        return np.where(np.isnan(labels), UNLABELLED, labels)
    if labels.dtype.kind != "O" or labels.ndim != 1:
        return labels
    # NaN is unlike itself.
    filled = [UNLABELLED if label is None or label != label else label for label in labels]
    return np.array(filled)


def _check_examples(indices: np.ndarray, classes: tuple[str, ...]) -> None:
    """Refuse labels that leave a class without any row."""
    labelled = set(indices.tolist())
    absent = [name for i, name in enumerate(classes) if i not in labelled]
    # A class without an example could be neither taught nor weighed by its label.
    if absent and UNLABELLED not in labelled:
        raise FedH2LError(
            f"seed set: class {absent[0]!r} has no rows; add an example of it, drop the class, or "
            "drop the labels"
        )
    if len(classes) == 2 and labelled == {UNLABELLED, 1}:
        raise FedH2LError(
            f"seed set: labels are {UNLABELLED} and 1 for two classes, and {UNLABELLED} means that "
            f"a row has no label; label the rows of {classes[0]!r} with 0"
        )


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


def form(array: np.ndarray) -> list[Any]:
    """Type and shape, whatever the machine's byte order; of a table with the columns' names."""
    dtype = array.dtype.newbyteorder("<")
    return [dtype.descr if dtype.names else dtype.str, list(array.shape)]
