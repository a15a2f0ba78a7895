"""Modules of Flax NNX as JAX learners."""

from collections.abc import Sequence
from typing import Any

from flax import nnx

from fedh2l.learners.jax import JaxLearner


def nnx_learner(
    module: nnx.Module, optimizer: Any, data: Sequence[Any], classes: int, **options: Any
) -> JaxLearner:
    """A learner of a module that gives logits (rows, classes), such as a copy of it.

    The module itself is left as it is; `trained_module` gives the one that has learnt. BatchNorm
    and dropout are trained with the module in training mode. options: of `JaxLearner`.
    """
    definition, params, state = nnx.split(module, nnx.Param, ...)

    def apply(params: Any, state: Any, x: Any, training: bool) -> tuple[Any, Any]:
        model: Any = nnx.merge(definition, params, state)
        if training:
            model.train()
        else:
            model.eval()
        logits = model(x)
        return logits, nnx.split(model, nnx.Param, ...)[2]

    return JaxLearner(apply, params, optimizer, data, classes, state=state, **options)


def trained_module(module: nnx.Module, learner: JaxLearner) -> nnx.Module:
    """A copy of this module with what the learner has learnt."""
    definition, _, _ = nnx.split(module, nnx.Param, ...)
    return nnx.merge(definition, learner.trained.params, learner.trained.state)
