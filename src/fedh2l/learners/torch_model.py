"""The user's module, checked before anything is learnt: its device, its optimizer, its outputs."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from fedh2l.error import FedH2LError
from fedh2l.learners.torch_inputs import Inputs, Taken, given_to

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


class Placement:
    """Moves a model to its device, and rows to where and what the model takes.

    channels_last: images in this layout in memory; their shape stays (rows, channels, height,
    width).
    """

    def __init__(self, model: nn.Module, device: Any, *, channels_last: bool) -> None:
        parameters = [p for p in model.parameters() if p.is_floating_point()]
        if not parameters:
            raise FedH2LError("the model has no parameters: there is nothing to train")
        self.dtype = parameters[0].dtype
        self.layout = torch.channels_last if channels_last else torch.contiguous_format
        self.embeds = any(isinstance(m, nn.Embedding | nn.EmbeddingBag) for m in model.modules())
        self.tokens = False  # whether rows are known to be indices for an embedding

        place = parameters[0].device if device is None else device
        try:
            self.device = torch.device(place)
            model.to(self.device, memory_format=self.layout)  # pyright: ignore[reportCallIssue, reportArgumentType]
        # torch asserts where it was built without CUDA.
        except (RuntimeError, AssertionError, TypeError) as error:
            raise FedH2LError(
                f"device {place!r}: there is none here ({str(error).splitlines()[0]}); leave "
                "device out, or use 'cpu'"
            ) from error

    def __call__(self, rows: Taken) -> Taken:
        if isinstance(rows, Inputs):
            return Inputs({name: self._placed(part) for name, part in rows.parts.items()})
        return self._placed(rows)

    def _placed(self, rows: Tensor) -> Tensor:
        if self.tokens or self.are_tokens(rows):
            return self._indices(rows)
        rows = rows.to(self.device, self.dtype)
        if rows.ndim == 4 and self.layout == torch.channels_last:
            rows = rows.contiguous(memory_format=torch.channels_last)
        return rows

    def settle(self, rows: Taken) -> None:
        """Take rows of this kind; of several inputs each has a type of its own."""
        self.tokens = isinstance(rows, Tensor) and self.are_tokens(rows)

    def are_tokens(self, rows: Tensor) -> bool:
        """Whether rows are indices for an embedding: integers, and no images."""
        image = rows.dtype == torch.uint8 and rows.ndim > 2
        return self.embeds and rows.dtype in INTEGERS and not image

    def _indices(self, rows: Tensor) -> Tensor:
        if rows.is_floating_point() and bool((rows != rows.round()).any()):
            raise FedH2LError(
                "the private rows are integers for an embedding, these rows are fractions; give "
                "the model and the seed set rows of one kind"
            )
        return rows.to(self.device, torch.int64)


def check_wiring(model: nn.Module, optimizer: Any, schedule: Any) -> None:
    """Refuse what would train nothing, or could not be called once per step."""
    own = {id(p) for p in model.parameters()}
    held = [p for group in optimizer.param_groups for p in group["params"]]
    foreign = sum(id(p) not in own for p in held)
    if foreign:
        raise FedH2LError(
            f"optimizer: {foreign} of its {len(held)} parameters are not the model's; make it of "
            "this model's: Adam(model.parameters())"
        )
    # Of the class: a schedule wraps the step of its optimizer.
    if needed := _needed(type(optimizer).step):
        raise FedH2LError(
            f"optimizer {type(optimizer).__name__} asks for {', '.join(needed)} in each step, "
            "which a mini-batch of two losses does not have; use Adam or SGD"
        )

    if schedule is None:
        return
    if getattr(schedule, "optimizer", optimizer) is not optimizer:
        raise FedH2LError("schedule: it is another optimizer's; make it of the one given here")
    if needed := _needed(type(schedule).step):
        raise FedH2LError(
            f"schedule {type(schedule).__name__} asks for {', '.join(needed)} in each step, and "
            "there is no validation in a step; use CosineAnnealingLR or OneCycleLR"
        )


def check_norms(model: nn.Module, rows: int) -> None:
    """Refuse a batch of which BatchNorm can make no statistics."""
    if rows > 1:
        return
    if any(isinstance(m, NORMS) and m.training for m in model.modules()):
        raise FedH2LError(
            "a batch of a single row, and BatchNorm needs two; use drop_last=True in the "
            "DataLoader, or a larger batch"
        )


def frozen_modules(model: nn.Module) -> list[nn.Module]:
    """The parts that stay in evaluation mode while the model is trained.

    Those that the user put there while the model was in training mode; and, of a model that comes
    in evaluation mode as pretrained ones do, BatchNorm whose parameters are not trained.
    """
    if model.training:
        return [m for m in model.modules() if not m.training]
    return [m for m in model.modules() if isinstance(m, NORMS) and _is_fixed(m)]


def train_mode(model: nn.Module, frozen: list[nn.Module]) -> None:
    """Put the model into training mode, but for its frozen parts."""
    model.train()
    for module in frozen:
        module.training = False


def _is_fixed(norm: nn.Module) -> bool:
    parameters = list(norm.parameters())
    return bool(parameters) and not any(p.requires_grad for p in parameters)


class Logits:
    """What a model gives, as logits (rows, classes); checked the first time in either mode.

    pick: the user's function from what the model gives to the logits.
    autocast: the type that the forward pass is made in, where PyTorch deems it safe.
    """

    def __init__(
        self,
        model: nn.Module,
        pick: Callable[[Any], Tensor] | None,
        autocast: Literal["bfloat16"] | None = None,
    ) -> None:
        self.model, self.pick = model, pick
        self.reduced = None if autocast is None else torch.bfloat16
        self.checked: set[bool] = set()

    def __call__(self, x: Taken) -> Tensor:
        if self.reduced is None:
            given = given_to(self.model, x)
        else:
            with torch.autocast(x.device.type, self.reduced):
                given = given_to(self.model, x)
        logits = logits_in(given) if self.pick is None else self.pick(given)
        if logits.ndim != 2 or len(logits) != len(x) or logits.shape[1] < 2:
            raise FedH2LError(
                f"the model gives {tuple(logits.shape)} for {len(x)} rows; expected logits (rows, "
                "classes), one for each class: two where there are two classes"
            )
        if self.model.training not in self.checked:
            self._check_are_logits(logits.detach())
            self.checked.add(self.model.training)
        # A sum of rounded probabilities is not one.
        return logits.float() if logits.dtype.itemsize < 4 else logits

    def _check_are_logits(self, logits: Tensor) -> None:
        inside = bool(((logits >= 0) & (logits <= 1)).all())
        sums = logits.float().sum(1)
        softmaxed = bool((sums - 1).abs().max() < 0.02) and len(logits) > 1
        # Small logits may lie between 0 and 1 by chance.
        ends_in_sigmoid = isinstance(list(self.model.modules())[-1], nn.Sigmoid)
        if inside and (softmaxed or ends_in_sigmoid):
            raise FedH2LError(
                "the model gives probabilities, not logits: take the softmax or sigmoid at its "
                "end away; it is applied to what the model gives"
            )


def logits_in(given: Any) -> Tensor:
    """The logits in what a model gives, where it is clear which they are."""
    if isinstance(given, Tensor):
        return given
    named = getattr(given, "logits", None)
    if named is None and isinstance(given, Mapping):
        named = cast(Mapping[str, Any], given).get("logits")
    if isinstance(named, Tensor):
        return named
    if isinstance(given, tuple | list):
        parts: Iterable[Any] = given
        tables = [part for part in parts if isinstance(part, Tensor) and part.ndim == 2]
        if len(tables) == 1:
            return tables[0]
    raise FedH2LError(
        f"the model gives a {type(given).__name__}; say which part are the logits, for instance "
        "TorchLearner(…, logits=lambda given: given[0])"
    )


def _needed(method: Callable[..., Any]) -> list[str]:
    """The arguments besides self that must be given in a call."""
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    parameters = list(inspect.signature(method).parameters.values())[1:]
    return [p.name for p in parameters if p.default is p.empty and p.kind not in kinds]
