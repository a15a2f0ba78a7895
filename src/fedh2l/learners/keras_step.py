"""A step of a Keras learner: its two losses as one that any backend trains by."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from jaxtyping import Float, Shaped
from keras import ops

from fedh2l.error import FedH2LError
from fedh2l.learner import Lesson
from fedh2l.learners.batches import SeedBatch

LEAST = 1e-7  # a probability below counts as this in a logarithm


class Trainer(keras.Model):
    """The user's model under another loss: it shares all variables, and the user's own `compile`
    stays as it is.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.inner = model

    def call(self, x: Any, training: bool | None = None) -> Any:
        return self.inner(x, training=training)


def two_part_loss(classes: int, *, logits: bool) -> Callable[[Any, Any], Any]:
    """A loss of (what rows are taught, outputs) for each row; see `taught`.

    logits: the model gives these, and no probabilities.
    """

    def loss(taught: Any, outputs: Any) -> Any:
        labels, targets = taught[:, :classes], taught[:, classes:-1]
        temperature = taught[:, -1:]
        logs = ops.log_softmax(outputs) if logits else ops.log(ops.maximum(outputs, LEAST))
        softened = ops.log_softmax(logs / temperature)
        matched: Any = ops.sum(labels * logs + targets * softened, axis=-1)
        return -matched

    return loss


def taught(
    y: Shaped[np.ndarray, " rows"],
    seeds: SeedBatch,
    lesson: Lesson | None,
    *,
    private: float,
    seed: float,
) -> Float[np.ndarray, "all columns"]:
    """What the private rows, and after them the seed rows, are taught: labels, targets, and the
    temperature, each scaled so that the mean over all rows is the loss of `Lesson`.

    private, seed: how much either loss counts.
    """
    classes, size = seeds.labels.shape[1], len(y) + len(seeds.x)
    own = np.eye(classes, dtype=np.float32)[y] * (private * size / len(y))
    labels, targets = np.concatenate([own, seeds.labels]), np.concatenate([0 * own, seeds.targets])
    temperature = 1.0 if lesson is None else lesson.temperature
    if lesson is not None:
        labelled = max(1, int(seeds.labels.any(1).sum()))
        labels[len(y) :] *= seed * size / labelled
        targets[len(y) :] *= seed * size / len(seeds.x) * lesson.weight * temperature**2
    column = np.full((size, 1), temperature)
    return np.concatenate([labels, targets, column], 1).astype(np.float32)


def outputs_of(trainer: Trainer, x: Shaped[np.ndarray, "rows ..."]) -> Any:
    """What the model gives where nothing is learnt, as an array."""
    if keras.config.backend() == "torch":
        import torch

        with torch.no_grad():
            return array_of(trainer(x, training=False))
    return array_of(trainer.predict_on_batch(x) if trainer.compiled else trainer(x))


def array_of(tensor: Any) -> Any:
    """A variable or a tensor of any backend as an array."""
    value = getattr(tensor, "value", tensor)
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    return np.array(value)


def softmax(logits: Float[np.ndarray, "rows classes"]) -> Float[np.ndarray, "rows classes"]:
    """p(class | x) from logits."""
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def gradients(
    trainer: Trainer,
    x: Shaped[np.ndarray, "rows ..."],
    losses: Sequence[Float[np.ndarray, "rows _"]],
) -> list[list[Any]]:
    """The gradients of each of several losses from one forward pass in training mode."""
    backend = keras.config.backend()
    if backend not in GRADIENTS:
        raise FedH2LError(
            f"a conflict rule needs two gradients, and on Keras' backend {backend} they are not "
            f"taken; use {' or '.join(GRADIENTS)} (KERAS_BACKEND), or conflict='none'"
        )
    return GRADIENTS[backend](trainer, x, losses)


def _of_torch(trainer: Trainer, x: Any, losses: Sequence[Any]) -> list[list[Any]]:
    import torch

    variables = [variable.value for variable in trainer.trainable_variables]
    outputs = trainer(x, training=True)
    values = [trainer.loss(ops.convert_to_tensor(y), outputs).mean() for y in losses]
    return [
        list(torch.autograd.grad(value, variables, retain_graph=True, materialize_grads=True))
        for value in values
    ]


def _of_jax(trainer: Trainer, x: Any, losses: Sequence[Any]) -> list[list[Any]]:
    import jax

    fixed = [variable.value for variable in trainer.non_trainable_variables]

    def values(trainable: list[Any]) -> tuple[Any, Any]:
        given: Any = trainer.stateless_call(trainable, fixed, x, training=True)
        outputs, changed = given
        return ops.stack([ops.mean(trainer.loss(y, outputs)) for y in losses]), changed

    trainable = [variable.value for variable in trainer.trainable_variables]
    all_of_them, changed = jax.jacrev(values, has_aux=True)(trainable)
    for variable, value in zip(trainer.non_trainable_variables, changed, strict=True):
        variable.assign(value)
    return [[gradient[i] for gradient in all_of_them] for i in range(len(losses))]


GRADIENTS = {"torch": _of_torch, "jax": _of_jax}
