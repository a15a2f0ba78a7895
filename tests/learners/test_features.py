import numpy as np
import pytest

from conftest import blobs
from fedh2l.error import FedH2LError
from fedh2l.learner import Lesson
from fedh2l.learners import MODELS
from fedh2l.learners.features import Features, PrivateRows
from fedh2l.learners.model import Training
from fedh2l.learners.table_features import table_codes, table_features, text_features
from fedh2l.rows import Rows
from fedh2l.seedset import SeedSet
from kinds import KINDS

COLUMNS = [("age", np.float32), ("sex", "U6"), ("zeros", np.float32)]


def clinic(rows: int = 60, seed: int = 0) -> Rows:
    """A table in which age and sex tell the class; with missing values of both kinds."""
    rng = np.random.default_rng(seed)
    y = np.arange(rows) % 3
    table = np.zeros(rows, COLUMNS)
    table["age"] = 40 + 15 * y + rng.normal(0, 3, rows)
    table["age"][::11] = np.nan
    table["sex"] = np.where(y == 1, "female", "male")
    table["sex"][1::13] = ""
    return table, y


def texts(rows: int = 60) -> Rows:
    y = np.arange(rows) % 3
    words = np.array(["an ash with leaves", "the birch is white", "cedar of Lebanon"])
    return np.array([f"{words[c]} {i}" for i, c in enumerate(y)]), y


def training(seeds: SeedSet) -> Training:
    return Training(steps=100, batch=16, rate=1e-2, augment=None, seed=4, start=1, seed_set=seeds)


IMAGES_ONLY = ("lenet", "wide-cnn", "resnet", "batchnorm-cnn", "vit")


@pytest.mark.parametrize("rows", [clinic(), texts()], ids=["table", "texts"])
@pytest.mark.parametrize("name", MODELS)
def test_every_named_model_learns_a_table_and_texts_or_says_what_it_is_for(
    name: str, rows: Rows
) -> None:
    seeds = SeedSet(rows[0][:12], ("a", "b", "c"), rows[1][:12])
    if name in IMAGES_ONLY:
        with pytest.raises(FedH2LError, match="a network for images"):
            MODELS[name].build(rows, 3, training(seeds))
        return
    learner = MODELS[name].build(rows, 3, training(seeds))
    for _ in range(4):
        learner.learn(Lesson(seeds.x, labels=np.eye(3, dtype=np.float32)[seeds.labels]), 20)
    assert (learner.posteriors(rows[0]).argmax(1) == rows[1]).mean() > 0.8
    assert learner.compare(seeds) == []  # type: ignore[attr-defined]


def test_features_of_a_table_are_scaled_hot_and_marked_where_missing() -> None:
    table, _ = clinic()
    made = table_features(table)(table)
    assert made.shape == (60, 5)  # age, its absence, two sexes, zeros
    assert abs(np.median(made[made[:, 1] == 0, 0])) < 0.1
    np.testing.assert_array_equal(made[:, 1] == 1, np.isnan(table["age"]))
    np.testing.assert_array_equal(made[:, 2:4].sum(1) == 0, table["sex"] == "")
    stranger = table[:1].copy()
    stranger["sex"], stranger["age"] = "other", 1e30
    made = table_features(table)(stranger)
    assert np.isfinite(made).all()
    assert made[0, 2:4].sum() == 0


def test_codes_of_a_table_keep_what_is_missing() -> None:
    table, _ = clinic()
    codes, categories = table_codes(table)
    made = codes(table)
    assert categories == [1]
    np.testing.assert_array_equal(np.isnan(made[:, 1]), table["sex"] == "")
    np.testing.assert_array_equal(made[:, 0], table["age"])


def test_texts_are_told_apart_by_their_words() -> None:
    a, b, c = text_features(np.array(["An ash, an elm!", "an ASH an elm", "birch"]))
    np.testing.assert_array_equal(a, b)
    assert a @ c == 0


def test_features_are_made_once_of_rows_that_come_again_and_forgotten_beyond_a_bound() -> None:
    asked: list[int] = []

    def doubled(x: np.ndarray) -> np.ndarray:
        asked.append(len(x))
        return 2 * x

    features = Features(doubled, most=2 * 10 * 6 * 4)
    questions = [blobs(10, seed=i)[0] for i in range(3)]
    for x in (questions[0], questions[1], questions[0], questions[2], questions[0]):
        np.testing.assert_array_equal(features(x), 2 * x)
    assert asked == [10, 10, 10]
    features(questions[1])
    assert len(asked) == 4
    # Two questions in one lesson are those that were asked one by one.
    both = Lesson(np.concatenate(questions[:2]), numbers=np.repeat([4, 5], 10))
    np.testing.assert_array_equal(features.of_lesson(both), 2 * both.x)
    assert len(asked) == 4


def test_what_featurise_may_not_give_is_refused() -> None:
    with pytest.raises(FedH2LError, match=r"featurise gives \(3,\) for 60 rows"):
        PrivateRows(blobs(60), 3, Features(lambda x: np.zeros(3)), None, np.random.default_rng())
    with pytest.raises(FedH2LError, match="NaN or infinity in row 0"):
        PrivateRows(
            clinic(), 3, Features(table_codes(clinic()[0])[0]), None, np.random.default_rng()
        )


@pytest.mark.parametrize("kind", ["torch", "extra-trees", "lightgbm", "jax", "keras"])
def test_every_learner_takes_features_of_its_own(kind: str) -> None:
    """Rows as texts, of which the peer makes the numbers that the others have."""
    x, y = blobs(60)
    plain = KINDS[kind]((x, y), 0)
    own = KINDS[kind]((as_texts(x), y), 0, featurise=as_numbers)
    lesson = Lesson(blobs(20, seed=3)[0], np.full((20, 3), 1 / 3, np.float32))
    plain.learn(lesson, 5)
    own.learn(lesson._replace(x=as_texts(lesson.x)), 5)
    np.testing.assert_array_equal(own.posteriors(as_texts(x)), plain.posteriors(x))


def as_texts(x: np.ndarray) -> np.ndarray:
    return np.array([row.tobytes().hex() for row in np.ascontiguousarray(x)])


def as_numbers(x: np.ndarray) -> np.ndarray:
    return np.stack([np.frombuffer(bytes.fromhex(str(row)), np.float32) for row in x])
