"""Of private rows nothing but clipped gradients in noise reaches a model with a budget, each step
is in the ledger before it is taken, and nothing of the noise can be had again.
"""

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from budgets import ROWS, lesson, plain, private, training, vector
from conftest import blobs
from fedh2l.learner import Conflict
from fedh2l.learners import torch_private
from fedh2l.learners.networks import NETWORKS
from fedh2l.learners.networks import learner as named
from fedh2l.learners.privacy import GAIN
from fedh2l.learners.torch import TorchLearner
from fedh2l.learners.torch_per_row import clipped_sum
from fedh2l.rows import Rows

RULES: list[Conflict] = ["none", "private", "seed", "both"]


# --- the gradient


def by_hand(learner: TorchLearner, rows: Rows, clip: float) -> torch.Tensor:
    """Each row's own gradient from a pass of its own, none longer than `clip`."""
    parameters, total = list(learner.model.parameters()), torch.zeros(())
    for x, y in zip(*rows, strict=True):
        loss = cross_entropy(learner.model(torch.from_numpy(x[None])), torch.tensor([y]))
        g = torch.cat([part.flatten() for part in torch.autograd.grad(loss, parameters)])
        total = total + g * min(1.0, clip / float(g.norm()))
    return total


@pytest.mark.parametrize("name", sorted(NETWORKS))
@pytest.mark.parametrize("clip", [0.01, 1e6])
def test_the_sum_is_that_of_each_rows_own_gradient(name: str, clip: float) -> None:
    rng = np.random.default_rng(0)
    rows = rng.random((7, 1, 8, 8), dtype=np.float32), np.arange(7) % 3
    learner = named(rows, 3, training(), network=name)
    learner.model.train()
    got = clipped_sum(learner, private(learner).private, np.arange(7), clip, rng)
    expected = by_hand(learner, rows, clip)
    assert (got - expected).norm() < 1e-3 * expected.norm()  # Opacus adds 1e-6 to a norm


def test_with_a_tiny_clip_the_private_rows_hardly_move_the_model() -> None:
    before = vector(private())
    tiny, open_ = private(clip=1e-6), plain()
    tiny.learn(None, 10)
    open_.learn(None, 10)
    assert 0 < np.abs(vector(tiny) - before).max() < 1e-5
    assert np.abs(vector(open_) - before).max() > 1e-2


def test_what_is_learnt_from_a_lesson_is_not_noised_and_not_clipped() -> None:
    taught, public = private(clip=1e-9), plain()
    taught.learn(lesson(), 10)
    public.learn(lesson(private=1e-9), 10)
    np.testing.assert_allclose(vector(taught), vector(public), atol=1e-6)


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_sees_the_private_gradient_in_its_noise_only(
    rule: Conflict, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []
    clean: list[torch.Tensor] = []

    def remember(private: torch.Tensor, seed: torch.Tensor, *_: Any) -> torch.Tensor:
        seen.append((private, seed))
        return private + seed

    def summed(*arguments: Any) -> torch.Tensor:
        clean.append(clipped_sum(*arguments))
        return clean[-1].clone()

    monkeypatch.setattr("fedh2l.learners.torch_step.reconcile", remember)
    monkeypatch.setattr(torch_private, "clipped_sum", summed)
    learner = private(epsilon=1.0)
    learner.learn(lesson(conflict=rule, watch=True), 10)

    expected = learner.sampling * ROWS
    noise = torch.cat([s[0] - GAIN * c / expected for s, c in zip(seen, clean, strict=True)])
    assert noise.std() == pytest.approx(GAIN * learner.noise * learner.clip / expected, rel=0.15)
    assert noise.mean().abs() < 0.2 * noise.std()


def test_rows_are_drawn_one_by_one_and_the_divisor_is_the_number_expected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn: list[np.ndarray] = []

    def summed(_: Any, __: Any, pick: np.ndarray, *___: Any) -> torch.Tensor:
        drawn.append(pick)
        return torch.ones(6 * 8 + 8 + 8 * 3 + 3)

    monkeypatch.setattr(torch_private, "clipped_sum", summed)
    learner = private(steps=400, clip=1e-12, sampling=0.2)
    before = vector(learner)
    learner.learn(None, 400)
    sizes = np.array([len(pick) for pick in drawn])
    # Binomial(60, .2): mean 12, standard deviation 3.1.
    assert abs(sizes.mean() - 12) < 0.8
    assert abs(sizes.std() - 3.1) < 0.5
    counts = np.bincount(np.concatenate(drawn), minlength=ROWS)
    assert counts.min() > 40
    # Every parameter moved by rate · GAIN/12 a step, however many rows were drawn.
    np.testing.assert_allclose(before - vector(learner), 400 * 0.1 * GAIN / 12, rtol=1e-3)


def test_a_row_whose_gradient_is_not_finite_is_left_out() -> None:
    x, y = blobs(10)
    x[3] = 3e38  # finite, and its logits are not
    learner = plain((x, y))
    learner.model.train()
    rows, rng = private(learner).private, np.random.default_rng(0)
    got = clipped_sum(learner, rows, np.arange(10), 1.0, rng)
    others = np.array([0, 1, 2, 4, 5, 6, 7, 8, 9])
    torch.testing.assert_close(got, clipped_sum(learner, rows, others, 1.0, rng))
    assert clipped_sum(learner, rows, np.array([3]), 1.0, rng).norm() == 0


def test_weights_of_classes_count_row_by_row() -> None:
    rows = blobs(12)
    learner = plain(rows, loss=[1.0, 1.0, 5.0])
    learner.model.train()
    within, rng = private(learner).private, np.random.default_rng(0)
    total = sum(
        weight * by_hand(learner, (rows[0][rows[1] == c], rows[1][rows[1] == c]), 1e6)
        for c, weight in enumerate((1.0, 1.0, 5.0))
    )
    torch.testing.assert_close(clipped_sum(learner, within, np.arange(12), 1e6, rng), total)


# --- randomness


def test_two_learners_of_one_seed_differ_and_differ_again_when_restored() -> None:
    learners = [private(plain(seed=5)) for _ in range(2)]
    saved = dict(learners[0].state_dict())
    for learner in learners:
        learner.learn(lesson(), 5)
    once, other = map(vector, learners)
    assert np.abs(once - other).max() > 1e-3

    learners[0].load_state_dict(saved)
    learners[0].learn(lesson(), 5)
    assert np.abs(vector(learners[0]) - once).max() > 1e-3
    # A control: without a budget both are the same, to the last bit.
    open_ = plain(seed=5)
    before = dict(open_.state_dict())
    open_.learn(lesson(), 5)
    first = vector(open_)
    open_.load_state_dict(before)
    open_.learn(lesson(), 5)
    np.testing.assert_array_equal(vector(open_), first)


def test_nothing_random_of_private_steps_is_in_the_state() -> None:
    states = []
    for _ in range(2):
        learner = private(plain(seed=5))
        learner.learn(None, 3)
        states.append(learner.state_dict())
    # What is public is the same in both: the places in the generators of seed rows and dropout.
    for name in ("order", "torch", torch_private.TAKEN):
        np.testing.assert_array_equal(states[0][name], states[1][name])
    assert (
        states[0].keys() == states[1].keys() == plain().state_dict().keys() | {torch_private.TAKEN}
    )
