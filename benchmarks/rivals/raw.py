"""The raw PyTorch loop of the same work: no peers, no messages, no checks."""

import sys

import torch

from steps import distil, fit, posteriors
from work import CLASSES, CLIENTS, RATE, ROUNDS, finished, network, tensors


def distillation() -> None:
    models, optimizers, private = parts(alike=False)
    seeds = tensors("seeds")
    for t in range(ROUNDS):
        answers = torch.stack([posteriors(model, seeds[0]) for model in models]).mean(0)
        for model, optimizer, own in zip(models, optimizers, private, strict=True):
            distil(model, optimizer, own, seeds, answers)
        finished(t + 1)


def tables() -> None:
    """Of each class what its rows were taken for during the steps, as HtFLlib has it."""
    models, optimizers, private = parts(alike=False)
    table = None
    for t in range(ROUNDS):
        means: list[torch.Tensor] = []
        for model, optimizer, (x, y) in zip(models, optimizers, private, strict=True):
            said, labels = fit(model, optimizer, x, y, table)
            means.append(torch.stack([said[labels == c].mean(0) for c in range(CLASSES)]))
        table = torch.stack(means).mean(0)
        finished(t + 1)


def averaging() -> None:
    models, optimizers, private = parts(alike=True)
    for t in range(ROUNDS):
        for model, optimizer, (x, y) in zip(models, optimizers, private, strict=True):
            fit(model, optimizer, x, y, None)
        with torch.no_grad():
            for same in zip(*(model.parameters() for model in models), strict=True):
                average = torch.stack(list(same)).mean(0)
                for parameter in same:
                    parameter.copy_(average)
        finished(t + 1)


def parts(*, alike: bool) -> tuple[list, list, list]:
    models = [network(i, alike=alike) for i in range(CLIENTS)]
    optimizers = [torch.optim.SGD(model.parameters(), RATE) for model in models]
    return models, optimizers, [tensors(str(i)) for i in range(CLIENTS)]


if __name__ == "__main__":
    torch.set_num_threads(1)
    {"distillation": distillation, "tables": tables, "averaging": averaging}[sys.argv[1]]()
