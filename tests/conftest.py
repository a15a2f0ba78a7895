"""Small real parts that the tests share: data, networks, peers.

Torch runs on one thread, as in a run.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import settings
from torch import nn

from fedh2l.cli import main
from fedh2l.learners.torch import TorchLearner
from fedh2l.peer import Peer
from fedh2l.rows import Rows
from fedh2l.seedset import SeedSet
from leftovers import nothing_is_left as nothing_is_left  # after every test
from local_federation import federation as federation

torch.set_num_threads(1)
os.environ.setdefault("KERAS_BACKEND", "torch")  # the other one is tried in a process of its own
# A test that takes long is no worse on a busy machine.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def blobs(n: int, classes: int = 3, features: int = 6, seed: int = 0) -> Rows:
    """A Gaussian blob per class: learnable by anything."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % classes
    centres = np.eye(classes, features) * 3
    return (centres[y] + rng.normal(size=(n, features))).astype(np.float32), y.astype(np.int64)


def seed_set(n: int = 12, classes: int = 3, *, labelled: bool = True) -> SeedSet:
    x, y = blobs(n, classes, seed=99)
    return SeedSet(x, tuple("abcdefgh"[:classes]), y if labelled else None)


def mlp(
    classes: int = 3, features: int = 6, seed: int = 0, *, batchnorm: bool = False
) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        middle = [nn.BatchNorm1d(16)] if batchnorm else []
        return nn.Sequential(nn.Linear(features, 16), *middle, nn.ReLU(), nn.Linear(16, classes))


def torch_learner(
    seed: int = 0,
    *,
    classes: int = 3,
    batchnorm: bool = False,
    rows: int = 60,
    data: Rows | None = None,
) -> TorchLearner:
    model = mlp(classes, seed=seed, batchnorm=batchnorm)
    return TorchLearner(
        model,
        torch.optim.Adam(model.parameters(), 1e-2),
        data or blobs(rows, classes, seed=seed),
        batch=8,
        seed=seed,
    )


def torch_peers(names: str = "abc", *, labelled: bool = True) -> list[Peer]:
    seeds = seed_set(labelled=labelled)
    return [Peer(name, torch_learner(i), seeds) for i, name in enumerate(names)]


class Says:
    """A learner that says what it is told to."""

    def __init__(self, probs: np.ndarray) -> None:
        self.probs = probs

    def posteriors(self, x: np.ndarray) -> np.ndarray:
        return self.probs

    def learn(self, lesson: object, steps: int) -> None: ...

    def state_dict(self) -> dict[str, np.ndarray]:
        return {}

    def load_state_dict(self, state: object) -> None: ...


@pytest.fixture(scope="session")
def mnist() -> Path:
    """The folder of the real MNIST; the tests that need it are skipped where it is not."""
    here = Path(os.environ.get("FEDH2L_DATA", "no-folder-named"))
    if not any(
        (here / name).is_file()
        for name in ("train-images-idx3-ubyte.gz", "train-images-idx3-ubyte")
    ):
        pytest.skip(
            "no MNIST here: put its four IDX files into a folder and name it in FEDH2L_DATA"
        )
    return here


@pytest.fixture
def seedset_build(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """`fedh2l seedset build` in a folder of its own: its answer as JSON, or its refusal as text."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str) -> Any:
        with pytest.raises(SystemExit) as end:
            main(["seedset", "build", *arguments, "--json"])
        output = capsys.readouterr()
        if end.value.code == 0:
            return json.loads(output.out)
        assert end.value.code == 2 and output.err.count("\n") == 1
        return output.err

    return command
