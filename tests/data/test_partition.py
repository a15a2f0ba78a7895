"""Rows dealt out unlike: nothing is lost or doubled, and nothing loops or crashes on tiny peers."""

from pathlib import Path

import numpy as np
import pytest

from fedh2l.data.digits import Digits
from fedh2l.data.partition import Skew, partition
from fedh2l.data.skewed_mnist import SkewedMnist
from fedh2l.error import FedH2LError

LABELS = np.arange(1000) % 10
SKEWS: tuple[Skew, ...] = ("dirichlet", "pathological", "quantity")


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("skew", SKEWS)
@pytest.mark.parametrize(("parts", "least"), [(1, 0), (5, 20), (7, 0), (50, 20), (1000, 1)])
def test_every_row_is_in_one_part_and_no_part_too_small(skew: Skew, parts: int, least: int) -> None:
    dealt = partition(LABELS, parts, rng(), skew=skew, alpha=0.05, least=least)
    assert sorted(np.concatenate(dealt.parts)) == list(range(1000))
    assert min(len(part) for part in dealt.parts) >= least
    again = partition(LABELS, parts, rng(), skew=skew, alpha=0.05, least=least)
    assert all(np.array_equal(a, b) for a, b in zip(dealt.parts, again.parts, strict=True))


def test_small_alpha_is_skewed_and_large_is_not() -> None:
    def largest_share(alpha: float) -> float:
        parts = partition(LABELS, 5, rng(), alpha=alpha, least=10).parts
        return max(float(np.bincount(LABELS[p]).max() / len(p)) for p in parts)

    assert largest_share(0.05) > 0.4
    assert largest_share(1e6) < 0.15


def test_pathological_parts_have_so_many_classes_and_each_class_as_many_owners() -> None:
    parts = partition(LABELS, 10, rng(), skew="pathological", classes_each=3).parts
    assert {len(np.unique(LABELS[p])) for p in parts} == {3}
    assert {len(p) for p in parts} <= set(range(98, 103))
    with pytest.raises(FedH2LError, match="classes_each is 11, and there are 10"):
        partition(LABELS, 10, rng(), skew="pathological", classes_each=11)


def test_quantity_differs_and_classes_do_not() -> None:
    parts = partition(LABELS, 4, rng(1), skew="quantity", alpha=1.0).parts
    assert max(map(len, parts)) > 2 * min(map(len, parts))
    largest = max(parts, key=len)
    assert np.bincount(LABELS[largest]).max() / len(largest) < 0.2


def test_what_was_filled_up_is_told() -> None:
    dealt = partition(LABELS, 200, rng(), alpha=0.01, least=2)
    empty = sum(count == 0 for count in dealt.drawn)
    assert empty > 100
    (sentence,) = dealt.notes(2)
    assert f"{empty} of them none" in sentence and "of 200 peers" in sentence
    assert partition(LABELS, 4, rng(), alpha=100.0, least=2).notes(2) == ()
    with pytest.raises(FedH2LError, match="1000 rows are too few for 50 parts of 21"):
        partition(LABELS, 50, rng(), least=21)


def test_ten_thousand_peers_are_dealt_out() -> None:
    """Dirichlet 0.01 over as many rows as MNIST has."""
    labels = rng().integers(0, 10, 60_000)
    dealt = partition(labels, 10_000, rng(), alpha=0.01, least=2)
    assert len(dealt.parts) == 10_000 and min(map(len, dealt.parts)) >= 2
    assert sum(map(len, dealt.parts)) == 60_000
    assert sum(count == 0 for count in dealt.drawn) > 5000


def test_rotation_and_skew_at_once() -> None:
    plain = Digits(skew="pathological", classes_each=3).load(5, 0)
    for domain in plain.domains.values():
        classes = np.unique(np.concatenate([part[1] for part in domain]))
        assert len(classes) <= 4  # three, and one that nobody else has
    assert plain.notes == ()
    tiny = Digits(skew="dirichlet", alpha=0.05, seed_share=0.3).load(40, 0)
    assert "peers had fewer than 10 rows by the draw" in tiny.notes[0]
    assert min(len(d.validation[1]) for d in tiny.domains.values()) >= 1


def test_a_setting_that_the_skew_has_no_use_for_is_refused() -> None:
    for settings, words in (
        ({"alpha": 0.5}, "alpha means nothing without --skew"),
        ({"skew": "pathological", "alpha": 0.5}, "alpha means nothing with --skew pathological"),
        (
            {"skew": "quantity", "classes_each": 3},
            "classes_each means nothing with --skew quantity",
        ),
    ):
        with pytest.raises(FedH2LError, match=words):
            Digits(**settings)  # type: ignore[arg-type]


@pytest.mark.slow
def test_ten_thousand_peers_of_the_real_mnist(mnist: Path) -> None:
    data = SkewedMnist(rows=5, alpha=0.01, data_dir=mnist).load(10_000, 0)
    assert len(data.domains) == 10_000
    for domain in data.domains.values():
        assert all(len(part[1]) >= 1 for part in domain)
    assert "of 10000 peers" in data.notes[0]


def test_mnist_may_be_turned_as_well(mnist: Path) -> None:
    upright = SkewedMnist(data_dir=mnist).load(3, 0)
    turned = SkewedMnist(data_dir=mnist, turn=30.0).load(3, 0)
    first, second, _ = (
        np.array_equal(upright.domains[n].train[0], turned.domains[n].train[0])
        for n in upright.domains
    )
    assert first and not second
