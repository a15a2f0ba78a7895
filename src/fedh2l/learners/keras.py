"""Keras 3: any compiled model, on whichever backend is set."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from jaxtyping import Float, Shaped

from fedh2l.distill import reconcile
from fedh2l.error import FedH2LError
from fedh2l.learner import Lesson, State, under
from fedh2l.learners.batches import (
    PrivateBatches,
    are_probabilities,
    check_finite,
    check_loss,
    check_width,
    followed,
    in_chunks,
    is_measured,
    seed_batches,
)
from fedh2l.learners.compare import compare
from fedh2l.learners.features import Features, Featurise, PrivateRows
from fedh2l.learners.keras_random import Randomness
from fedh2l.learners.keras_step import (
    Trainer,
    array_of,
    gradients,
    outputs_of,
    softmax,
    taught,
    two_part_loss,
)
from fedh2l.rows import Rows, number_of_classes
from fedh2l.seedset import SeedSet
from fedh2l.views import View


class KerasLearner:
    """A compiled model trained by its optimizer on private batches and, in the same forward pass,
    on rows of a lesson.

    Parameters
    ----------
    model
        Compiled with an optimizer; the loss of `compile` is not used. It gives logits or
        probabilities (rows, classes), and what it has learnt stays in it.
    data
        (x, y): arrays, class indices in y. Images come as (rows, channels, height, width): begin
        with keras.layers.Permute((2, 3, 1)), or say so in `featurise`.
    classes
        How many classes the federation has.
    batch
        Private rows per step; 32 if nothing is said.
    augment
        A function of (rows, generator) applied to every private batch, such as
        `fedh2l.views.geometry`.
    featurise
        From raw rows to this peer's own features of them; applied once.
    seed
        Of the order of rows, their augmentation and dropout.

    Raises FedH2LError, with the fix, for parts that do not fit together.
    """

    def __init__(
        self,
        model: Any,
        data: Sequence[Any],
        classes: int,
        *,
        batch: int | None = None,
        augment: View | None = None,
        featurise: Featurise | None = None,
        seed: int = 0,
    ) -> None:
        self.classes = number_of_classes(classes)
        self.features = Features(featurise)
        self.rng = np.random.default_rng(seed)  # order of the rows and their augmentation
        self.private = PrivateRows(data, self.classes, self.features, augment, self.rng)
        self.batches = PrivateBatches(self.private, batch, self.rng)
        self.rows = len(self.private)

        self.model, self.optimizer = model, _optimizer(model)
        self.trainer = Trainer(model)
        outputs = outputs_of(self.trainer, self.private.some(self.batches.size))
        check_width(outputs.shape, self.batches.size, self.classes)
        self.gives_logits = not are_probabilities(outputs)
        loss = two_part_loss(self.classes, logits=self.gives_logits)
        self.trainer.compile(optimizer=self.optimizer, loss=loss)
        self.optimizer.build(self.trainer.trainable_variables)
        self.randomness = Randomness(self.trainer, seed)

    def posteriors(self, x: Shaped[np.ndarray, "rows ..."]) -> Float[np.ndarray, "rows classes"]:
        """p(class | x), not in training: dropout off, BatchNorm on its running statistics.

        Raises FedH2LError where they are NaN: training has diverged.
        """
        probs = in_chunks(self.features(x), self._posteriors)
        check_finite(probs)
        return probs

    def learn(self, lesson: Lesson | None, steps: int) -> float | None:
        """See `Learner`. Raises FedH2LError where the loss is NaN or infinite in the end."""
        x = self.private.some(0) if lesson is None else self.features.of_lesson(lesson)
        lessons = seed_batches(lesson, x, self.classes, self.rng)
        self.trainer.reset_metrics()

        conflicts: list[bool] = []
        loss: Any = 0.0
        with self.randomness():
            for step in range(steps):
                # Both draw from one generator: the seed rows first.
                seeds, (own, y) = next(lessons), self.batches.next()
                rows = np.concatenate([own, seeds.x]) if len(seeds.x) else own
                if lesson is not None and is_measured(lesson, step):
                    parts = (
                        taught(y, seeds, lesson, private=lesson.private, seed=0.0),
                        taught(y, seeds, lesson, private=0.0, seed=1.0),
                    )
                    conflicts.append(self._reconciled(rows, parts, lesson))
                else:
                    private, seed = followed(lesson)
                    both = taught(y, seeds, lesson, private=private, seed=seed)
                    loss = self.trainer.train_on_batch(rows, both)
        check_loss(float(array_of(loss)), steps)
        return sum(conflicts) / len(conflicts) if conflicts else None

    def state_dict(self) -> State:
        """Model, optimizer, generators and the place in the epoch."""
        state = {f"model.{k}": array_of(v) for k, v in _numbered(self.trainer.variables)}
        state |= {f"optimizer.{k}": array_of(v) for k, v in _numbered(self.optimizer.variables)}
        state |= {f"batches.{k}": v for k, v in self.batches.state_dict().items()}
        return state | self.randomness.state_dict()

    def load_state_dict(self, state: State) -> None:
        parts = {"model.": self.trainer.variables, "optimizer.": self.optimizer.variables}
        for name, variables in parts.items():
            arrays, numbered = under(state, name), dict(_numbered(variables))
            shapes = {key: tuple(variable.shape) for key, variable in numbered.items()}
            if shapes != {key: array.shape for key, array in arrays.items()}:
                raise FedH2LError("the checkpoint is of another model or optimizer: other shapes")
            for key, variable in numbered.items():
                variable.assign(arrays[key])
        self.batches.load_state_dict(under(state, "batches."))
        self.randomness.load_state_dict(state)

    def private_rows(self) -> Rows:
        """All private rows as they were given; see `Readable`."""
        return self.private.x, self.private.y

    def compare(self, seed_set: SeedSet) -> list[str]:
        """What is likely wrong between the private rows and the seed set; see `compare`."""
        return compare(self.batches.some(), seed_set)

    def _posteriors(self, x: Shaped[np.ndarray, "_ ..."]) -> Float[np.ndarray, "_ classes"]:
        outputs = outputs_of(self.trainer, x)
        return softmax(outputs) if self.gives_logits else outputs / outputs.sum(1, keepdims=True)

    def _reconciled(
        self, rows: Shaped[np.ndarray, "rows ..."], parts: Sequence[np.ndarray], lesson: Lesson
    ) -> bool:
        """One step along two gradients that were made to agree; whether they conflicted."""
        both = gradients(self.trainer, rows, parts)
        private, seed = (np.concatenate([array_of(g).ravel() for g in part]) for part in both)
        together = reconcile(private, seed, lesson.conflict, lesson.follow)

        sizes = np.cumsum([array_of(g).size for g in both[0]])[:-1]
        pieces = zip(np.split(together, sizes), self.trainer.trainable_variables, strict=True)
        tensors = [keras.ops.convert_to_tensor(g.reshape(v.shape)) for g, v in pieces]
        self.optimizer.apply(tensors, self.trainer.trainable_variables)
        return bool(private @ seed < 0)


def _optimizer(model: Any) -> Any:
    optimizer = getattr(model, "optimizer", None)
    if optimizer is None:
        raise FedH2LError(
            f"the {type(model).__name__} has no optimizer; compile it first: "
            "model.compile(optimizer='adam')"
        )
    return optimizer


def _numbered(variables: Sequence[Any]) -> list[tuple[str, Any]]:
    """Variables by their place: Keras numbers names anew in every process."""
    return [(str(i), variable) for i, variable in enumerate(variables)]
