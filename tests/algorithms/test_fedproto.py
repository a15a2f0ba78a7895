"""FedProto: prototypes of classes, against a step worked out by hand."""

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from sklearn.ensemble import RandomForestClassifier
from torch import nn

from by_hand import softmax
from conftest import blobs, seed_set
from fedh2l.algorithms.fedproto import FedProto, mean_prototypes, prototypes_of
from fedh2l.error import FedH2LError
from fedh2l.learners.sklearn import SklearnLearner
from fedh2l.learners.torch import TorchLearner
from fedh2l.loop import run
from fedh2l.message import Prototypes
from fedh2l.peer import Peer
from fedh2l.wire import CODECS
from fedh2l.wire.codec import WireError
from fedh2l.wire.frame import decode, encode
from fedh2l.wire.header import Session
from fedh2l.wire.state import WireState

RATE, WEIGHT, WIDTH = 0.1, 3.0, 4


def linear(seed: int, hidden: int, classes: tuple[int, ...] = (0, 1, 2)) -> TorchLearner:
    """Logits W·V·x, so that the embedding is V·x; full batches, plain gradient descent."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers = [nn.Linear(6, hidden, bias=False), nn.Linear(hidden, 3, bias=False)]
    x, y = blobs(30, seed=seed)
    own = np.isin(y, classes)
    model = nn.Sequential(*layers)
    optimizer = torch.optim.SGD(model.parameters(), RATE)
    return TorchLearner(model, optimizer, (x[own], y[own]), batch=int(own.sum()))


def pooling(hidden: int) -> np.ndarray:
    """(hidden, width): means of neighbours."""
    made = np.zeros((hidden, WIDTH))
    for i in range(WIDTH):
        part = slice(i * hidden // WIDTH, -(-(i + 1) * hidden // WIDTH))
        made[part, i] = 1 / (part.stop - part.start)
    return made


def matrices(learner: TorchLearner) -> tuple[np.ndarray, np.ndarray]:
    weights: Mapping[str, np.ndarray] = learner.weights()
    return weights["0.weight"].astype(float), weights["1.weight"].astype(float)


def test_embeddings_are_pulled_to_the_mean_prototype_of_their_class() -> None:
    """Of unlike networks; one of them has no rows of one class, the other gives its prototype."""
    hidden = {"a": 8, "b": 10}
    learners = {"a": linear(0, 8, (0, 1)), "b": linear(1, 10)}
    seeds = seed_set(labelled=False)
    peers = [Peer(name, learner, seeds) for name, learner in learners.items()]
    before = {name: matrices(learner) for name, learner in learners.items()}
    for r in run(FedProto(steps=1, weight=WEIGHT, width=WIDTH), peers, rounds=1):
        assert r.said["a"].kind == "prototypes"
        assert 4 * 3 * WIDTH <= r.sent["a"] <= 4 * (3 * WIDTH + 3) + 24  # and not its parameters

    sums, counts = np.zeros((3, WIDTH)), np.zeros(3)
    for name, learner in learners.items():
        x, y = learner.private_rows()
        embedded = x @ before[name][0].T @ pooling(hidden[name])
        for c in range(3):
            sums[c] += embedded[y == c].sum(0)
            counts[c] += (y == c).sum()
    means = sums / counts[:, None]
    for name, learner in learners.items():
        x, y = learner.private_rows()
        v, w = before[name]
        pool = pooling(hidden[name])
        e = x @ v.T
        of_logits = (softmax(e @ w.T) - np.eye(3)[y]) / len(x)
        of_e = of_logits @ w + WEIGHT * 2 * (e @ pool - means[y]) @ pool.T / (WIDTH * len(x))
        now_v, now_w = matrices(learner)
        np.testing.assert_allclose(now_w, w - RATE * of_logits.T @ e, atol=1e-4)
        np.testing.assert_allclose(now_v, v - RATE * of_e.T @ x, atol=1e-4)


def test_a_class_that_nobody_has_pulls_nothing() -> None:
    said = [prototypes_of(0, np.ones((2, 3), np.float32) * i, np.array([0, 1]), 3) for i in (1, 3)]
    means, known = mean_prototypes(said)
    assert known.tolist() == [True, True, False]
    np.testing.assert_array_equal(means[:2], 2)


def test_prototypes_come_back_as_such_and_another_width_is_refused() -> None:
    session = Session(CODECS["lattice"], "digest")
    narrow, wide = (
        prototypes_of(2, np.ones((4, width), np.float32), np.arange(4) % 2, 3) for width in (5, 6)
    )
    copy = decode(encode(narrow, session, WireState("b")), narrow, session, "b", WireState("a"))
    assert isinstance(copy, Prototypes) and copy.arrays["means"].shape == (3, 5)
    with pytest.raises(WireError, match="another model"):
        decode(encode(wide, session, WireState("b")), narrow, session, "b", WireState("a"))
    broken = prototypes_of(2, np.full((4, 5), np.nan, np.float32), np.arange(4) % 2, 3)
    with pytest.raises(WireError, match="diverged"):
        decode(encode(broken, session, WireState("b")), narrow, session, "b", WireState("a"))


def test_a_model_without_an_embedding_is_refused() -> None:
    forest = SklearnLearner(RandomForestClassifier(5), blobs(30), 3)
    with pytest.raises(FedH2LError, match="p: a SklearnLearner has no embedding"):
        list(run(FedProto(), [Peer("p", forest, seed_set())], rounds=1))
    with torch.random.fork_rng(devices=[]):
        layers = nn.Sequential(nn.Unflatten(1, (1, 6)), nn.Conv1d(1, 3, 6), nn.Flatten())
    adam = torch.optim.Adam(layers.parameters())
    learner = TorchLearner(layers, adam, blobs(30), batch=10)
    with pytest.raises(FedH2LError, match="no linear layer"):
        list(run(FedProto(), [Peer("p", learner, seed_set())], rounds=1))
