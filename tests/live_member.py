"""A member's own file, as the documents show it: data, four unlike models and validation rows; also
the parts of the test's federation.
"""

import numpy as np

from fedh2l.learner import Learner
from fedh2l.seedset import SeedSet


def rows(seed: int, n: int = 60) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    return (np.eye(3, 6)[y] * 3 + rng.normal(size=(n, 6))).astype(np.float32), y


def network(seed: int, hidden: int) -> Learner:
    import torch
    from torch import nn

    from fedh2l.learners.torch import TorchLearner

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Linear(6, hidden), nn.ReLU(), nn.Linear(hidden, 3))
    return TorchLearner(
        model, torch.optim.Adam(model.parameters(), 1e-2), rows(seed), batch=8, seed=seed
    )


def forest(seed: int) -> Learner:
    from sklearn.ensemble import RandomForestClassifier

    from fedh2l.learners.sklearn import SklearnLearner

    return SklearnLearner(RandomForestClassifier(10), rows(seed), 3)


def logistic(x: np.ndarray, y: np.ndarray) -> Learner:
    from sklearn.linear_model import LogisticRegression

    from fedh2l.learners.sklearn import SklearnLearner

    return SklearnLearner(LogisticRegression(), (x, y), 3)


def kiev(seeds: SeedSet) -> Learner:
    return network(1, 16)


def lyon(seeds: SeedSet) -> Learner:
    return forest(2)


def oslo(seeds: SeedSet) -> Learner:
    return logistic(*rows(3))


def rome(seeds: SeedSet) -> Learner:
    return network(4, 24)


def validation() -> tuple[np.ndarray, np.ndarray]:
    return rows(9)


def permuted(seeds: SeedSet) -> Learner:
    """A mistake that doctor finds: the labels are in another order than the seed set's classes."""
    x, y = rows(5)
    return logistic(x, (y + 1) % 3)
