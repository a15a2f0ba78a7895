"""The work that all contestants of `make bench-rivals` do: six clients, ten steps a round, 96 rows
a step, on the same networks and the same rows. Nothing of any framework is in here.

compare.py writes the rows once into `DATA`, so that no contestant pays for reading MNIST.
"""

import os
from pathlib import Path

import numpy as np
import torch
from torch import nn

from fedh2l.learners.networks import NETWORKS

CLIENTS, CLASSES, SHAPE = 6, 10, (1, 28, 28)
STEPS, BATCH = 10, 96
PRIVATE, SEEDED = 32, 64  # of a batch where seed rows are learnt from
PRIVATE_ROWS, SEED_ROWS, TEST_ROWS = STEPS * BATCH, 300, 60
RATE, WEIGHT = 0.01, 3.0
DATA = Path(os.environ.get("RIVALS_DATA", "build/rivals/data")).absolute()
ROUNDS = int(os.environ.get("RIVALS_ROUNDS", "2"))


def network(client: int, *, alike: bool) -> nn.Module:
    """A client's network: six unlike ones, or a LeNet for everybody where weights are averaged."""
    torch.manual_seed(0 if alike else client)
    build = NETWORKS["lenet"] if alike else list(NETWORKS.values())[client]
    model = build(SHAPE, CLASSES)
    if not alike:
        model.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue, reportArgumentType]
    return model


def rows(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, 1, 28, 28) in float32 and labels in int64: of client "0" to "5", or "seeds"."""
    with np.load(DATA / f"{name}.npz") as arrays:
        return arrays["x"], arrays["y"]


def tensors(name: str) -> tuple[torch.Tensor, torch.Tensor]:
    x, y = rows(name)
    return torch.from_numpy(x), torch.from_numpy(y)


def finished(t: int) -> None:
    """Say that round t, from 1, is over: compare.py looks at the clock when it reads this."""
    print(f"round {t}", flush=True)
