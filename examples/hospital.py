"""A hospital: its own PyTorch module, trained on its own DataLoader."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from fedh2l.learners.model import Training
from fedh2l.learners.torch import TorchLearner
from fedh2l.rows import Rows
from fedh2l.seedset import SeedSet


def model(seed_set: SeedSet, rows: Rows, training: Training) -> TorchLearner:
    torch.manual_seed(training.start)
    dataset = TensorDataset(*map(torch.tensor, rows))
    loader = DataLoader(dataset, batch_size=32, shuffle=True, drop_last=True)
    net = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(1024, len(seed_set.classes)),
    )
    return TorchLearner(net, torch.optim.AdamW(net.parameters(), 3e-3), loader)
