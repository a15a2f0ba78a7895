"""Seed rows of which some have a label and others have none."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch.nn.functional import cross_entropy

from conftest import blobs, seed_set, torch_learner, torch_peers
from fedh2l.algorithms.baselines import SeedOnly, labelled_lesson
from fedh2l.algorithms.fedh2l import FedH2L
from fedh2l.data.digits import Digits
from fedh2l.data.seedset_about import balance
from fedh2l.data.seedset_file import load_seed_set, save_seed_set
from fedh2l.error import FedH2LError
from fedh2l.learner import Lesson
from fedh2l.learners.batches import seed_picks
from fedh2l.learners.compare import compare
from fedh2l.learners.sklearn import SklearnLearner
from fedh2l.learners.torch_step import SeedBatch, seed_loss
from fedh2l.loop import run
from fedh2l.seed_rows import UNLABELLED
from fedh2l.seedset import SeedSet
from fedh2l.teachers import label_weights, uniform_weights

HALF = np.array([0, 1, 2, -1, 0, -1, -1, 2, -1, 0, -1, -1])


def partly(**settings: object) -> SeedSet:
    return replace(seed_set(), labels=HALF, **settings)  # type: ignore[arg-type]


def pictures() -> SeedSet:
    x = np.random.default_rng(0).random((6, 1, 12, 12), np.float32)
    return SeedSet(x, ("a", "b"), np.array([0, 1, -1, -1, 0, 1]), view="shift", mixtures=True)


def test_labels_are_known_where_they_were_given() -> None:
    seeds = partly()
    assert seeds.labelled.tolist() == (HALF >= 0).tolist()
    soft = seeds.soft_labels(0)
    assert soft is not None
    assert soft.argmax(1)[HALF >= 0].tolist() == HALF[HALF >= 0].tolist()
    assert soft.sum(1).tolist() == (HALF >= 0).tolist()
    assert not seeds.unlabelled().labelled.any()


def test_a_label_more_is_another_seed_set() -> None:
    one_more = HALF.copy()
    one_more[3] = 0
    seeds = partly()
    digests = {seeds.digest, replace(seeds, labels=one_more).digest, seeds.unlabelled().digest}
    assert len(digests) == 3


def test_a_mixture_is_labelled_where_both_of_its_examples_are() -> None:
    seeds = pictures()
    kinds: set[bool] = set()
    for view in range(6):
        soft = seeds.soft_labels(view)
        assert soft is not None
        of_examples, of_mixtures = soft[:6].sum(1), soft[6:].sum(1)
        assert of_examples.tolist() == [1, 1, 0, 0, 1, 1]
        assert of_mixtures[2:4].tolist() == [0, 0]
        assert set(of_mixtures.round(5).tolist()) <= {0, 1}
        kinds |= set((of_mixtures[[0, 1, 4, 5]] > 0).tolist())
    assert kinds == {True, False}


def test_seed_only_learns_from_the_labelled_rows_alone() -> None:
    lesson = labelled_lesson(pictures(), 4, reuse=2, batch=5)
    assert lesson is not None and lesson.labels is not None and lesson.numbers is not None
    assert lesson.labels.any(1).all()
    assert set(lesson.numbers.tolist()) == {3, 4} and lesson.fresh
    assert len(lesson.numbers) == len(lesson.x) >= 8
    static = labelled_lesson(partly(), 4, reuse=2, batch=5)
    assert static is not None and not static.fresh and len(static.x) == (HALF >= 0).sum()


def test_a_row_weighs_what_is_known_of_it() -> None:
    labels = np.array([[1, 0], [0, 0], [0, 1], [0, 0]], np.float32)
    targets = np.full((4, 2), 0.5, np.float32)
    x = np.zeros((4, 1))
    merged, weights = Lesson(x, targets, labels, weight=3.0).merged()
    assert weights.tolist() == [4, 3, 4, 3]
    np.testing.assert_allclose(merged, [[0.625, 0.375], [0.5, 0.5], [0.375, 0.625], [0.5, 0.5]])
    assert Lesson(x, labels=labels).merged()[1].tolist() == [1, 0, 1, 0]
    assert Lesson(x, targets, weight=3.0).merged()[1].tolist() == [3] * 4


def test_the_label_loss_is_a_mean_over_the_labelled_rows() -> None:
    logits = torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    labels = torch.eye(3, dtype=torch.float64)[[0, 1, 2, 0, 1]]
    labels[3:] = 0
    loss = seed_loss(logits, SeedBatch(labels, None, labels, 3), 3.0, 1.0)
    torch.testing.assert_close(loss, cross_entropy(logits[:3], torch.tensor([0, 1, 2])))
    nothing = torch.zeros_like(labels)
    assert seed_loss(logits, SeedBatch(nothing, None, nothing, 0), 3.0, 1.0) == 0


def test_a_quarter_of_every_batch_is_labelled_where_few_rows_are() -> None:
    labels = np.zeros((200, 3), np.float32)
    labels[:11, 0] = 1
    lesson = Lesson(np.zeros((200, 1)), np.full((200, 3), 1 / 3, np.float32), labels, batch=32)
    picks = [next(batches) for batches in [seed_picks(lesson, np.random.default_rng(0))] * 60]
    assert {int((pick < 11).sum()) for pick in picks} == {8}
    counts = np.bincount(np.concatenate(picks), minlength=200)
    assert counts[:11].min() > 30 and counts[11:].min() > 2

    one = seed_picks(lesson._replace(batch=1), np.random.default_rng(0))
    assert sorted(int(next(one)[0]) for _ in range(200)) == list(range(200))

    whole = lesson._replace(labels=None)
    (epoch, _) = (next(batches) for batches in [seed_picks(whole, np.random.default_rng(0))] * 2)
    np.testing.assert_array_equal(epoch, np.random.default_rng(0).permutation(200)[:32])


def test_without_a_label_those_are_believed_who_know_the_owners_labelled_rows() -> None:
    probs = np.array([[[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]], [[0.3, 0.7], [0.9, 0.1], [0.6, 0.4]]])
    labels = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 0.0]])
    owned = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    # The last row is of the first peer, who knows its labelled row with 0.9, the other with 0.3.
    weights = label_weights(probs, labels, owned, 6.0)
    np.testing.assert_allclose(weights[:, 2], [6 * 0.81, 0.09], rtol=1e-6)
    np.testing.assert_allclose(weights[:, 0], [6 * 0.81, 0.09], rtol=1e-6)
    # Of a stranger: as all labelled rows are known.
    owned[0, 2] = 0.0
    both = [(0.81 + 0.04) / 2, (0.09 + 0.81) / 2]
    np.testing.assert_allclose(label_weights(probs, labels, owned, 6.0)[:, 2], both, rtol=1e-6)
    np.testing.assert_allclose(label_weights(probs, labels, None)[:, 2], both, rtol=1e-6)
    nothing = np.zeros_like(labels)
    np.testing.assert_array_equal(label_weights(probs, nothing, None, 6.0), uniform_weights(probs))
    # No label at all: who agrees with the row's owner; the last row's is unknown.
    agreed = [[6 * 0.82**2, 0.26**2, 1], [0.34**2, 6 * 0.82**2, 1]]
    np.testing.assert_allclose(label_weights(probs, nothing, owned, 6.0), agreed, rtol=1e-6)


def test_unlabelled_rows_teach_a_class_that_few_labels_show() -> None:
    """Peers without class 2, three labelled seed rows, and sixty rows without a label."""
    x, y = blobs(63, seed=99)
    seeds = SeedSet(x, ("a", "b", "c"), np.where(np.arange(63) < 3, y, UNLABELLED))
    test = blobs(300, seed=7)
    reached: dict[str, float] = {}
    for name, method in (("seed-only", SeedOnly()), ("fedh2l", FedH2L())):
        peers = torch_peers("ab")
        for i, peer in enumerate(peers):
            peer.seed_set = seeds
            px, py = blobs(90, seed=20 + i)
            mine = py != 2 if i == 0 else py != 0
            peer.learner = torch_learner(i, data=(px[mine], py[mine]))
        for _ in run(method, peers, rounds=15):
            pass
        hits = [(p.posteriors(test[0]).argmax(1) == test[1]).mean() for p in peers]
        reached[name] = float(np.mean(hits))
    assert reached["fedh2l"] > reached["seed-only"]


def test_a_refitted_model_takes_each_row_by_its_weight() -> None:
    x, y = blobs(30)
    learner = SklearnLearner(LogisticRegression(), (x, y), 3)
    targets = np.eye(3, dtype=np.float32)[[2] * 12]
    labels = np.eye(3, dtype=np.float32)[np.maximum(HALF, 0)] * (HALF >= 0)[:, None]
    learner.learn(Lesson(seed_set().x, targets, labels.astype(np.float32), weight=2.0), 1)
    assert learner.state_dict()["weights"].tolist() == np.where(HALF >= 0, 3, 2).tolist()


def test_a_partly_labelled_seed_set_is_a_file(tmp_path: Path) -> None:
    save_seed_set(partly(), tmp_path / "s")
    again = load_seed_set(tmp_path / "s")
    assert again.digest == partly().digest
    assert again.labels is not None and again.labels.tolist() == HALF.tolist()
    assert balance(again) == {"a": 3, "b": 1, "c": 2}


def test_rows_are_compared_with_the_labelled_seed_rows() -> None:
    x, y = blobs(120)
    known = np.arange(60) < 30
    seeds = replace(seed_set(60), labels=np.where(known, blobs(60, seed=99)[1], UNLABELLED))
    assert compare((x, y), seeds) == []
    (doubt,) = compare((x, (y + 1) % 3), seeds)
    assert "contradict" in doubt


def test_a_data_set_keeps_as_many_labels_as_asked_dealt_out_evenly() -> None:
    data = Digits(seed_share=0.2, seed_labels=52).load(5, 0)
    whole = Digits(seed_share=0.2).load(5, 0).seed_set
    seeds = data.seed_set
    assert seeds.labels is not None and whole.labels is not None and seeds.owners is not None
    np.testing.assert_array_equal(seeds.x, whole.x)
    np.testing.assert_array_equal(seeds.labels[seeds.labelled], whole.labels[seeds.labelled])
    names, counts = np.unique(seeds.owners[seeds.labelled], return_counts=True)
    assert sorted(counts) == [10, 10, 10, 11, 11] and len(names) == 5
    assert (np.bincount(seeds.labels[seeds.labelled]) >= 5).all()
    private = sum(len(d.train[1]) for d in data.domains.values())
    assert len(data.pooled(labelled=True)[1]) == private + 52
    with pytest.raises(FedH2LError, match="600 seed labels are 120 for rot00"):
        Digits(seed_share=0.2, seed_labels=600).load(5, 0)
