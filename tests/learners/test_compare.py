"""Private rows and seed set are compared before the first round."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from conftest import blobs, seed_set, torch_learner
from fedh2l.data.digits import Digits
from fedh2l.error import FedH2LError
from fedh2l.learners.compare import compare
from fedh2l.learners.sklearn import SklearnLearner
from fedh2l.peer import Peer
from fedh2l.rows import Rows
from fedh2l.seedset import SeedSet

SEEDS = seed_set(60)
X, Y = blobs(120)


def images(rows: int = 60, *, channels: int = 1, side: int = 8) -> np.ndarray:
    return np.random.default_rng(rows).random((rows, channels, side, side), np.float32)


def pictures(**shape: int) -> SeedSet:
    return SeedSet(images(**shape), ("a", "b", "c"))


def test_rows_that_are_alike_raise_no_doubt() -> None:
    assert compare((X, Y), SEEDS) == []
    data = Digits().load(5, 0)
    assert [compare(d.train, data.seed_set) for d in data.domains.values()] == [[]] * 5


def test_fewer_classes_other_shares_and_a_moderate_shift_raise_no_doubt() -> None:
    for rows in ((X[Y == 1], Y[Y == 1]), (X[Y > 0], Y[Y > 0]), (X + 1, Y), (X * 2, Y)):
        assert compare(rows, SEEDS) == []
    noise = np.random.default_rng(0).normal(size=X.shape).astype(np.float32)
    assert compare((noise, Y), SEEDS) == []


@pytest.mark.parametrize("rows", [(X, (Y + 1) % 3), (X[Y < 2], Y[Y < 2] + 1)])
def test_labels_in_another_order_or_from_one_are_doubted(rows: Rows) -> None:
    with pytest.warns(UserWarning, match="paris: private labels contradict the seed set's"):
        Peer("paris", torch_learner(data=rows), SEEDS)
    with pytest.warns(UserWarning, match="do they count from 1, or follow another order"):
        Peer("rome", SklearnLearner(RandomForestClassifier(5), rows, 3), SEEDS)


def test_labels_that_count_from_one_to_the_last_are_refused() -> None:
    with pytest.raises(FedH2LError, match=r"rome: .*they seem to count from 1: subtract 1"):
        Peer("rome", torch_learner(data=(X, Y + 1)), SEEDS)


def test_bytes_against_fractions_are_refused_either_way_round() -> None:
    y, grey = np.arange(60) % 3, images(60)
    whole = (grey * 255).astype(np.uint8)
    with pytest.raises(FedH2LError, match=r"from 0 to 25\d, seed rows .*; divide them by 255"):
        compare((whole, y), pictures())
    with pytest.raises(FedH2LError, match="multiply them by 255"):
        compare((grey, y), SeedSet(whole.astype(np.float32), ("a", "b", "c")))


@pytest.mark.parametrize(
    ("rows", "seeds", "doubt"),
    [
        (images() * 2 - 1, pictures(), "one of them seems to be normalised"),
        (images() * 4095, pictures(), "another scale"),
        (X * np.array([1, 1, 1, 1000, 1, 1]), None, "another scale"),
        (X + np.array([0, 0, 0, 60, 0, 0]), None, "another scale"),
    ],
)
def test_another_scale_is_doubted(rows: np.ndarray, seeds: SeedSet | None, doubt: str) -> None:
    found = compare((rows, np.arange(len(rows)) % 3), seeds or SEEDS.unlabelled())
    assert len(found) == 1
    assert doubt in found[0]


def test_a_feature_in_another_unit_is_named() -> None:
    scale = np.array([100, 1, 1, 1, 1, 1])
    seeds = SeedSet(SEEDS.x * scale, SEEDS.classes)
    rows = X * scale
    rows[:, 1] = rows[:, 1] * 0.01
    assert "feature 1 is about" in compare((rows, Y), seeds)[0]


@pytest.mark.parametrize(
    ("rows", "seeds", "fix"),
    [
        (images(channels=3).transpose(0, 2, 3, 1), pictures(channels=3), "channels come last"),
        (images(), pictures(channels=3), "as many channels"),
        (images(side=6), pictures(), "shape .1, 6, 6., seed rows .1, 8, 8."),
        (images().reshape(60, 64), pictures(), "x.reshape"),
    ],
)
def test_rows_of_another_shape_are_refused(rows: np.ndarray, seeds: SeedSet, fix: str) -> None:
    with pytest.raises(FedH2LError, match=fix):
        compare((rows, np.arange(60) % 3), seeds)


def test_who_flattens_takes_flat_images_and_no_others() -> None:
    y = np.arange(60) % 3
    assert compare((images().reshape(60, 64), y), pictures(), flat=True) == []
    turned = images(channels=3).transpose(0, 2, 3, 1)
    with pytest.raises(FedH2LError, match="channels come last"):
        compare((turned, y), pictures(channels=3), flat=True)


def test_images_with_their_channels_last_have_no_views() -> None:
    with pytest.raises(FedH2LError, match=r"x.transpose\(0, 3, 1, 2\)"):
        SeedSet(images(channels=3).transpose(0, 2, 3, 1), ("a", "b", "c"), view="geometry")
