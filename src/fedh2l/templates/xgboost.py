"""Boosted trees of XGBoost for FedH2L: put your own rows and parameters in place of these."""

import numpy as np

from fedh2l.learners.model import Training
from fedh2l.learners.xgboost import XGBoostLearner
from fedh2l.rows import Rows
from fedh2l.seedset import SeedSet


def private_rows(seed: int = 0) -> Rows:
    """Your rows: 8 features, and for each row the index of its class in seed_set.classes."""
    rng = np.random.default_rng(seed)
    y = np.arange(300) % 3
    return (2 * np.eye(3, 8)[y] + rng.normal(size=(300, 8))).astype(np.float32), y


def model(
    seed_set: SeedSet, rows: Rows | None = None, training: Training | None = None
) -> XGBoostLearner:
    """A simulation deals out rows and says how to train; a live member brings its own."""
    return XGBoostLearner(
        {"max_depth": 4},  # XGBoost's own
        private_rows() if rows is None else rows,
        classes=len(seed_set.classes),
        seed=0 if training is None else training.seed,
    )


def validation() -> Rows:
    """Rows of yours that the model does not learn from; `fedh2l join` shows your accuracy on them,
    to nobody but you.
    """
    return private_rows(seed=1)
