"""A laboratory: a network in plain JAX, trained by Optax."""

from typing import Any

import jax
import optax

from fedh2l.learners.jax import JaxLearner
from fedh2l.learners.model import Training
from fedh2l.rows import Rows
from fedh2l.seedset import SeedSet

ADAM = optax.adam(3e-3)


def network(params: Any, x: Any) -> Any:
    return jax.nn.relu(x.reshape(len(x), -1) @ params["in"]) @ params["out"]


def model(seed_set: SeedSet, rows: Rows, training: Training) -> JaxLearner:
    classes, size = len(seed_set.classes), rows[0][0].size
    keys = jax.random.split(jax.random.key(training.start))
    draw = jax.nn.initializers.he_normal()
    params = {"in": draw(keys[0], (size, 128)), "out": draw(keys[1], (128, classes))}
    return JaxLearner(network, params, ADAM, rows, classes, seed=training.seed)
