"""The models of scikit-learn that are known by name."""

from typing import Any

from sklearn.ensemble import ExtraTreesRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fedh2l.learners.features import Featurise
from fedh2l.learners.model import Training
from fedh2l.learners.sklearn import SklearnLearner
from fedh2l.rows import Rows, kind_of


def forest(
    rows: Rows, classes: int, training: Training, *, trees: int, remember: int
) -> SklearnLearner:
    """Extremely randomised trees (Geurts, Ernst, Wehenkel, 2006) of the classes' shares."""
    # Images come in ever new views, of which each says more. Tables are small and noisy, and a
    # value from another row is no news: there leaves are larger, and nothing is remembered.
    images = kind_of(rows[0]) == "images"
    estimator = ExtraTreesRegressor(
        trees, max_features=0.1 if images else 0.3, min_samples_leaf=2 if images else 3
    )
    featurise, remember = training.features_for_trees(rows), remember if images else 0
    return _learner(estimator, rows, classes, training, featurise, remember)


def logistic(rows: Rows, classes: int, training: Training) -> SklearnLearner:
    """Logistic regression, of this round's questions alone."""
    estimator = LogisticRegression(max_iter=1000)
    return _learner(estimator, rows, classes, training, training.features_of(rows), 0)


def pipeline(rows: Rows, classes: int, training: Training, *, remember: int) -> SklearnLearner:
    """Rows scaled, and the shares of the nearest ones."""
    steps = make_pipeline(StandardScaler(), KNeighborsRegressor(7, weights="distance"))
    return _learner(steps, rows, classes, training, training.features_of(rows), remember)


def _learner(
    estimator: Any,
    rows: Rows,
    classes: int,
    training: Training,
    featurise: Featurise | None,
    remember: int,
) -> SklearnLearner:
    return SklearnLearner(
        estimator,
        rows,
        classes,
        remember=remember,
        augment=training.augment,
        featurise=featurise,
        seed=training.seed,
    )
