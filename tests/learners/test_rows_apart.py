"""Learners in which a private row has no gradient of its own are refused, with the fix."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader

from budgets import plain, private
from conftest import blobs, torch_learner
from fedh2l.error import FedH2LError
from fedh2l.learners.privacy import Privacy
from fedh2l.learners.torch import TorchLearner
from fedh2l.record.ledger import Ledger
from fedh2l.rows import Rows

# --- what is refused


def with_batchnorm() -> TorchLearner:
    return torch_learner(batchnorm=True)


def of_a_loader() -> TorchLearner:
    rows: Any = list(zip(*blobs(60), strict=True))
    loader = DataLoader(rows, batch_size=10)
    model = nn.Linear(6, 3)
    return TorchLearner(model, torch.optim.SGD(model.parameters(), 0.1), loader)


def asleep() -> TorchLearner:
    learner = plain()
    learner.frozen.append(learner.model[2])  # type: ignore[index]
    return learner


class Mixing(nn.Module):
    """Rows that depend on one another, outside of every layer."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x - x.mean(0))


class Remembering(nn.Linear):
    """A layer that keeps something of the rows it sees."""

    def __init__(self) -> None:
        super().__init__(6, 3)
        self.register_buffer("seen", torch.zeros(6))


class Turned(nn.Module):
    """Puts images into a layout in which Opacus measures gradients wrongly."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(2, 6, 3), nn.Conv2d(6, 8, 3), nn.Flatten(), nn.Linear(128, 3)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x.contiguous(memory_format=torch.channels_last))


def images() -> Rows:
    return np.random.default_rng(0).random((12, 2, 8, 8), np.float32), np.arange(12) % 3


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (with_batchnorm, r"BatchNorm1d mixes the rows of a batch.*use GroupNorm"),
        (asleep, "Linear is in evaluation mode, but its parameters are trained"),
        (
            of_a_loader,
            "draw each private row by itself, and a DataLoader",
        ),
        (lambda: plain(loss=lambda a, b: cross_entropy(a, b)), "loss= is a function of a batch"),
        (lambda: plain(autocast="bfloat16"), "leave autocast out"),
        (lambda: plain(model=Mixing()), "of one row depends on another row of the batch"),
        (lambda: plain(model=Remembering()), "a trainable layer with buffers"),
        (lambda: plain(images(), Turned()), "length of a row's gradient is measured wrongly"),
        (lambda: plain(images(), Turned(), channels_last=True), "leave channels_last out"),
    ],
)
def test_what_mixes_rows_is_refused_with_the_fix(made: Any, says: str) -> None:
    with pytest.raises(FedH2LError, match=says) as refusal:
        private(made())
    assert "\n" not in str(refusal.value)


def test_a_learner_without_gradients_is_refused_and_told_what_can_be_used() -> None:
    from sklearn.ensemble import RandomForestClassifier

    from fedh2l.learners.sklearn import SklearnLearner

    forest = SklearnLearner(RandomForestClassifier(5), blobs(30), 3)
    with pytest.raises(FedH2LError, match=r"SklearnLearner learns without a gradient.*mlp"):
        Privacy(epsilon=8.0).learner(forest, Ledger(), 10)
    assert Privacy().learner(forest, Ledger(), 10) is forest


def test_its_rows_are_not_shown_to_a_method() -> None:
    with pytest.raises(FedH2LError, match="only their noised gradient may be used"):
        private().private_rows()


def test_a_checkpoint_without_a_budget_is_refused() -> None:
    with pytest.raises(FedH2LError, match="without a privacy budget"):
        private().load_state_dict(plain().state_dict())
