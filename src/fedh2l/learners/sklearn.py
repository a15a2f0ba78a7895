"""scikit-learn: any classifier with predict_proba and sample weights, a forest for one; refitted
whenever it is taught.
"""

from importlib import import_module
from typing import Any, cast

import numpy as np
from jaxtyping import Float, Shaped
from sklearn.base import clone
from sklearn.utils.validation import has_fit_parameter

from fedh2l.error import FedH2LError
from fedh2l.learner import Lesson, State
from fedh2l.learners.model import Training
from fedh2l.rows import Rows, check_classes, checked_rows

# A class with less of a row's target is left out of that row: fewer rows to fit, no visible
# difference.
LEAST = 0.01


class SklearnLearner:
    """`estimator` refitted on its own rows and on the lesson's, each of these once per class with
    that class's share as weight.

    data: (x, y) arrays, class indices in y; x is flattened. classes: how many classes the
    federation has.
    """

    def __init__(self, estimator: Any, data: Rows, classes: int, *, seed: int = 0) -> None:
        if not hasattr(estimator, "predict_proba") or not has_fit_parameter(
            estimator, "sample_weight"
        ):
            raise FedH2LError(
                f"{type(estimator).__name__} lacks predict_proba or sample weights, and soft "
                "labels need both; "
                "take a forest, boosted trees or logistic regression"
            )
        self.x, self.y = checked_rows(data)
        check_classes(self.y, classes)
        self.rows, self.classes = len(self.x), classes
        self.estimator = cast(Any, clone(estimator))
        if (
            "random_state" in self.estimator.get_params()
            and self.estimator.get_params()["random_state"] is None
        ):
            # A refit after a restart must give the same forest.
            self.estimator.set_params(random_state=seed)
        self.taught: tuple[np.ndarray, np.ndarray, float] | None = None  # rows, soft labels, weight
        self.fitted = False

    def posteriors(self, x: Shaped[np.ndarray, "rows ..."]) -> Float[np.ndarray, "rows classes"]:
        """p(class | x); zero for classes that it was never shown."""
        if not self.fitted:
            self._fit()
        probs = np.zeros((len(x), self.classes), np.float32)
        probs[:, np.asarray(self.estimator.classes_)] = self.estimator.predict_proba(
            x.reshape(len(x), -1)
        )
        return probs

    def learn(self, lesson: Lesson | None, steps: int) -> None:
        """A refit has no steps: however many are asked for, it is one, made when the learner is
        next asked what it believes.
        """
        if lesson is not None:
            targets, weight = lesson.merged()
            self.taught = (lesson.x, targets, weight)
            self.fitted = False

    def state_dict(self) -> State:
        """What it was last taught: with the private rows that is the whole model, without
        unpickling anything.
        """
        if self.taught is None:
            return {}
        return {"x": self.taught[0], "targets": self.taught[1], "weight": np.array(self.taught[2])}

    def load_state_dict(self, state: State) -> None:
        self.taught = (state["x"], state["targets"], float(state["weight"])) if state else None
        self.fitted = False

    def _fit(self) -> None:
        x, y, share = self.x.reshape(self.rows, -1), self.y, np.full(self.rows, 1.0)
        if self.taught is not None:
            seeds, targets, weight = self.taught
            row, label = np.nonzero(targets > LEAST)
            x = np.concatenate([x, seeds.reshape(len(seeds), -1)[row]])
            y = np.concatenate([y, label])
            share = np.concatenate([share, targets[row, label] * (weight * self.rows / len(seeds))])
        self.estimator.fit(x, y, sample_weight=share)
        self.fitted = True


def learner(
    rows: Rows, classes: int, training: Training, *, estimator: str, **settings: Any
) -> SklearnLearner:
    """A learner of a classifier by its place, "package.module:class", made with these settings."""
    module, _, name = estimator.partition(":")
    made = getattr(import_module(module), name)(**settings)
    return SklearnLearner(made, rows, classes, seed=training.seed)
