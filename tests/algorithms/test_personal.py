"""The methods in which each peer learns something of its own from the others, each against a round
worked out by hand.
"""

from collections.abc import Callable

import numpy as np
import pytest

from by_hand import CLASSES, Federation, softmax
from fedh2l.algorithms.fccl import FCCL, correlation_loss, correlation_slope
from fedh2l.algorithms.fd import FD
from fedh2l.algorithms.kt_pfl import KTpFL, divergence_slope
from fedh2l.algorithms.one_shot import OneShot
from fedh2l.algorithms.trust import Trust
from fedh2l.error import FedH2LError


def slope_of(f: Callable[[np.ndarray], float], at: np.ndarray) -> np.ndarray:
    """The gradient by central differences."""
    found = np.zeros_like(at)
    for i in np.ndindex(at.shape):
        step = np.zeros_like(at)
        step[i] = 1e-5
        found[i] = (f(at + step) - f(at - step)) / 2e-5
    return found


@pytest.mark.parametrize("labelled", [False, True])
def test_fd_learns_what_the_others_that_know_a_class_believe_of_it(labelled: bool) -> None:
    f = Federation(labelled=labelled, classes={"a": (0, 1), "b": (0, 2)})
    tables: dict[str, np.ndarray] = {}
    for name, learner in f.learners.items():
        probs = softmax(learner.x @ learner.w)
        nothing = np.full(CLASSES, np.nan)
        means = [probs[learner.y == c].mean(0) if c in learner.y else nothing for c in range(3)]
        tables[name] = np.array(means)
    sent = next(iter(f.run(FD(steps=1)))).said["a"]
    assert sent.shape == (CLASSES, CLASSES)  # and not a row for each seed row
    for name, learner in f.learners.items():
        others = np.nanmean([t for n, t in tables.items() if n != name], 0)
        x, y = learner.x, learner.y
        parts = [f.private(name)]
        if labelled:
            x, y = np.concatenate([x, f.x]), np.concatenate([y, f.labels.argmax(1)])
            parts.append((f.x, f.labels, 1.0))
        f.step(name, *parts, (x, others[y], 1.0))
    f.check()


def test_kt_pfl_learns_the_coefficients_of_its_teacher_and_then_from_it() -> None:
    f = Federation()
    method = KTpFL(steps=2, penalty=0.7, coefficient_rate=0.1)
    for _ in f.run(method):
        pass
    for name in "abc":
        f.step(name, f.private(name))
    said = np.stack([softmax(f.x @ f.w[n]) for n in "abc"])
    for i, name in enumerate("abc"):

        def divergence(c: np.ndarray, own: np.ndarray = said[i]) -> float:
            teacher = np.einsum("p,prc->rc", c, said)
            return float((teacher * np.log(teacher / own)).sum(1).mean())

        equal = np.full(3, 1 / 3)
        slope = slope_of(divergence, equal)
        np.testing.assert_allclose(divergence_slope(equal, said, said[i]), slope, atol=1e-4)
        c = np.maximum(equal - 0.1 * slope, 0)
        c = c / c.sum()
        assert c.argmax() == i  # it is nearest to itself
        f.step(name, (f.x, np.einsum("p,prc->rc", c, said), 1.0))
    f.check()


@pytest.mark.parametrize("owners", [False, True])
def test_trust_grows_with_the_likelihood_of_ones_own_labelled_rows(owners: bool) -> None:
    f = Federation(labelled=True, owners=owners)
    said = f.believed()
    y = f.labels.argmax(1)
    for _ in f.run(Trust(steps=1)):
        pass
    for name, rows in zip("abc", ([0, 1], [2, 3], [4, 5]), strict=True):
        own = rows if owners else list(range(6))
        others = [said[n] for n in "abc" if n != name]
        right = np.array([[p[r, y[r]] for r in own] for p in others])
        w = (right / right.sum(0)).mean(1)  # from equal trust, one pass
        target = w[0] * others[0] + w[1] * others[1]
        f.step(name, f.private(name), (f.x, f.labels, 1.0), (f.x, target, 1.0))
    f.check()


def test_trust_comes_to_rest_on_the_neighbour_that_knows_the_rows() -> None:
    f = Federation(labelled=True)
    f.learners["b"].learn = lambda lesson, steps: None  # type: ignore[method-assign]
    f.learners["b"].w = np.linalg.lstsq(f.x, 9 * f.labels, rcond=None)[0]
    for _ in f.run(Trust(steps=1, weight=0.0), rounds=30):
        pass
    memory = {name: float(f.peers[0].memory[f"trust.{name}"]) for name in "bc"}
    assert memory["b"] > 0.9 and sum(memory.values()) == pytest.approx(1)


def test_trust_needs_a_labelled_row() -> None:
    with pytest.raises(FedH2LError, match="a: trust is learnt from labelled seed rows"):
        list(Federation().run(Trust()))


def test_one_shot_speaks_once_and_then_distils_the_mean() -> None:
    f = Federation()
    rounds = list(f.run(OneShot(steps=1, warmup=1, select="all"), rounds=3))
    assert [len(r.sent) for r in rounds] == [0, 3, 0]
    for name in "abc":
        f.step(name, f.private(name))
    mean = np.mean([softmax(f.x @ f.w[n]) for n in "abc"], 0)
    for _ in range(2):
        for name in "abc":
            f.step(name, f.private(name), (f.x, mean, 1.0))
    f.check()


def test_one_shot_takes_those_that_beat_the_commonest_class_or_have_rows_enough() -> None:
    f = Federation()
    x = np.random.default_rng(5).normal(size=(12, 4)).astype(np.float32)
    for p in f.peers:
        believed = x @ f.w[p.name]
        # a is always right, the others never.
        p.validation = x, believed.argmax(1) if p.name == "a" else believed.argmin(1)
    said = f.believed()
    for _ in f.run(OneShot(steps=1, warmup=0)):
        pass
    for name in "abc":
        f.step(name, f.private(name), (f.x, said["a"], 1.0))
    f.check()

    few = Federation()
    for _ in few.run(OneShot(steps=1, warmup=0, select="size", least_rows=10)):
        pass
    for name in "abc":
        few.step(name, few.private(name))  # nobody has ten rows
    few.check()


def test_one_shot_without_validation_rows_is_refused_at_once() -> None:
    with pytest.raises(FedH2LError, match=r"a: has no validation rows.*--select size"):
        list(Federation().run(OneShot(warmup=5), rounds=6))


def test_fccl_takes_a_step_of_the_cross_correlation_in_the_logits() -> None:
    f = Federation()
    for _ in f.run(FCCL(steps=2, warmup=1), rounds=2):
        pass
    for name in "abc":
        f.step(name, f.private(name))
        f.step(name, f.private(name))  # warm-up
    for name, learner in f.learners.items():
        before = softmax(learner.x @ f.w[name])  # intra and inter are one in the first exchange
        f.step(name, f.private(name), (learner.x, before, 2.0))
    logits = {n: np.log(softmax(f.x @ f.w[n])) for n in "abc"}
    mean = np.mean(list(logits.values()), 0)
    for name in "abc":
        slope = slope_of(lambda z: correlation_loss(z, mean, 0.0051), logits[name])
        f.step(name, (f.x, softmax(logits[name] - 6 * slope), 1.0))
    f.check()


def test_the_cross_correlation_is_that_of_the_paper() -> None:
    rng = np.random.default_rng(0)
    z, mean = rng.normal(size=(8, 3)), rng.normal(size=(8, 3))
    m = np.array([[np.corrcoef(z[:, u], mean[:, v])[0, 1] for v in range(3)] for u in range(3)])
    same = np.eye(3, dtype=bool)
    expected = ((1 - m[same]) ** 2).sum() + 0.1 * ((1 + m[~same]) ** 2).sum()
    assert correlation_loss(z, mean, 0.1) == pytest.approx(expected)
    by_hand = slope_of(lambda at: correlation_loss(at, mean, 0.1), z)
    np.testing.assert_allclose(correlation_slope(z, mean, 0.1), by_hand, atol=1e-6)
