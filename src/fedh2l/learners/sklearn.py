"""scikit-learn: any classifier with predict_proba and sample weights, a forest for one; refitted
whenever it is taught.
"""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from fedh2l.error import FedH2LError
from fedh2l.learner import Lesson, State
from fedh2l.learners.compare import compare
from fedh2l.learners.model import Training
from fedh2l.learners.sklearn_estimator import Estimator
from fedh2l.rows import Rows, check_classes, checked_rows, number_of_classes
from fedh2l.seedset import SeedSet

# A class with less of a row's target is left out of that row: fewer rows to fit, no visible
# difference.
LEAST = 0.01


class SklearnLearner:
    """`estimator` refitted on its own rows and on the lesson's, each of these once per class with
    that class's share as weight.

    Parameters
    ----------
    estimator
        A classifier with predict_proba whose fit takes sample weights; also inside a Pipeline,
        grid search, soft voting, stacking or calibration. It is left as it is.
    data
        (x, y): class indices in y; x is flattened to a table. NaN where the estimator takes it.
    classes
        How many classes the federation has.
    seed
        Of every random_state in the estimator that is None.

    Raises FedH2LError, with the fix, for an estimator or data that will not do.
    """

    def __init__(self, estimator: Any, data: Sequence[Any], classes: int, *, seed: int = 0) -> None:
        self.classes = number_of_classes(classes)
        self.estimator = Estimator(estimator, seed)
        self.x, self.y = checked_rows(data, missing=self.estimator.takes_nan)
        check_classes(self.y, self.classes)
        self.rows = len(self.x)
        # Rows, their soft labels, and the weight of each.
        self.taught: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
        # The fitted estimator, None while one class only is known; and the classes it was shown.
        self.fitted: tuple[Any, np.ndarray] | None = None

    def posteriors(self, x: Shaped[np.ndarray, "rows ..."]) -> Float[np.ndarray, "rows classes"]:
        """p(class | x); zero for classes that it was never shown.

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

        probs = np.zeros((len(x), self.classes), np.float32)
        try:
            probs[:, known] = estimator.predict_proba(x.reshape(len(x), -1))
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
            self.taught = (lesson.x, *lesson.merged())
            self.fitted = None

    def state_dict(self) -> State:
        """What it was last taught: with the private rows that is the whole model, without
        unpickling anything.
        """
        if self.taught is None:
            return {}
        x, targets, weights = self.taught
        return {"x": x, "targets": targets, "weights": weights}

    def load_state_dict(self, state: State) -> None:
        self.taught = (state["x"], state["targets"], state["weights"]) if state else None
        self.fitted = None

    def compare(self, seed_set: SeedSet) -> list[str]:
        """What is likely wrong between the private rows and the seed set; see `compare`."""
        return compare((self.x, self.y), seed_set, flat=True)

    def _fit(self) -> tuple[Any, np.ndarray]:
        x, y, share = self.x.reshape(self.rows, -1), self.y, np.full(self.rows, 1.0)
        if self.taught is not None:
            seeds, targets, weights = self.taught
            row, label = np.nonzero(targets > LEAST)
            x = np.concatenate([x, seeds.reshape(len(seeds), -1)[row]])
            y = np.concatenate([y, label])
            per_row = weights[row] * self.rows / len(seeds)
            shares = targets[row, label] * per_row.astype(targets.dtype)
            share = np.concatenate([share, shares])

        known = np.unique(y)
        if len(known) == 1:
            return None, known
        # Some estimators want the classes that there are numbered without a gap.
        if not self.estimator.names_classes:
            y = np.searchsorted(known, y)
        return self.estimator.fit(x, y, share), known


def learner(
    rows: Rows, classes: int, training: Training, *, estimator: str, **settings: Any
) -> SklearnLearner:
    """A learner of a classifier by its place, "package.module:class", made with these settings."""
    module, _, name = estimator.partition(":")
    made = getattr(import_module(module), name)(**settings)
    return SklearnLearner(made, rows, classes, seed=training.seed)
