"""Small learners with a privacy budget, which tests share."""

from typing import Any

import numpy as np
import torch
from torch import nn

from conftest import blobs, seed_set
from fedh2l.learner import Lesson
from fedh2l.learners.model import Training
from fedh2l.learners.torch import TorchLearner
from fedh2l.learners.torch_private import PrivateTorchLearner
from fedh2l.record.ledger import Ledger
from fedh2l.rows import Rows

ROWS = 60


def plain(data: Rows | None = None, model: nn.Module | None = None, **options: Any) -> TorchLearner:
    if model is None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    return TorchLearner(model, optimizer, data or blobs(ROWS), batch=10, **options)


def private(learner: TorchLearner | None = None, **changes: Any) -> PrivateTorchLearner:
    settings: dict[str, Any] = {
        "ledger": Ledger(),
        "epsilon": 8.0,
        "delta": 1e-4,
        "clip": 1.0,
        "sampling": 0.2,
        "steps": 10,
    }
    return PrivateTorchLearner(learner or plain(), **settings | changes)


def lesson(**changes: Any) -> Lesson:
    seeds = seed_set()
    assert seeds.labels is not None
    labels = np.eye(3, dtype=np.float32)[seeds.labels]
    return Lesson(seeds.x, labels=labels, **changes)


def vector(learner: PrivateTorchLearner | TorchLearner) -> np.ndarray:
    return np.concatenate([p.detach().numpy().ravel().copy() for p in learner.model.parameters()])


def training(**changes: Any) -> Training:
    settings: dict[str, Any] = {"steps": 10, "batch": 4, "rate": 0.1, "augment": None}
    settings |= {"seed": 0, "start": 0, "private": True}
    return Training(**settings | changes)
