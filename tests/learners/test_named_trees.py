"""Trees known by name: what they see of images, what they remember, augmented copies."""

import numpy as np
import pytest

from fedh2l.data.digits import digits
from fedh2l.learner import Lesson
from fedh2l.learners import MODELS
from fedh2l.learners.export.formats import export
from fedh2l.learners.image_features import image_features
from fedh2l.learners.memory import remembered
from fedh2l.learners.model import Training
from fedh2l.learners.sklearn import SklearnLearner
from fedh2l.views import geometry

TREES = ("forest", "extra-trees", "lightgbm", "xgboost")


@pytest.mark.parametrize(
    ("shape", "features"),
    [((1, 8, 8), 176), ((1, 28, 28), 1148), ((3, 224, 200), 4131), ((1, 200, 10), 73)],
)
def test_an_image_of_any_size_has_few_features(shape: tuple[int, ...], features: int) -> None:
    flat = image_features(np.full((2, *shape), 0.5, np.float32))
    assert flat.shape == (2, features)
    # A flat image is as bright as it is, and has no edges: where a last block is smaller, too.
    assert set(np.unique(flat.round(6))) == {np.float32(0), np.float32(0.5)}


def test_edges_are_how_much_lighter_the_next_pixel_is() -> None:
    x = np.zeros((1, 1, 2, 2), np.float32)
    x[0, 0] = [[0.1, 0.4], [0.3, 0.9]]
    np.testing.assert_allclose(
        image_features(x)[0], [0.1, 0.4, 0.3, 0.9, 0.3, 0.6, 0.2, 0.5], rtol=1e-6
    )


def test_of_earlier_labelled_rows_the_label_alone_is_remembered() -> None:
    x, answers = np.zeros((2, 3), np.float32), np.full((2, 2), 0.5, np.float32)
    labels = np.array([[1, 0], [0, 0]], np.float32)  # the second row has none
    lesson = Lesson(x, answers, labels, weight=3.0, numbers=np.array([0, 0]))
    now = remembered(None, lesson, x, 10)
    np.testing.assert_allclose(now.targets, [[0.625, 0.375], [0.5, 0.5]])
    later = remembered(now, lesson._replace(numbers=np.array([1, 1])), x, 10)
    np.testing.assert_allclose(
        later.targets, [[1, 0], [0.5, 0.5], [0.625, 0.375], [0.5, 0.5]], rtol=1e-6
    )
    # What is asked again is not remembered twice, and no more than was asked for.
    assert len(remembered(later, lesson._replace(numbers=np.array([1, 1])), x, 1).x) == 3


def test_augmented_copies_weigh_as_much_as_the_rows_alone_and_repeat_themselves() -> None:
    x, y = digits(domains=6, seed=0).domains["rot00"].train
    seeds = digits(domains=6, seed=0).seed_set
    for name in ("forest", "pipeline"):
        one, other = (MODELS[name].build((x, y), 10, training(augmented=True)) for _ in range(2))
        assert isinstance(one, SklearnLearner)
        assert len(one.own) == 7 * len(x)
        np.testing.assert_array_equal(one.posteriors(seeds.x), other.posteriors(seeds.x))


def training(*, augmented: bool) -> Training:
    return Training(
        steps=20, batch=16, rate=1e-2, augment=geometry if augmented else None, seed=3, start=3
    )


@pytest.mark.parametrize("name", TREES)
def test_augmentation_makes_trees_better_on_turned_digits(name: str) -> None:
    data = digits(domains=6, seed=0)
    x, y = data.domains["rot00"].train
    tx, ty = data.domains["rot15"].test
    right = {}
    for augmented in (False, True):
        learner = MODELS[name].build((x, y), 10, training(augmented=augmented))
        for _ in range(6):
            learner.learn(None, 1)
        right[augmented] = (learner.posteriors(tx).argmax(1) == ty).mean()
    assert right[True] > right[False]


@pytest.mark.parametrize(
    ("name", "to"),
    [("forest", "onnx"), ("forest", "skops"), ("lightgbm", "onnx"), ("xgboost", "native")],
)
def test_named_trees_of_images_are_exported(name: str, to: str) -> None:
    data = digits(domains=6, seed=0)
    learner = MODELS[name].build(data.domains["rot00"].train, 10, training(augmented=True))
    labels = np.eye(10, dtype=np.float32)[data.seed_set.labels]
    learner.learn(Lesson(data.seed_set.x, labels=labels, fresh=True), 1)
    exported = export(learner, data.seed_set, to)
    assert exported.apart < 1e-5
    assert exported.shape == (176,)
