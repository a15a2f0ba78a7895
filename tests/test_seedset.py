from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import blobs, seed_set
from fedh2l.error import FedH2LError
from fedh2l.question import joined
from fedh2l.seedset import SeedSet

OWNERS = np.array(["p", "q"] * 5)


def images(n: int = 10, side: int = 12, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((n, 1, side, side), np.float32)


def labelled_images(**settings: object) -> SeedSet:
    return SeedSet(images(), ("a", "b"), np.arange(10) % 2, **settings)  # type: ignore[arg-type]


@given(st.integers(0, 11), st.integers(0, 5), st.integers(0, 3))
def test_one_byte_of_one_row_changes_the_digest(row: int, column: int, byte: int) -> None:
    seeds = seed_set()
    x = seeds.x.copy()
    x.view(np.uint8)[row, 4 * column + byte] ^= 1
    if np.isfinite(x).all():
        assert replace(seeds, x=x).digest != seeds.digest


def test_everything_that_peers_must_agree_on_is_in_the_digest() -> None:
    seeds = labelled_images()
    assert seeds.labels is not None
    others = [
        seeds.unlabelled(),
        replace(seeds, classes=("b", "a")),
        replace(seeds, labels=1 - seeds.labels),
        replace(seeds, view="shift"),
        replace(seeds, every=2),
        replace(seeds, mixtures=True),
        replace(seeds, x=seeds.x.astype(np.float64)),
        replace(seeds, owners=np.array(["p"] * 10)),
        replace(seeds, x=seeds.x.reshape(10, 1, 6, 24)),
    ]
    assert len({s.digest for s in [seeds, *others]}) == len(others) + 1


def test_the_digest_does_not_depend_on_byte_order_or_memory_layout() -> None:
    seeds = seed_set()
    assert replace(seeds, x=np.asfortranarray(seeds.x)).digest == seeds.digest
    assert replace(seeds, x=seeds.x.astype(">f4")).digest == seeds.digest


def test_the_fingerprint_can_be_read_out() -> None:
    seeds = seed_set()
    assert seeds.fingerprint.replace(" ", "") == seeds.digest[:16]
    assert len(seeds.fingerprint.split()) == 4


@pytest.mark.parametrize("mixtures", [False, True])
def test_two_peers_see_the_same_fresh_view_with_nothing_sent(mixtures: bool) -> None:
    here, there = (labelled_images(view="geometry", mixtures=mixtures) for _ in range(2))
    np.testing.assert_array_equal(here.rows(3), there.rows(3))
    assert (here.rows(3) != here.rows(4)).any()
    assert len(here.rows(3)) == here.asked == (20 if mixtures else 10)


def test_a_view_is_kept_for_as_many_rounds_as_agreed() -> None:
    assert [replace(labelled_images(view="shift"), every=3).view_index(t) for t in range(7)] == [
        0,
        0,
        0,
        1,
        1,
        1,
        2,
    ]
    assert labelled_images().view_index(5) == 0  # no views: for ever the same question


def test_mixtures_are_labelled_by_area() -> None:
    x = np.stack([np.zeros((1, 12, 12), np.float32), np.ones((1, 12, 12), np.float32)])
    seeds = SeedSet(x, ("dark", "light"), np.array([0, 1]), mixtures=True)
    for view in range(4):
        soft = seeds.soft_labels(view)
        assert soft is not None
        # Brightness is the share of "light".
        np.testing.assert_allclose(seeds.rows(view).mean((1, 2, 3)), soft[:, 1], atol=1e-6)
        np.testing.assert_allclose(soft.sum(1), 1, atol=1e-6)
    assert seeds.unlabelled().soft_labels(0) is None


def test_a_batch_is_agreed_too() -> None:
    seeds = seed_set()
    np.testing.assert_array_equal(seeds.batch(2, 5), replace(seeds).batch(2, 5))
    assert len(set(seeds.batch(2, 5))) == 5


def test_a_question_is_all_that_is_known_of_what_a_round_asks() -> None:
    seeds = replace(
        labelled_images(view="shift", mixtures=True, every=2), owners=np.array(["p", "q"] * 5)
    )
    asked = seeds.question(5)
    assert (asked.number, asked.is_batch, asked.rounds_left) == (2, False, 1)
    np.testing.assert_array_equal(asked.x, seeds.rows(2))
    assert asked.mixture.tolist() == [False] * 10 + [True] * 10
    assert asked.owners is not None and asked.owners.tolist() == ["p", "q"] * 10
    # Both parts of a mixture have an owner: the share of the second is that of the other's label.
    owned = asked.owned(["q", "p"])
    assert owned is not None and owned[:, :2].tolist() == [[0, 1], [1, 0]]
    np.testing.assert_allclose(owned.sum(0), 1, rtol=1e-6)
    assert ((owned[:, 10:] > 0) & (owned[:, 10:] < 1)).any()

    batch = seeds.question(5, batch=4)
    picked = seeds.batch(5, 4)
    assert (batch.number, batch.is_batch, batch.rounds_left) == (5, True, None)
    np.testing.assert_array_equal(batch.x, asked.x[picked])
    assert asked.labels is not None and batch.labels is not None
    np.testing.assert_array_equal(batch.labels, asked.labels[picked])


def test_a_question_can_be_asked_again_by_its_number() -> None:
    seeds = labelled_images(view="shift", every=3)
    assert [q.number for q in seeds.recent(7, 2)] == [1, 2]
    assert [q.number for q in labelled_images().recent(7, 2)] == [0]
    np.testing.assert_array_equal(seeds.numbered(1).x, seeds.question(4).x)
    np.testing.assert_array_equal(seeds.numbered(4, batch=3).x, seeds.question(4, batch=3).x)
    both = joined(seeds.recent(7, 2))
    np.testing.assert_array_equal(both.x, np.concatenate([seeds.rows(1), seeds.rows(2)]))


def test_refusals_name_the_fix() -> None:
    x, y = blobs(12)
    names = ("a", "b", "c")
    with pytest.raises(FedH2LError, match="class 'd' has no rows"):
        SeedSet(x, (*names, "d"), y)
    with pytest.raises(FedH2LError, match="indices into classes"):
        SeedSet(x, ("a", "b"), y)
    with pytest.raises(FedH2LError, match="indices into classes"):
        SeedSet(x, names, y - 2)
    with pytest.raises(FedH2LError, match="view 'shift' is not one of vectors; use 'none'"):
        SeedSet(x, names, y, view="shift")
    with pytest.raises(FedH2LError, match="needs a row and two classes"):
        SeedSet(x[:0], names)
    x[3, 0] = np.inf
    with pytest.raises(FedH2LError, match="row 3"):
        SeedSet(x, names)
