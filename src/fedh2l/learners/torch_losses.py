"""The two losses of a step of a PyTorch learner, from one forward pass over both kinds of rows."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from fedh2l.error import FedH2LError
from fedh2l.learner import Lesson
from fedh2l.learners.torch_inputs import joined
from fedh2l.learners.torch_loader import Batch
from fedh2l.learners.torch_model import Logits, check_norms
from fedh2l.learners.torch_step import SeedBatch, proximal_loss, seed_loss
from fedh2l.rows import check_classes

Loss = Callable[[Tensor, Tensor], Tensor]  # a number of (logits, labels)
NOTHING = nullcontext(None)


class Losses:
    """Private and seed loss of a step.

    loss: the user's own of the private rows, or a weight for each class.
    """

    def __init__(
        self, logits: Logits, loss: Loss | Sequence[float] | None, device: torch.device
    ) -> None:
        self.logits = logits
        self.anchor: tuple[list[Tensor], float] | None = None  # what FedProx pulls to, how strongly
        # What FedProto adds: while a forward pass is watched, a loss of the private rows' labels.
        self.pull: Callable[[], AbstractContextManager[Callable[[Tensor], Tensor]]] | None = None
        self.loss: Loss = cross_entropy
        self.of_classes: Tensor | None = None  # the weight of each class
        if callable(loss):
            self.loss = loss
        elif loss is not None:
            weight = torch.tensor([float(w) for w in loss], device=device)
            self.loss = lambda logits, labels: cross_entropy(logits, labels, weight=weight)
            self.of_classes = weight

    def __call__(
        self, batch: Batch, lesson: Lesson | None, taught: SeedBatch | None
    ) -> tuple[Tensor, Tensor | None]:
        """Both from one forward pass: BatchNorm sees the rows together."""
        n = len(batch.x)
        x = batch.x if taught is None else joined(batch.x, taught.x)
        check_norms(self.logits.model, len(x))
        with NOTHING if self.pull is None else self.pull() as distance:
            logits = self.logits(x)
        if batch.largest >= logits.shape[1]:
            check_classes(batch.y.cpu().numpy(), logits.shape[1])

        private = self._private(logits[:n], batch.y)
        if distance is not None:
            private = private + distance(batch.y)
        if lesson is None or taught is None:
            return private, None
        private = lesson.private * private
        return private, seed_loss(logits[n:], taught, lesson.weight, lesson.temperature)

    def of_rows(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The loss of each private row, which depends on no other: cross-entropy, by the weight of
        its class where classes have weights.
        """
        losses = cross_entropy(logits, labels, reduction="none")
        return losses if self.of_classes is None else losses * self.of_classes[labels]

    def proximal(self) -> Tensor | None:
        """FedProx's part of the loss, which depends on no row; None where nothing pulls."""
        return None if self.anchor is None else proximal_loss(self.logits.model, *self.anchor)

    def _private(self, logits: Tensor, labels: Tensor) -> Tensor:
        private = self.loss(logits, labels)
        if private.ndim:
            raise FedH2LError(
                f"loss gives a tensor of shape {tuple(private.shape)}, expected a number: the mean "
                "over the rows"
            )
        pull = self.proximal()
        return private if pull is None else private + pull
