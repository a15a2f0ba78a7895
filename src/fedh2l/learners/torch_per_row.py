"""The gradient of each private row by itself, clipped, by Opacus: what DP-SGD adds noise to."""

import secrets
import warnings
from collections.abc import Generator
from contextlib import contextmanager

import numpy as np
import torch
from jaxtyping import Int
from opacus.grad_sample import GradSampleModuleFastGradientClipping
from opacus.validators import ModuleValidator
from torch import Tensor, nn

from fedh2l.error import FedH2LError
from fedh2l.learners.features import PrivateRows
from fedh2l.learners.torch import TorchLearner
from fedh2l.learners.torch_batches import ArrayBatches
from fedh2l.learners.torch_inputs import Taken, tensors_of
from fedh2l.learners.torch_model import NORMS, train_mode
from fedh2l.rows import check_classes

CHUNK = 256  # rows that pass through the model at a time
TRIED, SHORT = 8, 1e-3  # rows that a model is tried with, and the clip then
GROUPS = 4  # of a GroupNorm that takes the place of a BatchNorm


@contextmanager
def unseeded() -> Generator[np.random.Generator]:
    """A generator from the entropy of the operating system, used up here; torch's own, for dropout,
    begins anew from there too, and is put back in the end.

    Nothing of it is kept: who knew it could take the noise out again.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(secrets.randbits(63))
        yield np.random.default_rng()


def clipped_sum(
    learner: TorchLearner,
    private: PrivateRows,
    pick: Int[np.ndarray, " rows"],
    clip: float,
    rng: np.random.Generator,
) -> Tensor:
    """The sum of the gradients of these rows' losses, none longer than `clip`; all parameters in
    one vector. `rng` augments the rows.
    """
    private.rng = rng
    parameters = [p for p in learner.model.parameters() if p.requires_grad]
    total = torch.cat([torch.zeros_like(p).flatten() for p in parameters])
    for start in range(0, len(pick), CHUNK):
        part = pick[start : start + CHUNK]
        x = learner.place(tensors_of(private.taken(part)))
        total += _of_chunk(learner, x, torch.from_numpy(private.y[part]).to(x.device), clip)
    return total


def _of_chunk(learner: TorchLearner, x: Taken, y: Tensor, clip: float) -> Tensor:
    """The sum of these rows' clipped gradients, from one forward pass."""
    parameters = [p for p in learner.model.parameters() if p.requires_grad]
    hooked = GradSampleModuleFastGradientClipping(
        learner.model,
        loss_reduction="sum",
        max_grad_norm=clip,  # pyright: ignore[reportArgumentType]  # Opacus guesses int of its 1
    )
    try:
        logits = learner.logits(x)
        if int(y.max()) >= logits.shape[1]:
            check_classes(y.cpu().numpy(), logits.shape[1])
        losses = learner.losses.of_rows(logits, y)
        with warnings.catch_warnings():
            # Rows have no gradient of their own, and none is needed.
            warnings.filterwarnings("ignore", "Full backward hook is firing")
            # The first pass measures how long each row's gradient is, the second one sums.
            torch.autograd.grad(losses.sum(), parameters, retain_graph=True)
            factors = hooked.get_clipping_coef()
            hooked.disable_hooks()
            parts = torch.autograd.grad((factors * losses).sum(), parameters)
    finally:
        hooked.to_standard_module()

    total = torch.cat([g.flatten() for g in parts])
    if bool(total.isfinite().all()):
        return total
    # A row whose gradient is not finite has no length that could be bounded: it is left out.
    finite = factors.isfinite() & losses.isfinite()
    if bool(finite.any()) and not bool(finite.all()):
        return _of_chunk(learner, x[finite], y[finite], clip)
    return torch.zeros_like(total)


def without_batch_statistics(model: nn.Module) -> nn.Module:
    """The model with GroupNorm in the place of BatchNorm, which mixes the rows of a batch."""
    return ModuleValidator.fix(model, num_groups=GROUPS)


def check_rows_apart(learner: TorchLearner) -> PrivateRows:
    """The private rows of a learner in which each has a gradient of its own.

    Raises FedH2LError, with the fix, where rows are drawn or mixed by somebody else.
    """
    batches, losses = learner.batches, learner.losses
    if not isinstance(batches, ArrayBatches):
        raise FedH2LError(
            "a privacy budget needs to draw each private row by itself, and a DataLoader draws "
            "batches; give the learner arrays: TorchLearner(model, optimizer, (x, y))"
        )
    if losses.of_classes is None and losses.loss is not nn.functional.cross_entropy:
        raise FedH2LError(
            "a privacy budget bounds the loss of each private row by itself, and loss= is a "
            "function of a batch; leave it out, or give a weight for each class"
        )
    if learner.logits.reduced is not None:
        raise FedH2LError("a privacy budget needs gradients in float32; leave autocast out")
    if learner.place.layout == torch.channels_last:
        raise FedH2LError(
            "Opacus measures gradients wrongly with the channels last; leave channels_last out"
        )
    _check_model(learner)
    return batches.private


def _check_model(learner: TorchLearner) -> None:
    train_mode(learner.model, learner.frozen)
    for module in learner.model.modules():
        if isinstance(module, NORMS) and module.training:
            raise FedH2LError(
                f"{type(module).__name__} mixes the rows of a batch, so none has a gradient of its "
                "own; use GroupNorm in its place, before the optimizer is made: model = "
                "opacus.validators.ModuleValidator.fix(model)"
            )
        # Opacus looks at nothing that is not being trained.
        if not module.training and any(p.requires_grad for p in module.parameters(recurse=False)):
            raise FedH2LError(
                f"{type(module).__name__} is in evaluation mode, but its parameters are trained, "
                "and no row has a gradient of them; use requires_grad_(False), or model.train()"
            )
    reasons = [str(error).partition(". ")[0] for error in ModuleValidator.validate(learner.model)]
    reasons = reasons or _failures(learner)
    if reasons:
        raise FedH2LError(
            "Opacus finds no gradient of each row by itself in the model: "
            f"{'; '.join(dict.fromkeys(reasons))}; replace that part, or leave --epsilon out"
        )


def _failures(learner: TorchLearner) -> list[str]:
    """Why made-up rows like the private ones have no gradients of their own, or none that Opacus
    measures rightly; nothing where they have.
    """
    batches = learner.batches
    assert isinstance(batches, ArrayBatches)
    like = batches.private.some(1)
    # Of tokens those numbered 1, which every vocabulary has.
    rows = np.ones((TRIED, *like.shape[1:]), like.dtype)
    if like.dtype.kind == "f":
        rows = np.random.default_rng(0).normal(size=rows.shape).astype(like.dtype)
    x = learner.place(tensors_of(rows))
    try:
        with unseeded():
            is_mixed = _is_mixed(learner, x)
            wrong = any(_is_measured_wrongly(learner, x[i : i + 1]) for i in range(TRIED))
    # Opacus, and the model's own layers, raise kinds of their own.
    except Exception as error:
        return [" ".join(str(error).split())[:200] or type(error).__name__]
    if is_mixed:
        return ["what it says of one row depends on another row of the batch"]
    return ["the length of a row's gradient is measured wrongly"] if wrong else []


def _is_measured_wrongly(learner: TorchLearner, row: Taken) -> bool:
    """Whether a gradient longer than the clip is not as long as the clip once it is clipped."""
    y = torch.zeros(1, dtype=torch.int64, device=row.device)
    whole, clipped = (float(_of_chunk(learner, row, y, c).norm()) for c in (torch.inf, SHORT))
    return whole > 2 * SHORT and abs(clipped - SHORT) > 0.01 * SHORT


def _is_mixed(learner: TorchLearner, x: Taken) -> bool:
    """Whether the logits of the first row have a gradient in another row."""
    if not isinstance(x, Tensor) or not x.is_floating_point():
        return False  # indices have no gradient
    x = x.clone().requires_grad_()
    of_first = learner.logits(x)[0].sum()
    (slope,) = torch.autograd.grad(of_first, x, materialize_grads=True)
    return bool(slope[1:].any())
