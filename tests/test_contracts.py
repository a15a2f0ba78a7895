"""Every algorithm with every learner, and every codec, over the exchange: the promises that all of
them make.
"""

from dataclasses import FrozenInstanceError, fields
from typing import Any

import numpy as np
import pytest

from conftest import blobs, seed_set
from fedh2l.algorithms import ALGORITHMS
from fedh2l.algorithms.ds_fl import DSFL
from fedh2l.algorithms.fedct import FedCT
from fedh2l.algorithms.fedh2l import FedH2L
from fedh2l.algorithms.one_shot import OneShot
from fedh2l.learner import Lesson
from fedh2l.learners.contract.examine import examine
from fedh2l.loop import Algorithm, run
from fedh2l.peer import Peer
from fedh2l.wire import CODEC, CODECS
from kinds import KINDS, SLOW, learner


def short(kind: Any) -> Algorithm:
    return kind(steps=2)


# Every method of the table, short, and more settings of those that have some.
METHODS: dict[str, Algorithm] = {
    **{name: short(ALGORITHMS[name]) for name in ALGORITHMS},
    "fedh2l-batch": FedH2L(steps=1, exchange="batch", seed_batch=4),
    "fedh2l-protects": FedH2L(steps=2, conflict="both", temperature=3.0, weight=1.0, own=False),
    "fedh2l-original": FedH2L(
        phases="alternating", steps=2, exchange="batch", seed_batch=4, conflict="private", reuse=1
    ),
    "fedh2l-uniform": FedH2L(steps=2, teachers="uniform", reuse=1),
    "fedct": FedCT(steps=2, warmup=1),
    "one-shot": OneShot(steps=2, warmup=1),
    "ds-fl-joint": DSFL(steps=2, phases="joint", aggregation="simple", labels=False),
}


READS_ROWS = ("selective-fd", "fd", "fml", "fccl", "fedproto")
FEW = ("fedh2l", "fedh2l-protects", "seed-only")  # methods for what is slow to build


def suits(method: str, kind: str) -> bool:
    """Whether this learner can take part in this method, and is quick enough for a test of it."""
    averages = getattr(METHODS[method], "one_architecture", False)
    if (averages or method == "fedproto") and not kind.startswith("torch"):
        return False
    # A user's own DataLoader does not show its rows.
    if method in READS_ROWS and kind == "torch-loader":
        return False
    return kind not in SLOW or method in FEW


EVERY = [
    *((method, kind, CODEC) for method in METHODS for kind in KINDS if suits(method, kind)),
    *((m, "torch", c) for m in ("fedh2l", "fedh2l-batch") for c in CODECS if c != CODEC),
]


def peers_of(kind: str) -> list[Peer]:
    validation = blobs(30, seed=50)
    return [Peer(f"p{i}", learner(kind, i), seed_set(), validation=validation) for i in range(3)]


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


@pytest.mark.parametrize("kind", KINDS)
def test_a_learner_keeps_the_contract(kind: str) -> None:
    findings = list(examine(lambda: learner(kind, 0), seed_set(60)))
    assert [f for f in findings if not f.ok] == []
    assert len(findings) >= 12


@pytest.mark.parametrize("kind", KINDS)
def test_a_learner_that_lacks_classes_learns_them_from_its_peers(kind: str) -> None:
    """Of one class, and of two of three: from the first word on."""
    x, y = blobs(90)
    seeds, labels = blobs(60, seed=4)
    soft = np.eye(3, dtype=np.float32)[labels] * 0.85 + np.float32(0.05)
    for known in ([1], [0, 2]):
        own = np.isin(y, known)
        pupil = KINDS[kind]((x[own], y[own]), 0)
        assert pupil.posteriors(seeds).shape == (60, 3)
        for _ in range(4):
            pupil.learn(Lesson(seeds, soft, weight=3.0), 40)
        right = pupil.posteriors(seeds).argmax(1) == labels
        assert right[~np.isin(labels, known)].mean() > 0.6


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
