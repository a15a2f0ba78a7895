"""Private rows as a learner takes them: checked once, then known to be good."""

import numpy as np
from jaxtyping import Int, Shaped

from fedh2l.error import FedH2LError

# As many of one as of the other, once checked.
Rows = tuple[Shaped[np.ndarray, "_ ..."], Int[np.ndarray, "_"]]


def checked_rows(data: Rows) -> Rows:
    """(x, y): finite features and class indices, as many of one as of the other."""
    x, y = np.asarray(data[0]), np.asarray(data[1])
    if len(x) != len(y) or not len(x):
        raise FedH2LError(
            f"private data: {len(x)} rows and {len(y)} labels; needs one label per row, and a row"
        )
    if y.dtype.kind not in "iu" or y.min() < 0:
        raise FedH2LError(
            f"private data: labels of type {y.dtype} from {y.min()}; use integers from 0, the "
            "index of the class"
        )
    finite = np.isfinite(x.reshape(len(x), -1)).all(1)
    if not finite.all():
        raise FedH2LError(
            f"private data: NaN or infinity in row {int(np.flatnonzero(~finite)[0])}; clean the "
            "data first"
        )
    return x, y.astype(np.int64)


def check_classes(labels: np.ndarray, classes: int) -> None:
    if int(labels.max()) >= classes:
        raise FedH2LError(
            f"private data: label {int(labels.max())}, but the model has {classes} classes; "
            "labels are indices into "
            "the seed set's classes, and the model needs one output for each"
        )
