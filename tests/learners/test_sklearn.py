import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from conftest import blobs
from fedh2l.error import FedH2LError
from fedh2l.learner import Lesson
from fedh2l.learners.sklearn import SklearnLearner


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
