"""A step of a JAX learner: two losses from one forward pass, compiled."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree

from fedh2l.learners.batches import SeedBatch

# Logits, and what the model changes besides its parameters, from (parameters, state, rows, whether
# it is being trained).
Forward = Callable[[Any, Any, Any, bool], tuple[Any, Any]]


class Trained(NamedTuple):
    """All that learning changes; trees of arrays."""

    params: Any
    state: Any
    optimizer: Any


class Parts(NamedTuple):
    """What a lesson says of every step: how much private and seed loss count, λ and temperature."""

    private: float
    seed: float
    weight: float
    temperature: float


@lru_cache(maxsize=16)  # learners of one function and one optimizer share its compiled form
def step_of(apply: Callable[..., Any], optimizer: Any, *, stateful: bool) -> "JaxStep":
    """The compiled functions of apply(params, state, x, training), which gives (logits, state), or
    of apply(params, x), which gives logits.
    """
    if stateful:
        return JaxStep(apply, optimizer)
    return JaxStep(lambda params, state, x, training: (apply(params, x), state), optimizer)


class JaxStep:
    """The compiled functions of a model and its optimizer."""

    def __init__(self, forward: Forward, optimizer: Any) -> None:
        self.forward, self.optimizer = forward, optimizer
        self.step = jax.jit(self._step)
        self.gradients = jax.jit(self._gradients)
        self.follow = jax.jit(self._follow)
        self.logits = jax.jit(lambda params, state, x: forward(params, state, x, False)[0])

    def _step(
        self, trained: Trained, batch: tuple[Any, Any], taught: SeedBatch, parts: Parts
    ) -> tuple[Trained, Any]:
        """One step along the sum of both losses, and that sum."""

        def total(params: Any) -> tuple[Any, Any]:
            losses, state = self._losses(params, trained.state, batch, taught, parts)
            return parts.private * losses[0] + parts.seed * losses[1], state

        (loss, state), gradient = jax.value_and_grad(total, has_aux=True)(trained.params)
        return self._updated(trained, gradient, state), loss

    def _gradients(
        self, trained: Trained, batch: tuple[Any, Any], taught: SeedBatch, parts: Parts
    ) -> tuple[Any, Any, Any]:
        """The private and the seed gradient, each as one vector; and the model's new state."""

        def losses(params: Any) -> tuple[Any, Any]:
            return self._losses(params, trained.state, batch, taught, parts)

        both, state = jax.jacrev(losses, has_aux=True)(trained.params)
        private, seed = (ravel_pytree(jax.tree.map(lambda g, i=i: g[i], both))[0] for i in (0, 1))
        return private, seed, state

    def _follow(self, trained: Trained, gradient: Any, state: Any) -> Trained:
        """One step along a gradient that is given as a vector."""
        return self._updated(trained, ravel_pytree(trained.params)[1](gradient), state)

    def _updated(self, trained: Trained, gradient: Any, state: Any) -> Trained:
        updates, optimizer = self.optimizer.update(gradient, trained.optimizer, trained.params)
        return Trained(optax.apply_updates(trained.params, updates), state, optimizer)

    def _losses(
        self, params: Any, state: Any, batch: tuple[Any, Any], taught: SeedBatch, parts: Parts
    ) -> tuple[Any, Any]:
        """Private and seed loss, from one forward pass over both; see `Lesson`."""
        x, y = batch
        rows = jnp.concatenate([x, taught.x]) if len(taught.x) else x
        logits, state = self.forward(params, state, rows, True)
        own = jax.nn.log_softmax(logits[: len(x)].astype(jnp.float32))
        private = -jnp.take_along_axis(own, y[:, None], 1).mean()

        others, temperature = logits[len(x) :].astype(jnp.float32), parts.temperature
        labels = (taught.labels * jax.nn.log_softmax(others)).sum()
        labelled = (taught.labels != 0).any(1).sum()
        targets = (taught.targets * jax.nn.log_softmax(others / temperature)).sum()
        matched = labels / jnp.maximum(1, labelled)
        matched += parts.weight * temperature**2 * targets / max(1, len(taught.x))
        return jnp.stack([private, -matched]), state
