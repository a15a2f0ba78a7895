"""A JAX model for FedH2L: put your own rows and your own network in place of these."""

from typing import Any

import jax
import numpy as np
import optax

from fedh2l.learners.jax import JaxLearner
from fedh2l.learners.model import Training
from fedh2l.rows import Rows
from fedh2l.seedset import SeedSet

OPTIMIZER = optax.adam(3e-3)


def private_rows(seed: int = 0) -> Rows:
    """Your rows: 8 features, and for each row the index of its class in seed_set.classes."""
    rng = np.random.default_rng(seed)
    y = np.arange(300) % 3
    return (2 * np.eye(3, 8)[y] + rng.normal(size=(300, 8))).astype(np.float32), y


def initial(features: int, classes: int, seed: int) -> dict[str, Any]:
    """The parameters, any tree of arrays."""
    first, last = jax.random.split(jax.random.key(seed))
    return {
        "first": jax.random.normal(first, (features, 64)) * (2 / features) ** 0.5,
        "last": jax.random.normal(last, (64, classes)) * (2 / 64) ** 0.5,
    }


def network(params: dict[str, Any], x: Any) -> Any:
    """Logits: no softmax at the end."""
    return jax.nn.relu(x.reshape(len(x), -1) @ params["first"]) @ params["last"]


def model(
    seed_set: SeedSet, rows: Rows | None = None, training: Training | None = None
) -> JaxLearner:
    """A simulation deals out rows and says how to train; a live member brings its own."""
    x, y = private_rows() if rows is None else rows
    classes, start = len(seed_set.classes), 0 if training is None else training.start
    params = initial(x[0].size, classes, start)
    seed = 0 if training is None else training.seed
    return JaxLearner(network, params, OPTIMIZER, (x, y), classes, seed=seed)


def validation() -> Rows:
    """Rows of yours that the model does not learn from; `fedh2l join` shows your accuracy on them,
    to nobody but you.
    """
    return private_rows(seed=1)
