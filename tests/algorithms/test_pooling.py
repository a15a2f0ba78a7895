"""The teachers' mean has the same bits whether it is computed for all pupils at once or for one."""

import numpy as np
import pytest

from fedh2l.algorithms.pooling import Pool
from fedh2l.message import Posteriors
from fedh2l.others import Others, Shared
from fedh2l.seedset import SeedSet

NAMES = ("ann", "bob", "cem", "dov", "eve")


def voices(rng: np.random.Generator, rows: int) -> dict[str, Posteriors]:
    return {n: Posteriors(0, rng.dirichlet(np.ones(3), rows).astype(np.float32)) for n in NAMES}


def seeds(rng: np.random.Generator, labels: np.ndarray | None) -> SeedSet:
    """Images of some of the peers, and of one that never speaks; mixtures have two owners."""
    owners = np.array([*NAMES[:4], "zoe"]).repeat(6)
    x = rng.random((30, 1, 4, 4), np.float32)
    return SeedSet(x, ("a", "b", "c"), labels, owners, mixtures=True)


@pytest.mark.parametrize("labelled", [0, 30, 7])
@pytest.mark.parametrize("own", [True, False])
def test_the_mean_of_all_at_once_has_the_bits_of_each_by_itself(labelled: int, own: bool) -> None:
    rng = np.random.default_rng(labelled)
    labels = np.where(rng.permutation(30) < labelled, np.arange(30) % 3, -1)
    seed_set = seeds(rng, labels if labelled else None)
    question = seed_set.question(0)
    sent = voices(rng, len(question.x))
    pool = Pool("label", owner=6.0, top=2, temperature=1.5, own=own)
    for me in NAMES:
        said = voices(rng, len(question.x))[me]  # before a codec rounded it
        for everyone in (sent, {n: m for n, m in sent.items() if n != me}):
            at_once = pool.answer(me, said, Others(Shared(everyone), me), question)
            alone = {n: m for n, m in everyone.items() if n != me}
            by_itself = pool.answer(me, said, alone, question)
            assert at_once is not None and by_itself is not None
            np.testing.assert_array_equal(at_once, by_itself)


def test_an_unlabelled_row_is_taught_by_those_who_agree_with_its_owner() -> None:
    """One liar that is sure of the wrong class outweighs nobody on rows that are not its own."""
    seed_set = SeedSet(np.eye(2, dtype=np.float32), ("a", "b"), owners=np.array(["ann", "bob"]))
    question = seed_set.question(0)
    honest = np.array([[0.9, 0.1], [0.1, 0.9]], np.float32)
    said = {"ann": honest, "bob": 0.5 + (honest - 0.5) / 2, "eve": 1 - honest}
    inbox = {name: Posteriors(0, probs) for name, probs in said.items() if name != "ann"}
    pool = Pool("label", owner=1.0, top=2, temperature=1.0, own=True)
    answer = pool.answer("ann", Posteriors(0, honest), inbox, question)
    assert answer is not None
    # Weights on ann's row: ⟨ann, ann⟩² = 0.82², ⟨bob, ann⟩² = 0.66², ⟨eve, ann⟩² = 0.18².
    weights = np.array([0.82, 0.66, 0.18]) ** 2
    expected = (weights @ [0.9, 0.7, 0.1]) / weights.sum()
    assert answer[0, 0] == pytest.approx(expected, rel=1e-5)
