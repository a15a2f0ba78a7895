"""The same training twice: as a federation, and as the raw PyTorch loop that a person would write.
Run by bench.py, a process each.

`python loops.py ratios BLOCKS ROUNDS` prints CPU seconds of both, taken by turns in one process
with one thread; `python loops.py federated|raw ROUNDS` only does the work, for its peak memory to
be read from outside. FEDH2L_DATA names the folder of MNIST's files; without it images are noise,
of which peers say the same round after round: that flatters the codec.
"""

import json
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.random import Generator, default_rng
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, log_softmax

from fedh2l.data.idx import read_idx
from fedh2l.learners.networks import NETWORKS
from fedh2l.views import cutmix, geometry

# of both loops, as in `fedh2l run --data rotated-mnist`
SHAPE, CLASSES, ROWS, SEED_ROWS = (1, 28, 28), 10, 950, 300
BATCH, SEED_BATCH, STEPS, REUSE, WEIGHT, RATE, HORIZON = 48, 48, 10, 3, 3.0, 3e-3, 1500
FORWARD = 500  # rows per forward pass where nothing is learnt


@dataclass
class Task:
    model: nn.Module
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    x: np.ndarray
    y: np.ndarray


def tasks(adam: Callable[..., torch.optim.Optimizer]) -> list[Task]:
    """The six unlike networks, each with its own images."""
    task_list: list[Task] = []
    for i, build in enumerate(NETWORKS.values()):
        torch.manual_seed(i)
        model = build(SHAPE, CLASSES)
        optimizer = adam(model.parameters(), RATE, foreach=True)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, HORIZON)
        task_list.append(Task(model, optimizer, schedule, *images(ROWS, i)))
    return task_list


def images(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Of MNIST where it is at hand: the same for the same seed, others for another."""
    folder = os.environ.get("FEDH2L_DATA")
    if folder is None:
        return default_rng(seed).random((rows, *SHAPE), np.float32), np.arange(rows) % CLASSES
    x, y = mnist(Path(folder))
    part = slice(seed * ROWS, seed * ROWS + rows)
    return (x[part] / np.float32(255)).reshape(rows, *SHAPE), y[part].astype(np.int64)


@cache
def mnist(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """The first training images and labels, in bytes."""
    x, y = (
        (read_idx(_place(folder, name), n)) for name, n in (("images-idx3", 3), ("labels-idx1", 1))
    )
    return x[: 8 * ROWS].copy(), y[: 8 * ROWS].copy()


def _place(folder: Path, name: str) -> Path:
    path = folder / f"train-{name}-ubyte"
    return path if path.exists() else path.with_suffix(".gz")


def federated(views: bool) -> Iterator[object]:
    # Imported here: the process of the raw loop must not hold them.
    from fedh2l.algorithms.fedh2l import FedH2L
    from fedh2l.learners.torch import TorchLearner
    from fedh2l.learners.torch_adam import Adam
    from fedh2l.loop import run
    from fedh2l.peer import Peer
    from fedh2l.seedset import SeedSet

    x, y = images(SEED_ROWS, 7)
    seeds = SeedSet(x, tuple("0123456789"), y, view="geometry" if views else "none", mixtures=views)
    augment = geometry if views else None
    learners = [
        TorchLearner(
            t.model,
            t.optimizer,
            (t.x, t.y),
            batch=BATCH,
            augment=augment,
            schedule=t.schedule,
            channels_last=True,
        )
        for t in tasks(Adam)
    ]
    method = FedH2L(WEIGHT, STEPS, SEED_BATCH, conflict="none", reuse=REUSE)
    return run(
        method,
        [Peer(f"peer{i}", learner, seeds) for i, learner in enumerate(learners)],
        rounds=HORIZON,
    )


def raw(views: bool) -> Iterator[object]:
    """No peers, no messages, no checks: fused batches in the same layout, as many rows, forward
    passes and augmentations.
    """
    rng, all_tasks = default_rng(0), tasks(torch.optim.Adam)
    for t in all_tasks:
        t.model.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    seeds, labels = images(SEED_ROWS, 7)
    hot = np.eye(CLASSES, dtype=np.float32)[labels]
    past: deque[tuple[Tensor, Tensor, Tensor]] = deque(maxlen=REUSE if views else 1)
    while True:
        if views:
            rows, soft = questions(seeds, hot, rng)
        else:
            rows, soft = tensor(seeds), torch.from_numpy(hot)
        answers = torch.stack([posteriors(t.model, rows) for t in all_tasks])
        past.append((rows, soft, answers.mean(0)))
        lesson = [torch.cat(parts) for parts in zip(*past, strict=True)]
        for t in all_tasks:
            train(t, lesson, views, rng)
        yield


def questions(seeds: np.ndarray, hot: np.ndarray, rng: Generator) -> tuple[Tensor, Tensor]:
    x = geometry(seeds, rng)
    mixed, other, share = cutmix(x, rng)
    soft = share[:, None] * hot + (1 - share[:, None]) * hot[other]
    return tensor(np.concatenate([x, mixed])), torch.from_numpy(np.concatenate([hot, soft]))


def posteriors(model: nn.Module, x: Tensor) -> Tensor:
    model.eval()
    with torch.inference_mode():
        rows = torch.cat([model(part).softmax(1) for part in x.split(FORWARD)])
    return rows.clone()  # out of inference mode


def train(t: Task, lesson: Sequence[Tensor], views: bool, rng: Generator) -> None:
    x, labels, answers = lesson
    t.model.train()
    for _ in range(STEPS):
        mine = rng.permutation(len(t.x))[:BATCH]
        shared = torch.from_numpy(rng.permutation(len(x))[:SEED_BATCH])
        private = geometry(t.x[mine], rng) if views else t.x[mine]
        logits = t.model(torch.cat([tensor(private), x[shared]]))

        loss = cross_entropy(logits[:BATCH], torch.from_numpy(t.y[mine]))
        loss = loss + cross_entropy(logits[BATCH:], labels[shared])
        loss = loss - WEIGHT * (answers[shared] * log_softmax(logits[BATCH:], 1)).sum(1).mean()
        t.optimizer.zero_grad()
        loss.backward()
        t.optimizer.step()
        t.schedule.step()


def tensor(x: np.ndarray) -> Tensor:
    return torch.from_numpy(x).contiguous(memory_format=torch.channels_last)


def ratios(blocks: int, rounds: int, views: bool) -> list[list[float]]:
    """CPU seconds of (federated, raw) in each block, the two taking turns at every round."""
    sides = federated(views), raw(views)
    for side in sides:
        for _ in range(REUSE):  # until as many views as ever are learnt from
            next(side)
    seconds: list[list[float]] = []
    for _ in range(blocks):
        spent = [0.0, 0.0]
        for r in range(rounds):
            for i in (0, 1) if r % 2 else (1, 0):
                before = time.process_time()
                next(sides[i])
                spent[i] += time.process_time() - before
        seconds.append(spent)
    return seconds


def main(what: str, *numbers: str) -> None:
    torch.set_num_threads(1)
    if what == "ratios":
        blocks, rounds = map(int, numbers)
        print(json.dumps({str(views): ratios(blocks, rounds, views) for views in (True, False)}))
    else:
        loop = {"federated": federated, "raw": raw}[what](views=True)
        deque(islice(loop, int(numbers[0])), maxlen=0)


if __name__ == "__main__":
    main(*sys.argv[1:])
