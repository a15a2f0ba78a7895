"""Modules of Flax NNX as JAX learners."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from flax import nnx

from fedh2l.learners.jax import JaxLearner


def nnx_learner(
    module: nnx.Module, optimizer: Any, data: Sequence[Any], classes: int, **options: Any
) -> JaxLearner:
    """A learner of a copy of this module, which gives logits (rows, classes).

    BatchNorm and dropout learn in training mode. `trained_module` gives the copy when it has
    learnt. options: those of `JaxLearner`.
    """
    definition, params, state = nnx.split(module, nnx.Param, ...)
    apply = _apply_of(definition)
    return JaxLearner(apply, params, optimizer, data, classes, state=state, **options)


def trained_module(module: nnx.Module, learner: JaxLearner) -> nnx.Module:
    """A copy of this module with what the learner has learnt."""
    definition, _, _ = nnx.split(module, nnx.Param, ...)
    trained = learner.trained
    return nnx.merge(definition, trained.params, trained.state, copy=True)


@lru_cache(maxsize=16)  # modules of one definition share what is compiled
def _apply_of(definition: Any) -> Callable[..., Any]:
    def apply(params: Any, state: Any, x: Any, training: bool) -> tuple[Any, Any]:
        model: Any = nnx.merge(definition, params, state, copy=True)
        if training:
            model.train()
        else:
            model.eval()
        logits = model(x)
        return logits, nnx.split(model, nnx.Param, ...)[2]

    return apply
