"""What a PyTorch learner is asked for besides model and data."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from conftest import blobs
from fedh2l.error import FedH2LError
from fedh2l.learner import Lesson
from fedh2l.learners.torch import TorchLearner
from fedh2l.rows import Rows


def test_a_loss_of_ones_own_and_weights_of_classes_count_for_private_rows() -> None:
    x, y = blobs(30)
    learners = {
        "weights": linear((x, y), loss=[1.0, 1.0, 5.0]),
        "function": linear(
            (x, y), loss=lambda a, b: nn.functional.cross_entropy(a, b, torch.tensor([1.0, 1, 5]))
        ),
        "plain": linear((x, y)),
    }
    said = {}
    for name, learner in learners.items():
        learner.learn(None, 5)
        said[name] = learner.posteriors(x)
    np.testing.assert_array_equal(said["weights"], said["function"])
    assert said["weights"][:, 2].mean() > said["plain"][:, 2].mean() + 0.05
    with pytest.raises(FedH2LError, match="expected a number: the mean"):
        linear((x, y), loss=nn.CrossEntropyLoss(reduction="none")).learn(None, 1)


def test_a_gradient_is_clipped_to_the_norm_that_is_said() -> None:
    learner = linear(blobs(30), clip=0.01)
    before = learner.model.weight.detach().clone()  # type: ignore[union-attr,operator]
    learner.learn(None, 1)
    assert 0 < (learner.model.weight - before).norm() <= 0.1 * 0.01 * 1.001  # type: ignore[operator]


def test_autocast_runs_the_forward_pass_in_bfloat16_and_learns() -> None:
    x, y = blobs(90)
    kinds: list[torch.dtype] = []
    learner = linear((x, y), autocast="bfloat16")
    model: Any = learner.model
    model.register_forward_hook(lambda *given: kinds.append(given[2].dtype))
    learner.learn(None, 60)
    probs = learner.posteriors(x)
    assert set(kinds) == {torch.bfloat16}
    assert probs.dtype == np.float32
    assert (probs.argmax(1) == y).mean() > 0.85


def test_layers_without_gradients_stay_and_the_conflict_rule_knows() -> None:
    first = nn.Linear(6, 8).requires_grad_(False)
    model, before = nn.Sequential(first, nn.Tanh(), nn.Linear(8, 3)), first.weight.clone()
    x, y = blobs(30)
    learner = TorchLearner(model, torch.optim.SGD(model.parameters(), 0.1), (x, y), batch=8)
    learner.learn(Lesson(x, np.eye(3, dtype=np.float32)[y], conflict="both"), 5)
    np.testing.assert_array_equal(before, first.weight)


def linear(rows: Rows, **options: Any) -> TorchLearner:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = nn.Linear(6, 3)
    return TorchLearner(model, torch.optim.SGD(model.parameters(), 0.1), rows, batch=10, **options)
