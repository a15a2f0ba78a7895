"""scikit-learn: any classifier with predict_proba and sample weights, any regressor of several
outputs; refitted whenever it is taught.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from fedh2l.error import FedH2LError
from fedh2l.learner import Lesson, State
from fedh2l.learners.compare import compare
from fedh2l.learners.features import Features, Featurise, PrivateRows
from fedh2l.learners.memory import Taught, remembered
from fedh2l.learners.sklearn_estimator import Estimator
from fedh2l.rows import Rows, number_of_classes
from fedh2l.seedset import SeedSet
from fedh2l.views import View

# A class with less of a row's target is left out of that row: fewer rows to fit, no visible
# difference.
LEAST = 0.01
COPIES, BLOCK = 6, 256  # of augmented private rows: how many, and how many rows at a time


class SklearnLearner:
    """`estimator` refitted on its own rows and on the lesson's: a classifier on each of these once
    per class, with that class's share as weight, a regressor on the shares themselves.

    Parameters
    ----------
    estimator
        A classifier with predict_proba whose fit takes sample weights; also inside a Pipeline,
        grid search, soft voting, stacking or calibration. Or a regressor of several outputs, such
        as ExtraTreesRegressor or KNeighborsRegressor, with or without weights. It is left as it is.
    data
        (x, y): class indices in y; x is flattened to a table. NaN where the estimator takes it.
    classes
        How many classes the federation has.
    remember
        How many rows of earlier questions it is fitted to besides the lesson's, the newest ones:
        where views change, far better for trees, and slower.
    augment
        A function of (rows, generator), such as `fedh2l.views.geometry`: it is fitted to augmented
        copies of the private rows as well, six at most, and not to more than `remember` rows.
    featurise
        From raw rows to this peer's own features of them; applied once.
    seed
        Of the augmentation, and of every random_state in the estimator that is None.

    Raises FedH2LError, with the fix, for an estimator or data that will not do.
    """

    def __init__(
        self,
        estimator: Any,
        data: Sequence[Any],
        classes: int,
        *,
        remember: int = 0,
        augment: View | None = None,
        featurise: Featurise | None = None,
        seed: int = 0,
    ) -> None:
        self.classes, self.remember = number_of_classes(classes), remember
        self.estimator = Estimator(estimator, seed)
        self.features = Features(featurise)
        missing = self.estimator.takes_nan
        rng = np.random.default_rng(seed)
        self.private = PrivateRows(data, self.classes, self.features, None, rng, missing=missing)
        self.x, self.y, self.rows = self.private.x, self.private.y, len(self.private)
        # What every fit begins with; the copies are drawn once, so that a refit repeats itself.
        table = _table(self.private.some(self.rows))
        if augment is not None and self.remember >= self.rows:
            again = PrivateRows(data, self.classes, self.features, augment, rng, missing=missing)
            count = min(COPIES, self.remember // self.rows)
            table = np.concatenate([table, *_copies(again, count)])
        self.own = table
        self.taught: Taught | None = None
        # The fitted estimator, None while one class only is known; and the classes it was shown.
        self.fitted: tuple[Any, np.ndarray] | None = None

    def posteriors(self, x: Shaped[np.ndarray, "rows ..."]) -> Float[np.ndarray, "rows classes"]:
        """p(class | x); zero for classes that a classifier was never shown.

        While one class only is known, nothing can be fitted: it is as likely as Laplace's rule of
        succession says, on every row.
        """
        if self.fitted is None:
            self.fitted = self._fit()
        estimator, known = self.fitted
        if estimator is None:
            probs = np.full((len(x), self.classes), 1 / (self.rows + self.classes), np.float32)
            probs[:, known] = (self.rows + 1) / (self.rows + self.classes)
            return probs

        table = _table(self.features(x))
        probs = np.zeros((len(x), self.classes), np.float32)
        try:
            if self.estimator.is_regressor:
                return _distributions(estimator.predict(table))
            probs[:, known] = estimator.predict_proba(table)
        except (ValueError, TypeError) as error:
            raise FedH2LError(
                f"{self.estimator.name} cannot predict rows of shape {x.shape[1:]}: "
                f"{str(error).strip().splitlines()[0]}"
            ) from error
        return probs

    def learn(self, lesson: Lesson | None, steps: int) -> None:
        """A refit has no steps: however many are asked for, it is one, made when the learner is
        next asked what it believes.
        """
        if lesson is not None:
            rows = _table(self.features.of_lesson(lesson))
            self.taught = remembered(self.taught, lesson, rows, self.remember)
            self.fitted = None

    def state_dict(self) -> State:
        """What it was taught: with the private rows that is the whole model, without unpickling
        anything.
        """
        return {} if self.taught is None else self.taught._asdict()

    def load_state_dict(self, state: State) -> None:
        self.taught = Taught(**state) if state else None
        self.fitted = None

    def private_rows(self) -> Rows:
        """All private rows as they were given; see `Readable`."""
        return self.private.x, self.private.y

    def compare(self, seed_set: SeedSet) -> list[str]:
        """What is likely wrong between the private rows and the seed set; see `compare`."""
        return compare((self.x, self.y), seed_set, flat=True)

    def _fit(self) -> tuple[Any, np.ndarray]:
        x, copies = self.own, len(self.own) // self.rows
        targets = np.tile(np.eye(self.classes, dtype=np.float32)[self.y], (copies, 1))
        weights = np.full(len(x), 1 / copies, np.float32)
        if self.taught is not None:
            # All rows of a lesson together as much as the private ones, times their own weights.
            share = (self.taught.weights * self.rows / len(self.taught.x)).astype(np.float32)
            x = np.concatenate([x, self.taught.x])
            targets = np.concatenate([targets, self.taught.targets])
            weights = np.concatenate([weights, share])

        known = np.flatnonzero((targets > LEAST).any(0))
        if len(known) == 1:
            return None, known
        if self.estimator.is_regressor:
            return self.estimator.fit(x, targets, weights.astype(np.float64)), known
        row, label = np.nonzero(targets > LEAST)
        share = (weights[row] * targets[row, label]).astype(np.float64)
        # Some estimators want the classes that there are numbered without a gap.
        y = label if self.estimator.names_classes else np.searchsorted(known, label)
        return self.estimator.fit(x[row], y, share), known


def _copies(private: PrivateRows, count: int) -> Iterator[Shaped[np.ndarray, "_ features"]]:
    """All private rows so many times more, freshly augmented; those on disk a part at a time."""
    for _ in range(count):
        for start in range(0, len(private), BLOCK):
            pick = np.arange(start, min(start + BLOCK, len(private)))
            yield _table(private.taken(pick))


def _table(rows: Shaped[np.ndarray, "rows ..."]) -> Shaped[np.ndarray, "rows features"]:
    return rows.reshape(len(rows), -1)


def _distributions(shares: Shaped[np.ndarray, "rows classes"]) -> Float[np.ndarray, "rows classes"]:
    """What a regressor says of each class's share, as probabilities."""
    positive = np.maximum(shares, 1e-6)
    return (positive / positive.sum(1, keepdims=True)).astype(np.float32)
