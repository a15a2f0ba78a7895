"""PyTorch: any module, any optimiser, on arrays or on the user's own DataLoader."""

from collections.abc import Callable, Iterator, Sequence
from itertools import repeat
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from fedh2l.learner import Lesson, State
from fedh2l.learners import torch_state
from fedh2l.learners.batches import check_finite, evaluation_rows, is_measured
from fedh2l.learners.compare import compare
from fedh2l.learners.features import Features, Featurise
from fedh2l.learners.torch_batches import ArrayBatches, batches_of, compare_features
from fedh2l.learners.torch_embedding import Embedder
from fedh2l.learners.torch_inputs import tensors_of
from fedh2l.learners.torch_loader import LoaderBatches
from fedh2l.learners.torch_losses import Loss, Losses
from fedh2l.learners.torch_model import Logits, Placement, check_wiring, frozen_modules, train_mode
from fedh2l.learners.torch_step import (
    SeedBatch,
    check_loss,
    followed_loss,
    reconciled_backward,
    seed_batches,
)
from fedh2l.rows import Rows
from fedh2l.seedset import SeedSet
from fedh2l.views import View


class TorchLearner:
    """A PyTorch module trained on private batches and, in the same pass, on rows of a lesson.

    Parameters
    ----------
    model
        Gives logits (rows, classes): as a tensor, as `.logits` or ["logits"], or as the only
        table in a tuple. Parts that are in evaluation mode while the model is in training mode,
        such as a frozen BatchNorm, stay there.
    optimizer
        Of this model's parameters; any that is called once per step.
    data
        (x, y): arrays, tensors or a TensorDataset, class indices in y; or an iterable of batches
        (x, y) or {…, "labels": y}, such as a DataLoader.
    batch
        Private rows per step, where data are arrays; 32 if nothing is said.
    augment
        A function of (rows, generator) applied to every private batch of arrays, such as
        `fedh2l.views.geometry`.
    schedule
        A learning-rate scheduler of the optimizer, stepped once per step.
    device
        Where to train; by default where the model is.
    channels_last
        Images lie in memory with the channels last: faster for many convolutions, and then
        `x.view(len(x), -1)` in a model must be `x.flatten(1)`.
    logits
        A function from what the model gives to its logits, where that is not clear.
    loss
        Of the private rows: a function of (logits, labels), or a weight for each class;
        cross-entropy if nothing is said. A lesson's loss is the exchange's, and stays.
    clip
        The largest norm of a step's gradient.
    autocast
        "bfloat16": the forward pass in bfloat16 where PyTorch deems it safe.
    featurise
        From raw rows to this peer's own features of them, once; a DataLoader's rows are features.
        Several arrays by name are the keyword arguments of the model.
    rows
        How many private rows there are, where an iterable does not tell; FedAvg weighs by it.
    seed
        Of the order of rows, their augmentation and dropout.

    Raises FedH2LError, with the fix, for parts that do not fit together.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        data: Any,
        *,
        batch: int | None = None,
        augment: View | None = None,
        schedule: torch.optim.lr_scheduler.LRScheduler | None = None,
        device: str | torch.device | None = None,
        channels_last: bool = False,
        logits: Callable[[Any], Tensor] | None = None,
        loss: Loss | Sequence[float] | None = None,
        clip: float | None = None,
        autocast: Literal["bfloat16"] | None = None,
        featurise: Featurise | None = None,
        rows: int | None = None,
        seed: int = 0,
    ) -> None:
        check_wiring(model, optimizer, schedule)
        self.place = Placement(model, device, channels_last=channels_last)
        self.model, self.optimizer, self.schedule = model, optimizer, schedule
        self.logits = Logits(model, logits, autocast)
        self.losses, self.clip = Losses(self.logits, loss, self.place.device), clip
        self.frozen = frozen_modules(model)
        self.rng = np.random.default_rng(seed)  # order of the rows and their augmentation
        self.randomness = torch_state.Randomness(seed)
        self.features = Features(featurise, named=True)
        self.embedding = Embedder(self.features, self.place, self.losses)

        self.batches = batches_of(
            data,
            batch=batch,
            augment=augment,
            features=self.features,
            rows=rows,
            rng=self.rng,
            place=self.place,
        )
        self.rows = self.batches.rows
        if isinstance(self.batches, ArrayBatches):
            self.place.settle(tensors_of(self.batches.private.some(1)))
        self.state_dict()  # refuses here and not after a round what it cannot save

    # --- what a Learner does

    def posteriors(self, x: Shaped[np.ndarray, "rows ..."]) -> Float[np.ndarray, "rows classes"]:
        """p(class | x) in evaluation mode: dropout off, BatchNorm on its running statistics and
        leaving them alone.

        Raises FedH2LError where they are NaN: training has diverged.
        """
        x = self.features(x)
        self.model.eval()
        parts: list[Tensor] = []
        # Not inference_mode: what a model caches in its first pass could not be learnt through.
        with torch.no_grad():
            step = evaluation_rows(x)
            for start in range(0, len(x), step):
                rows = self.place(tensors_of(x[start : start + step]))
                parts.append(self.logits(rows).softmax(1).cpu())
        probs = torch.cat(parts).float().numpy()
        check_finite(probs)
        return probs

    def learn(self, lesson: Lesson | None, steps: int) -> float | None:
        """See `Learner`. Raises FedH2LError where the loss is NaN or infinite in the end."""
        train_mode(self.model, self.frozen)
        conflicts: list[bool] = []
        loss: Tensor | None = None
        with self.randomness():
            lessons = repeat(None) if lesson is None else self.seed_batches(lesson)
            for step in range(steps):
                # Both draw from one generator: the seed rows first.
                taught, batch = next(lessons), self.batches.next()
                private, seed = self.losses(batch, lesson, taught)
                loss = followed_loss(private, seed, lesson)
                self.optimizer.zero_grad(set_to_none=True)
                # Two gradients cost two backward passes: only where somebody looks at them.
                if lesson is not None and seed is not None and is_measured(lesson, step):
                    conflicts.append(reconciled_backward(self.model, private, seed, lesson))
                else:
                    loss.backward()
                self.advance()
        check_loss(loss, steps)
        return sum(conflicts) / len(conflicts) if conflicts else None

    def state_dict(self) -> State:
        """Model, optimizer, schedule, generators and the place in the epoch; a user's own
        DataLoader starts its epoch anew.
        """
        state = torch_state.save(self.model, self.optimizer, self.schedule, self.rng)
        torch_rng = self.randomness.state.numpy().copy()
        return {**state, "order": self.batches.order, "torch": torch_rng}

    def load_state_dict(self, state: State) -> None:
        torch_state.load(state, self.model, self.optimizer, self.schedule, self.rng)
        self.randomness.state = torch.from_numpy(state["torch"].copy())
        self.batches.restart(state["order"])

    # --- what a Peer asks for

    def compare(self, seed_set: SeedSet) -> list[str]:
        """What is likely wrong between the private rows and the seed set; see `compare`."""
        with self.randomness():  # a DataLoader draws its order
            x, y = self.batches.some()
        if isinstance(self.batches, LoaderBatches):
            self.place.settle(tensors_of(x[:1]))
            if self.features.featurise is not None:
                return compare_features(tensors_of(x), y, self.features, seed_set)
        return compare((x, y), seed_set)

    def private_rows(self) -> Rows:
        """All private rows as they were given; see `Readable`."""
        return self.batches.rows_read()

    # --- what parameter averaging asks for

    def weights(self) -> State:
        return torch_state.weights(self.model)

    def load_weights(self, weights: State, proximal: float = 0.0) -> None:
        torch_state.load_weights(self.model, weights)
        anchor = [p.detach().clone() for p in self.model.parameters()] if proximal else []
        self.losses.anchor = (anchor, proximal) if proximal else None

    # --- the parts of a step

    def seed_batches(self, lesson: Lesson) -> Iterator[SeedBatch]:
        return seed_batches(lesson, self.features.of_lesson(lesson), self.place, self.rng)

    def advance(self) -> None:
        """A step of the optimizer along the gradients in the parameters, and of the schedule."""
        if self.clip is not None:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.clip)
        self.optimizer.step()
        if self.schedule is not None:
            self.schedule.step()
