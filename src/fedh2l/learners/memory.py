"""What a learner that is fitted anew was taught: this round's lesson, and earlier questions."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Shaped

from fedh2l.learner import Lesson


class Taught(NamedTuple):
    """Rows as the model takes them, what they are as distributions, what each weighs, the number
    of the question that each belongs to, and the labels: zeros where a row has none.
    """

    x: Shaped[np.ndarray, "rows features"]
    targets: Float[np.ndarray, "rows classes"]
    weights: Float[np.ndarray, " rows"]
    numbers: Int[np.ndarray, " rows"]
    labels: Float[np.ndarray, "rows classes"]


def remembered(
    before: Taught | None, lesson: Lesson, x: Shaped[np.ndarray, "rows features"], most: int
) -> Taught:
    """A lesson, and before it up to `most` rows of questions that it does not ask again.

    x: the lesson's rows, as the model takes them.
    """
    targets, weights = lesson.merged()
    numbers = np.zeros(len(x), np.int64) if lesson.numbers is None else lesson.numbers
    labels = np.zeros_like(targets) if lesson.labels is None else lesson.labels
    now = Taught(
        x,
        targets.astype(np.float32),
        weights.astype(np.float64),
        numbers,
        labels.astype(np.float32),
    )
    if before is None or not most:
        return now

    kept = np.flatnonzero(~np.isin(before.numbers, now.numbers))[-most:]
    older = Taught(*(array[kept] for array in before))
    # What was answered earlier was said by peers that knew less than now: where a row has a label,
    # that alone is remembered.
    labelled = np.asarray(older.labels.any(1))[:, None]
    older = older._replace(targets=np.where(labelled, older.labels, older.targets))
    return Taught(*(np.concatenate([a, b]) for a, b in zip(older, now, strict=True)))
