"""Every algorithm with every learner, and every codec, over the exchange: the promises that all of
them make.
"""

from collections.abc import Callable
from dataclasses import FrozenInstanceError, fields
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from conftest import blobs, mlp, seed_set, torch_learner
from fedh2l.algorithms import ALGORITHMS
from fedh2l.algorithms.fedh2l import FedH2L
from fedh2l.learner import Learner
from fedh2l.learners.contract.examine import examine
from fedh2l.learners.sklearn import SklearnLearner
from fedh2l.learners.torch import TorchLearner
from fedh2l.loop import Algorithm, run
from fedh2l.peer import Peer
from fedh2l.wire import CODEC, CODECS


def from_loader(seed: int) -> TorchLearner:
    x, y = blobs(64, seed=seed)
    model = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.sin(torch.arange(p.numel()) + seed).reshape(p.shape))
    return TorchLearner(
        model,
        torch.optim.SGD(model.parameters(), 0.1),
        DataLoader(TensorDataset(torch.tensor(x), torch.tensor(y)), 16),
    )


def float64(seed: int) -> TorchLearner:
    model = mlp(seed=seed).double()
    return TorchLearner(
        model, torch.optim.RMSprop(model.parameters()), blobs(60, seed=seed), batch=8, seed=seed
    )


def short(kind: Any) -> Algorithm:
    return kind(steps=2)


LEARNERS: dict[str, Callable[[int], Learner]] = {
    "torch": torch_learner,
    "torch-batchnorm": lambda seed: torch_learner(seed, batchnorm=True),
    "torch-loader": from_loader,
    "torch-float64": float64,
    "forest": lambda seed: SklearnLearner(
        RandomForestClassifier(10), blobs(60, seed=seed), 3, seed=seed
    ),
    "extra-trees": lambda seed: SklearnLearner(
        ExtraTreesClassifier(10), blobs(60, seed=seed), 3, seed=seed
    ),
    "logistic": lambda seed: SklearnLearner(
        LogisticRegression(), blobs(60, seed=seed), 3, seed=seed
    ),
}
# Every method of the table, short, and more settings of those that have some.
METHODS: dict[str, Algorithm] = {
    **{name: short(ALGORITHMS[name]) for name in ALGORITHMS},
    "fedh2l-batch": FedH2L(steps=1, exchange="batch", seed_batch=4),
    "fedh2l-protects": FedH2L(steps=2, conflict="both", temperature=3.0, weight=1.0, own=False),
    "fedh2l-original": FedH2L(
        phases="alternating", steps=2, exchange="batch", seed_batch=4, conflict="private", reuse=1
    ),
    "fedh2l-uniform": FedH2L(steps=2, teachers="uniform", reuse=1),
}


def averages(method: str) -> bool:
    """Whether a method needs learners with weights."""
    return getattr(METHODS[method], "one_architecture", False)


EVERY = [
    *(
        (method, kind, CODEC)
        for method in METHODS
        for kind in LEARNERS
        if kind.startswith("torch") or not averages(method)
    ),
    *((m, "torch", c) for m in ("fedh2l", "fedh2l-batch") for c in CODECS if c != CODEC),
]


def peers_of(kind: str) -> list[Peer]:
    return [Peer(f"p{i}", LEARNERS[kind](i), seed_set()) for i in range(3)]


def beliefs(peers: list[Peer]) -> np.ndarray:
    return np.stack([p.posteriors(p.seed_set.x) for p in peers])


@pytest.mark.parametrize(("algorithm", "kind", "codec"), EVERY)
def test_it_runs_repeats_and_resumes_to_the_last_bit(algorithm: str, kind: str, codec: str) -> None:
    method, first, second, third = (
        METHODS[algorithm],
        peers_of(kind),
        peers_of(kind),
        peers_of(kind),
    )
    before = beliefs(first)
    rounds = list(run(method, first, rounds=4, codec=codec))
    assert [r.t for r in rounds] == [0, 1, 2, 3]
    assert all(not any(r.refused.values()) and not any(r.missing.values()) for r in rounds)
    assert beliefs(first).shape == before.shape
    for _ in run(method, second, rounds=4, codec=codec):
        pass
    np.testing.assert_array_equal(beliefs(first), beliefs(second))
    if kind == "torch-loader":
        return  # the place in a user's own DataLoader cannot be saved: documented
    for _ in run(method, second := peers_of(kind), rounds=2, codec=codec):
        pass
    for old, new in zip(second, third, strict=True):
        new.load_state_dict({k: v.copy() for k, v in old.state_dict().items()})
    for _ in run(method, third, rounds=4, start=2, codec=codec):
        pass
    np.testing.assert_array_equal(beliefs(first), beliefs(third))


@pytest.mark.parametrize("kind", LEARNERS)
def test_a_learner_keeps_the_contract(kind: str) -> None:
    findings = list(examine(lambda: LEARNERS[kind](0), seed_set(60)))
    assert [f for f in findings if not f.ok] == []
    assert len(findings) >= 12


@pytest.mark.parametrize("algorithm", METHODS)
def test_an_algorithm_is_frozen_hyperparameters(algorithm: str) -> None:
    method = METHODS[algorithm]
    name = fields(method)[0].name  # type: ignore[arg-type]
    with pytest.raises(FrozenInstanceError):
        setattr(method, name, 3)


@pytest.mark.parametrize("algorithm", ["alone", "seed-only", "pooled"])
def test_the_baselines_say_nothing(algorithm: str) -> None:
    assert all(
        not r.sent and not any(r.heard.values())
        for r in run(METHODS[algorithm], peers_of("torch"), rounds=2)
    )
