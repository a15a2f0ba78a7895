import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    AdaBoostClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from conftest import blobs
from fedh2l.error import FedH2LError
from fedh2l.learner import Lesson
from fedh2l.learners.sklearn import SklearnLearner
from fedh2l.learners.sklearn_estimator import Estimator


def forest(**settings: object) -> RandomForestClassifier:
    return RandomForestClassifier(20, **settings)  # type: ignore[arg-type]


def test_a_forest_learns_a_class_that_it_never_had_from_posteriors_alone() -> None:
    x, y = blobs(90)
    learner = SklearnLearner(forest(), (x[y != 2], y[y != 2]), 3)
    tx, ty = blobs(60, seed=3)
    assert (learner.posteriors(tx)[:, 2] == 0).all()
    sx, sy = blobs(30, seed=4)
    learner.learn(
        Lesson(sx, np.eye(3, dtype=np.float32)[sy] * 0.8 + np.float32(0.2 / 3), weight=3.0), 10
    )
    assert (learner.posteriors(tx).argmax(1) == ty).mean() > 0.85


def test_soft_labels_are_matched_and_not_only_their_winner() -> None:
    rng = np.random.default_rng(0)
    seeds = rng.normal(size=(400, 2)).astype(np.float32)
    truth = 1 / (1 + np.exp(-2 * seeds[:, 0]))
    targets = np.stack([1 - truth, truth], 1).astype(np.float32)
    learner = SklearnLearner(LogisticRegression(C=100), (seeds[:4], np.array([0, 1, 0, 1])), 2)
    learner.learn(Lesson(seeds, targets, weight=1000.0), 1)
    assert np.abs(learner.posteriors(seeds)[:, 1] - truth).max() < 0.05


def test_a_restored_learner_is_the_same_forest() -> None:
    x, y = blobs(60)
    one, other = (SklearnLearner(forest(), (x, y), 3, seed=5) for _ in range(2))
    one.learn(
        Lesson(blobs(30, seed=4)[0], labels=np.eye(3, dtype=np.float32)[blobs(30, seed=4)[1]]), 1
    )
    other.load_state_dict(one.state_dict())
    test = blobs(50, seed=9)[0]
    np.testing.assert_array_equal(one.posteriors(test), other.posteriors(test))
    other.load_state_dict({})
    fresh = SklearnLearner(forest(), (x, y), 3, seed=5)
    fresh.learn(None, 1)
    np.testing.assert_array_equal(fresh.posteriors(test), other.posteriors(test))


def test_the_users_estimator_is_left_alone() -> None:
    mine = forest()
    SklearnLearner(mine, blobs(30), 3).learn(None, 1)
    assert not hasattr(mine, "classes_")
    assert mine.random_state is None


@pytest.mark.parametrize("estimator", [KNeighborsClassifier(), SVC()])
def test_what_cannot_take_soft_labels_is_refused_with_an_alternative(estimator: object) -> None:
    with pytest.raises(FedH2LError, match="take a forest"):
        SklearnLearner(estimator, blobs(30), 3)


def test_a_label_beyond_the_classes_is_refused() -> None:
    with pytest.raises(FedH2LError, match="label 2, but the model has 2 classes"):
        SklearnLearner(forest(), blobs(30), 2)


SCALED = [("scale", StandardScaler()), ("logistic", LogisticRegression())]


@pytest.mark.parametrize(
    "estimator",
    [
        Pipeline(SCALED),
        make_pipeline(ColumnTransformer([("scale", StandardScaler(), [0, 1, 2])]), GaussianNB()),
        GridSearchCV(Pipeline(SCALED), {"logistic__C": [0.1, 1.0]}, cv=3),
        VotingClassifier([("pipe", Pipeline(SCALED)), ("bayes", GaussianNB())], voting="soft"),
        StackingClassifier([("pipe", Pipeline(SCALED)), ("bayes", GaussianNB())], cv=3),
        CalibratedClassifierCV(Pipeline(SCALED), cv=3),
        CalibratedClassifierCV(forest(), cv=3),
        AdaBoostClassifier(DecisionTreeClassifier(max_depth=2), n_estimators=5),
    ],
    ids=lambda e: type(e).__name__,
)
def test_estimators_made_of_others_learn_a_class_from_weights_alone(estimator: object) -> None:
    x, y = blobs(90)
    learner = SklearnLearner(estimator, (x[y != 2], y[y != 2]), 3)
    sx, sy = blobs(60, seed=4)
    learner.learn(Lesson(sx, np.eye(3, dtype=np.float32)[sy] * 0.94 + np.float32(0.02)), 1)
    tx, ty = blobs(60, seed=3)
    assert (learner.posteriors(tx).argmax(1) == ty).mean() > 0.8


def test_weights_reach_the_classifier_in_a_pipeline() -> None:
    x, y = blobs(60)
    weights = np.where(y == 2, 1e-6, 1.0)
    fitted = Estimator(Pipeline(SCALED), 0).fit(x, y, weights)
    by_hand = Pipeline([(name, clone(step)) for name, step in SCALED])
    by_hand.fit(x, y, logistic__sample_weight=weights)
    np.testing.assert_array_equal(fitted.predict_proba(x), by_hand.predict_proba(x))


@pytest.mark.parametrize(
    "estimator",
    [make_pipeline(StandardScaler(), KNeighborsClassifier()), VotingClassifier(SCALED[1:])],
)
def test_estimators_whose_parts_cannot_take_soft_labels_are_refused(estimator: object) -> None:
    with pytest.raises(FedH2LError, match="lacks predict_proba or sample weights"):
        SklearnLearner(estimator, blobs(30), 3)


@pytest.mark.parametrize(
    "estimator",
    [
        CalibratedClassifierCV(forest(), cv=3),
        make_pipeline(StandardScaler(), forest()),
        forest(random_state=np.random.RandomState(3)),
        GridSearchCV(forest(), {"max_depth": [2, 4]}, cv=KFold(3, shuffle=True)),
    ],
)
def test_a_refit_repeats_itself_wherever_the_randomness_lies(estimator: object) -> None:
    x, y = blobs(60)
    one = SklearnLearner(estimator, (x, y), 3, seed=1)
    first = one.posteriors(x)
    one.load_state_dict({})
    np.testing.assert_array_equal(one.posteriors(x), first)


def test_a_warm_start_learns_from_the_peers_all_the_same() -> None:
    x, y = blobs(90)
    warm, cold = (
        SklearnLearner(forest(warm_start=w), (x[y != 2], y[y != 2]), 3) for w in (True, False)
    )
    for learner in (warm, cold):
        learner.posteriors(x)
        learner.learn(Lesson(x, np.eye(3, dtype=np.float32)[y]), 1)
    np.testing.assert_array_equal(warm.posteriors(x), cold.posteriors(x))


@pytest.mark.parametrize(
    "estimator", [LogisticRegression(), HistGradientBoostingClassifier(max_iter=3), forest()]
)
def test_who_knows_one_class_only_speaks_with_a_doubt_and_learns_the_others(
    estimator: object,
) -> None:
    x, y = blobs(90)
    learner = SklearnLearner(estimator, (x[y == 1], y[y == 1]), 3)
    probs = learner.posteriors(x)
    np.testing.assert_allclose(probs, [[1 / 33, 31 / 33, 1 / 33]] * 90, rtol=1e-6)
    learner.learn(Lesson(x, np.eye(3, dtype=np.float32)[y]), 1)
    assert (learner.posteriors(x).argmax(1) == y).mean() > 0.8


def test_nan_is_missing_to_estimators_that_take_it() -> None:
    x, y = blobs(60)
    x[3, 2] = np.nan
    takes = (
        HistGradientBoostingClassifier(max_iter=3),
        make_pipeline(SimpleImputer(), LogisticRegression()),
    )
    for estimator in takes:
        assert np.isfinite(SklearnLearner(estimator, (x, y), 3).posteriors(x)).all()
    with pytest.raises(FedH2LError, match="NaN or infinity in row 3"):
        SklearnLearner(LogisticRegression(), (x, y), 3)


def test_what_an_estimator_refuses_is_one_line() -> None:
    learner = SklearnLearner(forest(), blobs(60), 3)
    learner.posteriors(blobs(5)[0])
    with pytest.raises(FedH2LError, match=r"cannot predict rows of shape \(4,\)"):
        learner.posteriors(blobs(5, features=4)[0])
