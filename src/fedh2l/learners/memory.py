"""What a learner that is fitted anew was taught: this round's lesson, and earlier questions."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Shaped

from fedh2l.learner import Lesson


class Taught(NamedTuple):
    """Rows as the model takes them, what they are as distributions, what each weighs, and the
    number of the question that each belongs to.
    """

    x: Shaped[np.ndarray, "rows features"]
    targets: Float[np.ndarray, "rows classes"]
    weights: Float[np.ndarray, " rows"]
    numbers: Int[np.ndarray, " rows"]


def remembered(
    before: Taught | None, lesson: Lesson, x: Shaped[np.ndarray, "rows features"], most: int
) -> Taught:
    """A lesson, and before it up to `most` rows of questions that it does not ask again.

    x: the lesson's rows, as the model takes them.
    """
    targets, weights = lesson.merged()
    numbers = np.zeros(len(x), np.int64) if lesson.numbers is None else lesson.numbers
    now = Taught(x, targets.astype(np.float32), weights.astype(np.float64), numbers)
    if before is None or not most:
        return now
    older = np.flatnonzero(~np.isin(before.numbers, now.numbers))[-most:]
    return Taught(*(np.concatenate([a[older], b]) for a, b in zip(before, now, strict=True)))
