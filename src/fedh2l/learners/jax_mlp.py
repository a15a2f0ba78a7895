"""A network of one hidden layer in JAX, known by name."""

from typing import Any

import jax
import optax
from jaxtyping import Shaped

from fedh2l.learners.jax import JaxLearner
from fedh2l.learners.model import Training
from fedh2l.rows import Rows


def init(features: int, hidden: int, classes: int, seed: int) -> list[tuple[Any, Any]]:
    """Weights and biases of both layers, as He et al. (arXiv:1502.01852) draw them."""
    keys, shapes = (
        jax.random.split(jax.random.key(seed), 2),
        [(features, hidden), (hidden, classes)],
    )
    return [
        (jax.random.normal(key, shape) * (2 / shape[0]) ** 0.5, jax.numpy.zeros(shape[1]))
        for key, shape in zip(keys, shapes, strict=True)
    ]


def apply(params: list[tuple[Any, Any]], x: Shaped[Any, "rows ..."]) -> Any:
    """Logits (rows, classes)."""
    (first, first_bias), (last, last_bias) = params
    hidden = jax.nn.relu(x.reshape(len(x), -1) @ first + first_bias)
    return hidden @ last + last_bias


def learner(rows: Rows, classes: int, training: Training, *, hidden: int) -> JaxLearner:
    """Trained by Adam along a cosine of learning rates."""
    featurise = training.features_of(rows)
    some = rows[0][:1] if featurise is None else featurise(rows[0][:1])
    return JaxLearner(
        apply,
        init(some.size, hidden, classes, training.start),
        optax.adam(optax.cosine_decay_schedule(training.rate, training.steps)),
        rows,
        classes,
        batch=training.batch,
        augment=training.augment,
        featurise=featurise,
        seed=training.seed,
    )
