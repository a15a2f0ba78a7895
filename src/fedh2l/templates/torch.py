"""A PyTorch model for FedH2L: put your own rows and your own network in place of these."""

import numpy as np
import torch
from torch import nn

from fedh2l.learners.model import Training
from fedh2l.learners.torch import TorchLearner
from fedh2l.rows import Rows
from fedh2l.seedset import SeedSet


def private_rows(seed: int = 0) -> Rows:
    """Your rows: 8 features, and for each row the index of its class in seed_set.classes."""
    rng = np.random.default_rng(seed)
    y = np.arange(300) % 3
    return (2 * np.eye(3, 8)[y] + rng.normal(size=(300, 8))).astype(np.float32), y


def model(
    seed_set: SeedSet, rows: Rows | None = None, training: Training | None = None
) -> TorchLearner:
    """A simulation deals out rows and says how to train; a live member brings its own."""
    x, y = private_rows() if rows is None else rows
    torch.manual_seed(0 if training is None else training.start)
    network = nn.Sequential(
        nn.Flatten(),
        nn.Linear(int(np.prod(x.shape[1:])), 64),
        nn.ReLU(),
        nn.Linear(64, len(seed_set.classes)),  # logits: no softmax at the end
    )
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    return TorchLearner(network, optimizer, (x, y), seed=0 if training is None else training.seed)


def validation() -> Rows:
    """Rows of yours that the model does not learn from; `fedh2l join` shows your accuracy on them,
    to nobody but you.
    """
    return private_rows(seed=1)
