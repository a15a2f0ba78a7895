"""The losses and the gradient of a step of a PyTorch learner."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, log_softmax

from fedh2l.distill import reconcile
from fedh2l.error import FedH2LError
from fedh2l.learner import Lesson
from fedh2l.learners.batches import is_measured, seed_picks
from fedh2l.learners.torch_inputs import Taken, tensors_of
from fedh2l.learners.torch_model import Placement


class SeedBatch(NamedTuple):
    """Rows of a lesson for one step, as tensors; targets and labels as distributions, a row of
    zeros where there is no label.
    """

    x: Taken
    targets: Tensor | None
    labels: Tensor | None
    labelled: int  # how many of the rows have a label


def seed_batches(
    lesson: Lesson,
    features: Shaped[np.ndarray, "rows ..."],
    place: Placement,
    rng: np.random.Generator,
) -> Iterator[SeedBatch]:
    """Without end: the rows that `seed_picks` picks, of a lesson whose rows the model takes as
    `features`.
    """
    # The loss is never computed in less than float32.
    dtype = place.dtype if place.dtype.itemsize >= 4 else torch.float32
    x = place(tensors_of(features))
    targets, labels = (
        None if a is None else torch.from_numpy(a).to(place.device, dtype)
        for a in (lesson.targets, lesson.labels)
    )

    has_label = lesson.labelled
    for rows in seed_picks(lesson, rng):
        pick = torch.from_numpy(rows).to(place.device)
        target, label = (None if a is None else a[pick] for a in (targets, labels))
        yield SeedBatch(x[pick], target, label, int(has_label[rows].sum()))


def seed_loss(logits: Tensor, taught: SeedBatch, weight: float, temperature: float) -> Tensor:
    """CE(labels) + λT²·CE(targets at T), means over the labelled rows and over all rows: the
    gradient of CE + λT²·mean_j KL(p_j ‖ q) at T.
    """
    loss: Tensor | float = 0.0
    if taught.labels is not None:
        # A row without a label is a row of zeros, and adds nothing to the sum.
        labelled = max(taught.labelled, 1)
        loss = cross_entropy(logits, taught.labels, reduction="sum") / labelled
    if taught.targets is not None:
        softened = log_softmax(logits if temperature == 1 else logits / temperature, 1)
        loss = loss - weight * temperature**2 * (taught.targets * softened).sum(1).mean()
    return loss if isinstance(loss, Tensor) else logits.new_zeros(())


def followed_loss(private: Tensor, seed: Tensor | None, lesson: Lesson | None) -> Tensor:
    """What a step minimises where its two gradients need not be told apart."""
    if seed is None or lesson is None or lesson.follow == "private":
        return private
    return seed if lesson.follow == "seed" else private + seed


def check_loss(loss: Tensor | None, steps: int) -> None:
    """Refuse to go on from a loss that is no number; asked once a round, as the device must wait
    for it.
    """
    if loss is not None and not bool(loss.isfinite()):
        raise FedH2LError(
            f"the loss is {loss.item()} after {steps} steps: training has diverged; use a "
            "smaller learning rate, or features of a smaller range"
        )


def proximal_loss(model: nn.Module, anchor: list[Tensor], weight: float) -> Tensor:
    """μ/2·‖w − anchor‖² (FedProx, arXiv:1812.06127)."""
    pairs = zip(model.parameters(), anchor, strict=True)
    return weight / 2 * torch.stack([((p - a) ** 2).sum() for p, a in pairs]).sum()


def reconciled_backward(model: nn.Module, private: Tensor, seed: Tensor, lesson: Lesson) -> bool:
    """Two gradients from one forward pass, made to agree and put into the parameters.

    Returns whether they conflicted.
    """
    parameters = [p for p in model.parameters() if p.requires_grad]
    of_private = gradient(private, parameters, keep=True)
    of_seed = gradient(seed, parameters)

    put_gradient(reconcile(of_private, of_seed, lesson.conflict, lesson.follow), parameters)
    return bool(of_private @ of_seed < 0)


def gradient(loss: Tensor, parameters: list[nn.Parameter], *, keep: bool = False) -> Tensor:
    """Of the loss, all parameters in one vector; keep: the graph is needed again."""
    parts = torch.autograd.grad(loss, parameters, retain_graph=keep, materialize_grads=True)
    return torch.cat([g.flatten() for g in parts])


def put_gradient(vector: Tensor, parameters: list[nn.Parameter]) -> None:
    """The other way: what an optimizer steps along."""
    for p, g in zip(parameters, vector.split([p.numel() for p in parameters]), strict=True):
        p.grad = g.view_as(p)


def follows_private(lesson: Lesson | None) -> bool:
    """Whether private rows are looked at: where steps go along the seed gradient, by a rule only
    that protects it against the private one.
    """
    if lesson is None or lesson.follow != "seed":
        return True
    return lesson.conflict in ("private", "both")


def conflict(
    private: Tensor | None, seed: Tensor | None, lesson: Lesson | None, step: int
) -> list[bool]:
    """Whether the gradients of a step point against each other; nothing where nobody asks, or one
    is missing.
    """
    if lesson is None or not is_measured(lesson, step) or private is None or seed is None:
        return []
    return [bool(private @ seed < 0)]


def together(private: Tensor | None, seed: Tensor | None, lesson: Lesson | None) -> Tensor | None:
    """A step's gradient from those that there are; None where it would go along another."""
    if private is None and seed is not None and lesson is not None and lesson.follow == "private":
        return None
    if private is None or seed is None:
        return seed if private is None else private
    if lesson is None:
        return private + seed
    return reconcile(private, seed, lesson.conflict, lesson.follow)
