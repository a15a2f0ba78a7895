"""DP-SGD (Abadi et al., arXiv:1607.00133) for PyTorch learners, by Opacus: of the private rows
nothing reaches the model but clipped gradients in noise, and the ledger knows of each step first.

The gradient of a lesson is public: of seed rows, and of what others said of them.
"""

from itertools import repeat

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from fedh2l.error import FedH2LError
from fedh2l.learner import Lesson, Spent, State
from fedh2l.learners.accountant import epsilon_of, noise_for
from fedh2l.learners.privacy import GAIN, READS_ROWS
from fedh2l.learners.torch import TorchLearner
from fedh2l.learners.torch_model import train_mode
from fedh2l.learners.torch_per_row import check_rows_apart, clipped_sum, unseeded
from fedh2l.learners.torch_step import (
    SeedBatch,
    check_loss,
    conflict,
    follows_private,
    gradient,
    put_gradient,
    seed_loss,
    together,
)
from fedh2l.record.ledger import Ledger, Spending
from fedh2l.rows import Rows
from fedh2l.seedset import SeedSet

TAKEN = "private.steps"  # in a state: private steps that were asked for, and those refused


class PrivateTorchLearner:
    """A TorchLearner whose private rows are learnt by DP-SGD within a budget.

    Private steps that the budget does not allow are not taken: the learner goes on from lessons
    alone.

    Parameters
    ----------
    learner
        Its model, optimizer, features, rows and their augmentation; its batch counts no more.
    ledger
        What was spent on these rows in their whole life.
    epsilon, delta
        The budget.
    clip
        The largest norm of the gradient of one row.
    sampling
        The probability with which each row is in a step.
    steps
        How many private steps are planned: the noise is such that the budget lasts for them.

    Raises FedH2LError, with the fix, where the learner mixes rows in a batch.
    """

    def __init__(
        self,
        learner: TorchLearner,
        ledger: Ledger,
        *,
        epsilon: float,
        delta: float,
        clip: float,
        sampling: float,
        steps: int,
    ) -> None:
        self.private = check_rows_apart(learner)
        self.learner, self.ledger = learner, ledger
        self.epsilon, self.delta, self.clip, self.sampling = epsilon, delta, clip, sampling
        self.steps = steps
        self.asked, self.refused = 0, 0  # private steps, since the model was new
        self.noise = 0.0
        self._left: int | None = None  # private steps that the budget allows; None: not known yet

        # As others have them of a TorchLearner: the model is public.
        self.model, self.optimizer, self.rows = learner.model, learner.optimizer, learner.rows
        self.features, self.place, self.logits = learner.features, learner.place, learner.logits
        self.parameters = [p for p in self.model.parameters() if p.requires_grad]

    def posteriors(self, x: Shaped[np.ndarray, "rows ..."]) -> Float[np.ndarray, "rows classes"]:
        return self.learner.posteriors(x)

    def compare(self, seed_set: SeedSet) -> list[str]:
        """What its owner is told before the first round."""
        return self.learner.compare(seed_set)

    def weights(self) -> State:
        return self.learner.weights()

    def load_weights(self, weights: State, proximal: float = 0.0) -> None:
        self.learner.load_weights(weights, proximal)

    def private_rows(self) -> Rows:
        """Refused: what a method makes of them would be said without noise."""
        raise FedH2LError(f"what the method says depends on {READS_ROWS}")

    def state_dict(self) -> State:
        """The learner's. Neither the ledger nor any randomness of private steps is in it."""
        return {**self.learner.state_dict(), TAKEN: np.array([self.asked, self.refused])}

    def load_state_dict(self, state: State) -> None:
        if TAKEN not in state:
            raise FedH2LError(
                "the checkpoint is of a learner without a privacy budget, so nothing bounds what "
                "it has learnt; start anew with another --out"
            )
        asked, refused = state[TAKEN].tolist()
        self.learner.load_state_dict({k: v for k, v in state.items() if k != TAKEN})
        self.asked, self.refused, self._left = asked, refused, None

    def spent(self) -> Spent:
        """What was spent in the whole life of the ledger."""
        spendings = self.ledger.spendings
        return Spent(
            epsilon=epsilon_of(spendings, self.delta),
            budget=self.epsilon,
            delta=self.delta,
            steps=sum(s.steps for s in spendings),
            refused=self.refused,
        )

    def learn(self, lesson: Lesson | None, steps: int) -> float | None:
        """See `Learner`. Whether gradients conflict is told by the noised private one."""
        allowed = self._pay(steps) if follows_private(lesson) else 0
        train_mode(self.model, self.learner.frozen)
        conflicts: list[bool] = []
        loss: Tensor | None = None
        with unseeded() as rng:
            lessons = repeat(None) if lesson is None else self.learner.seed_batches(lesson)
            for step in range(steps):
                loss = self._public_loss(lesson, next(lessons))
                seed = None if loss is None else gradient(loss, self.parameters)
                private = self._private_gradient(lesson, rng) if step < allowed else None
                # A rule sees the private gradient in its noise, like everybody.
                conflicts += conflict(private, seed, lesson, step)
                self._step(together(private, seed, lesson))
        check_loss(loss, steps)
        return sum(conflicts) / len(conflicts) if conflicts else None

    def _step(self, along: Tensor | None) -> None:
        if along is not None:
            put_gradient(along, self.parameters)
            self.learner.advance()

    def _pay(self, steps: int) -> int:
        """How many of these private steps the budget allows. They are in the ledger by then."""
        if self._left is None:
            self._plan()
        allowed = min(steps, self._left or 0)
        if allowed:
            spending = Spending(self.noise, self.sampling, allowed)
            about = {"rows": self.rows, "clip": self.clip, "budget": self.epsilon}
            self.ledger.append(spending, about | {"delta": self.delta})
            self._left = (self._left or 0) - allowed
        self.asked += steps
        self.refused += steps - allowed
        return allowed

    def _plan(self) -> None:
        """The noise with which the budget lasts for the planned steps that are left, whatever was
        spent before; no step where it is used up.
        """
        left = max(0, self.steps - self.asked)
        spent, budget = self.ledger.spendings, (self.epsilon, self.delta)
        noise = noise_for(spent, self.sampling, left, *budget) if left else None
        self.noise, self._left = (0.0, 0) if noise is None else (noise, left)

    def _public_loss(self, lesson: Lesson | None, taught: SeedBatch | None) -> Tensor | None:
        """Of seed rows, and of the distance to the average where a method pulls to it."""
        loss = self.learner.losses.proximal()
        if lesson is not None and taught is not None:
            logits = self.logits(taught.x)
            of_seeds = seed_loss(logits, taught, lesson.weight, lesson.temperature)
            loss = of_seeds if loss is None else loss + of_seeds
        return loss

    def _private_gradient(self, lesson: Lesson | None, rng: np.random.Generator) -> Tensor:
        """(Σ of the clipped gradients of the rows drawn + noise) / rows expected."""
        pick = np.flatnonzero(rng.random(self.rows) < self.sampling)
        total = clipped_sum(self.learner, self.private, pick, self.clip, rng)
        noise = rng.standard_normal(len(total), np.float32) * (self.noise * self.clip)
        noised = total + torch.from_numpy(noise).to(total)
        factor = GAIN if lesson is None else GAIN * lesson.private
        return noised * (factor / (self.sampling * self.rows))
