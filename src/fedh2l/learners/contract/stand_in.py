"""A seed set made of a model's own private rows: for a first look, where there is none yet."""

from typing import Any

import numpy as np

from fedh2l.error import FedH2LError
from fedh2l.learners.own_file import own_learner
from fedh2l.rows import Rows
from fedh2l.seedset import SeedSet

ROWS = 20  # of each class
CLASSES = 64  # that the first seed set has, until the labels are known


def seed_set_like(model: str) -> SeedSet:
    """Some private rows of each class of FILE.py:FUNCTION, labelled.

    The function is first asked with a seed set that has classes and nothing else. Raises
    FedH2LError where it cannot do with that, or where its learner does not show its rows.
    """
    unknown = SeedSet(np.zeros((1, 1), np.float32), tuple(map(str, range(CLASSES))))
    need = "; give --seed-set FILE, or --data with the rows of your sites"
    try:
        learner, _ = own_learner(model, unknown)
    except Exception as error:
        text = " ".join(str(error).split())
        raise FedH2LError(
            f"{model} cannot be made without a seed set ({type(error).__name__}: {text}){need}"
        ) from error
    rows = _private_rows(learner)
    if rows is None:
        raise FedH2LError(f"{model}: a {type(learner).__name__} does not show its rows{need}")

    x, y = rows
    picked = np.sort(np.concatenate([np.flatnonzero(y == c)[:ROWS] for c in np.unique(y)]))
    classes = tuple(map(str, range(max(2, int(y.max()) + 1))))
    # A class without a row leaves all labels out: a seed set has a row of each labelled class.
    labels = y[picked] if len(np.unique(y)) == len(classes) else None
    return SeedSet(x[picked], classes, labels)


def _private_rows(learner: Any) -> Rows | None:
    """All rows of a learner that keeps arrays, the first batch of one with a DataLoader."""
    if hasattr(getattr(learner, "batches", None), "some"):
        return learner.batches.some()
    holder = getattr(learner, "private", learner)
    if hasattr(holder, "x") and hasattr(holder, "y"):
        return np.asarray(holder.x), np.asarray(holder.y)
    return None
