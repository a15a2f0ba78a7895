"""JAX: any function of parameters and rows, any optimiser of Optax."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
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
from fedh2l.learners.jax_state import arrays_of, tree_of
from fedh2l.learners.jax_step import Parts, Trained, step_of
from fedh2l.rows import Rows, number_of_classes
from fedh2l.seedset import SeedSet
from fedh2l.views import View


class JaxLearner:
    """A function of parameters trained on private batches and, in the same forward pass, on rows
    of a lesson. What `trained` holds is the model after learning.

    Parameters
    ----------
    apply
        apply(params, x) gives logits (rows, classes). With `state`: apply(params, state, x,
        training) gives (logits, new state).
    params
        The initial parameters, a tree of arrays; they are left as they are.
    optimizer
        A gradient transformation of Optax, such as optax.adam(1e-3).
    data
        (x, y): arrays, class indices in y.
    classes
        How many classes the federation has.
    state
        What the model changes besides its parameters, a tree of arrays: running statistics, keys
        of its dropout. For a module of Flax NNX see `fedh2l.learners.jax_nnx.nnx_learner`.
    batch
        Private rows per step; 32 if nothing is said.
    augment
        A function of (rows, generator) applied to every private batch, such as
        `fedh2l.views.geometry`.
    featurise
        From raw rows to this peer's own features of them; applied once.
    seed
        Of the order of rows and their augmentation.

    Raises FedH2LError, with the fix, for parts that do not fit together.
    """

    def __init__(
        self,
        apply: Callable[..., Any],
        params: Any,
        optimizer: Any,
        data: Sequence[Any],
        classes: int,
        *,
        state: Any = None,
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

        params = jax.tree.map(jnp.asarray, params)
        self.trained = Trained(params, jax.tree.map(jnp.asarray, state), optimizer.init(params))
        self.step = step_of(apply, optimizer, stateful=state is not None)
        self._check_are_logits()

    def posteriors(self, x: Shaped[np.ndarray, "rows ..."]) -> Float[np.ndarray, "rows classes"]:
        """p(class | x), not in training: dropout off, running statistics as they are.

        Raises FedH2LError where they are NaN: training has diverged.
        """
        probs = in_chunks(self.features(x), self._posteriors)
        check_finite(probs)
        return probs

    def learn(self, lesson: Lesson | None, steps: int) -> float | None:
        """See `Learner`. Raises FedH2LError where the loss is NaN or infinite in the end."""
        x = self.private.some(0) if lesson is None else self.features.of_lesson(lesson)
        lessons = seed_batches(lesson, x, self.classes, self.rng)
        parts = _parts(lesson)

        conflicts: list[bool] = []
        loss: Any = 0.0
        for step in range(steps):
            # Both draw from one generator: the seed rows first.
            taught, batch = next(lessons), self.batches.next()
            # Two gradients cost two backward passes: only where somebody looks at them.
            if lesson is not None and is_measured(lesson, step):
                private, seed, state = self.step.gradients(self.trained, batch, taught, parts)
                private, seed = lesson.private * np.asarray(private), np.asarray(seed)
                conflicts.append(bool(private @ seed < 0))
                together = reconcile(private, seed, lesson.conflict, lesson.follow)
                self.trained = self.step.follow(self.trained, together, state)
            else:
                self.trained, loss = self.step.step(self.trained, batch, taught, parts)
        check_loss(float(loss), steps)
        return sum(conflicts) / len(conflicts) if conflicts else None

    def state_dict(self) -> State:
        """Parameters, state, optimizer, generator and the place in the epoch."""
        params, state, optimizer = map(arrays_of, self.trained)
        own = {f"model.{k}": v for k, v in params.items()}
        own |= {f"state.{k}": v for k, v in state.items()}
        own |= {f"optimizer.{k}": v for k, v in optimizer.items()}
        return own | {f"batches.{k}": v for k, v in self.batches.state_dict().items()}

    def load_state_dict(self, state: State) -> None:
        parts = zip(self.trained, ("model.", "state.", "optimizer."), strict=True)
        self.trained = Trained(*(tree_of(tree, under(state, name)) for tree, name in parts))
        self.batches.load_state_dict(under(state, "batches."))

    def private_rows(self) -> Rows:
        """All private rows as they were given; see `Readable`."""
        return self.private.x, self.private.y

    def compare(self, seed_set: SeedSet) -> list[str]:
        """What is likely wrong between the private rows and the seed set; see `compare`."""
        return compare(self.batches.some(), seed_set)

    def _posteriors(self, x: Shaped[np.ndarray, "_ ..."]) -> Float[np.ndarray, "_ classes"]:
        return np.asarray(jax.nn.softmax(self._logits(x).astype(jnp.float32)))

    def _logits(self, x: Shaped[np.ndarray, "_ ..."]) -> Any:
        logits = self.step.logits(self.trained.params, self.trained.state, x)
        check_width(logits.shape, len(x), self.classes)
        return logits

    def _check_are_logits(self) -> None:
        some = self.private.some(self.batches.size)
        if are_probabilities(np.asarray(self._logits(some), np.float32)):
            raise FedH2LError(
                "the model gives probabilities, not logits: take the softmax at its end away; it "
                "is applied to what the model gives"
            )


def _parts(lesson: Lesson | None) -> Parts:
    """What counts in a step where its two gradients need not be told apart."""
    private, seed = followed(lesson)
    if lesson is None:
        return Parts(private, seed, 0.0, 1.0)
    return Parts(private, seed, float(lesson.weight), float(lesson.temperature))
