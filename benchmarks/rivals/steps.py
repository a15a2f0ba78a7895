"""Local steps and posteriors in plain PyTorch: what a person writes who uses a framework that
brings no method of this kind. Counted among the lines of each contestant that imports it.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, log_softmax

from work import BATCH, PRIVATE, SEEDED, STEPS, WEIGHT


def distil(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    private: tuple[Tensor, Tensor],
    seeds: tuple[Tensor, Tensor],
    answers: Tensor | None,
) -> None:
    """Private and seed rows in one batch; the seed rows have labels, and others' posteriors."""
    (x, y), (seed_x, seed_y) = private, seeds
    model.train()
    for _ in range(STEPS):
        mine = torch.randperm(len(x))[:PRIVATE]
        shared = torch.randperm(len(seed_x))[:SEEDED]
        logits = model(torch.cat([x[mine], seed_x[shared]]))
        loss = cross_entropy(logits[:PRIVATE], y[mine])
        loss = loss + cross_entropy(logits[PRIVATE:], seed_y[shared])
        if answers is not None:
            taught = answers[shared] * log_softmax(logits[PRIVATE:], 1)
            loss = loss - WEIGHT * taught.sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def fit(
    model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor, targets: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Private rows only; `targets`: of each class what others believe of its rows.

    Returns what the model said of the rows on the way, and their labels.
    """
    said, labels = list[Tensor](), list[Tensor]()
    model.train()
    for mine in torch.randperm(len(x)).split(BATCH)[:STEPS]:
        logits = model(x[mine])
        said.append(logits.detach().softmax(1))
        labels.append(y[mine])
        loss = cross_entropy(logits, y[mine])
        if targets is not None:
            loss = loss + cross_entropy(logits, targets[y[mine]])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return torch.cat(said), torch.cat(labels)


def posteriors(model: nn.Module, x: Tensor) -> Tensor:
    model.eval()
    with torch.no_grad():
        return model(x).softmax(1)
