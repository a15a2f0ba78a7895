"""Averaging weights."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from conftest import blobs, seed_set, torch_learner, torch_peers
from fedh2l.algorithms.fedavg import FedAvg, own_weights
from fedh2l.error import FedH2LError
from fedh2l.learner import Weighted
from fedh2l.learners.sklearn import SklearnLearner
from fedh2l.loop import run
from fedh2l.peer import Peer


def test_fedavg_refuses_a_learner_without_weights() -> None:
    forest = SklearnLearner(RandomForestClassifier(10), blobs(60), 3)
    with pytest.raises(FedH2LError, match="p0: SklearnLearner has no weights to average"):
        list(run(FedAvg(), [Peer("p0", forest, seed_set())], rounds=1))


def test_after_a_round_of_fedavg_all_are_one() -> None:
    peers = torch_peers()
    for r in run(FedAvg(steps=3), peers, rounds=2):
        assert all(isinstance(p.learner, Weighted) for p in peers)
        first, second, _ = (p.posteriors(p.seed_set.x) for p in peers)
        np.testing.assert_array_equal(first, second)
        assert r.sent["a"] > 4 * (6 * 16 + 16 * 3)


def test_fedavg_is_the_mean_weighted_by_rows() -> None:
    peers = [
        Peer("a", torch_learner(0, rows=30), seed_set()),
        Peer("b", torch_learner(1, rows=90), seed_set()),
    ]
    method = FedAvg(steps=1, seed_batch=0)
    said = [method.speak(p, 0) for p in peers]
    expected = {k: 0.25 * said[0].arrays[k] + 0.75 * said[1].arrays[k] for k in said[0].arrays}
    method.listen(peers[0], 0, {"b": said[1]})
    assert isinstance(peers[0].learner, Weighted)
    for k, v in peers[0].learner.weights().items():
        np.testing.assert_allclose(v, expected[k], rtol=1e-5, atol=1e-7)


def test_weights_that_are_not_numbers_never_leave() -> None:
    peers = torch_peers()
    assert isinstance(peers[1].learner, Weighted)
    broken = {k: v * np.nan for k, v in peers[1].learner.weights().items()}
    peers[1].learner.load_weights(broken)
    with pytest.raises(
        FedH2LError, match="b: the loss is nan after 1 steps: training has diverged"
    ):
        list(run(FedAvg(steps=1), peers, rounds=1))
    with pytest.raises(FedH2LError, match="b: NaN or infinity in its weights"):
        own_weights(peers[1], 0)
