"""PyTorch: any module, any optimiser, on arrays or on the user's own DataLoader."""

import json
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, log_softmax

from fedh2l.distill import reconcile
from fedh2l.error import FedH2LError
from fedh2l.learner import Lesson, State, under
from fedh2l.rows import Rows, check_classes, checked_rows

Batch = tuple[Tensor, Tensor]
EVALUATION_ROWS = 500  # rows per forward pass where nothing is learnt


class TorchLearner:
    """`model` trained by `optimizer` on private batches and, in the same forward pass, on rows of a
    lesson.

    data: (x, y) arrays, class indices in y; or an iterable of (x, y) batches such as a DataLoader.
    batch: private rows per step, where data are arrays.
    augment: a function of (rows, generator) applied to every private batch, such as
    `fedh2l.views.geometry`.
    schedule: a learning-rate scheduler of the optimizer, stepped once per step.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        data: Rows | Iterable[Any],
        *,
        batch: int = 32,
        augment: Callable[[np.ndarray, np.random.Generator], np.ndarray] | None = None,
        schedule: torch.optim.lr_scheduler.LRScheduler | None = None,
        device: str | torch.device | None = None,
        channels_last: bool = True,
        seed: int = 0,
    ) -> None:
        self.device = torch.device(device) if device else next(model.parameters()).device
        self.dtype = next(model.parameters()).dtype
        self.layout = torch.channels_last if channels_last else torch.contiguous_format
        self.model = model.to(self.device, memory_format=self.layout)  # pyright: ignore[reportCallIssue, reportArgumentType]
        self.optimizer, self.schedule, self.augment = optimizer, schedule, augment
        self.rng = np.random.default_rng(seed)  # order of the rows and their augmentation
        self.torch_state = torch.Generator().manual_seed(seed).get_state()  # dropout
        self.order = np.zeros(0, np.int64)
        self.anchor: tuple[list[Tensor], float] | None = None
        self.checked = False
        if isinstance(data, tuple):
            x, y = checked_rows(data)
            if len(x) < batch:
                raise FedH2LError(
                    f"private data: {len(x)} rows, fewer than a batch of {batch}; use a smaller "
                    "batch or more rows"
                )
            self.rows = len(x)
            self.batches = self._from_arrays(x, y, batch)
        else:
            self.rows = len(getattr(data, "dataset", ()) or ()) or 1
            self.batches = self._from_loader(data)

    # --- what a Learner does

    def posteriors(self, x: Shaped[np.ndarray, "rows ..."]) -> Float[np.ndarray, "rows classes"]:
        """p(class | x) in evaluation mode: dropout off, BatchNorm on its running statistics and
        leaving them alone.
        """
        self.model.eval()
        with torch.inference_mode():
            parts = [
                self.model(self._tensor(x[i : i + EVALUATION_ROWS])).softmax(1).cpu()
                for i in range(0, len(x), EVALUATION_ROWS)
            ]
        return torch.cat(parts).float().numpy()

    def learn(self, lesson: Lesson | None, steps: int) -> float | None:
        self.model.train()
        conflicts: list[bool] = []
        with self._own_randomness():
            for step, (taught, pick) in enumerate(self._taught(lesson, steps)):
                measure = lesson is not None and (
                    lesson.conflict != "none" or (lesson.watch and step == 0)
                )
                private, seed = self._losses(next(self.batches), lesson, taught, pick)
                self.optimizer.zero_grad(set_to_none=True)
                if lesson is not None and seed is not None and measure:
                    conflicts.append(self._reconciled_backward(private, seed, lesson))
                else:
                    (private if seed is None else private + seed).backward()
                self.optimizer.step()
                if self.schedule is not None:
                    self.schedule.step()
        return sum(conflicts) / len(conflicts) if conflicts else None

    def state_dict(self) -> State:
        """Model, optimizer, schedule, generators and the place in the epoch; a user's own
        DataLoader starts its epoch anew.
        """
        arrays = {
            f"model.{k}": v.detach().cpu().numpy().copy()
            for k, v in self.model.state_dict().items()
        }
        optimizer = self.optimizer.state_dict()
        for i, entries in optimizer["state"].items():
            arrays |= {
                f"optimizer.{i}.{k}": torch.as_tensor(v).cpu().numpy().copy()
                for k, v in entries.items()
            }
        settings = {
            "groups": optimizer["param_groups"],
            "rng": self.rng.bit_generator.state,
            "schedule": None if self.schedule is None else self.schedule.state_dict(),
        }
        return arrays | {
            "settings": np.frombuffer(json.dumps(settings).encode(), np.uint8).copy(),
            "order": self.order,
            "torch": self.torch_state.numpy().copy(),
        }

    def load_state_dict(self, state: State) -> None:
        settings = json.loads(state["settings"].tobytes())
        entries: dict[int, dict[str, Tensor]] = {}
        for k, v in under(state, "optimizer.").items():
            i, _, name = k.partition(".")
            entries.setdefault(int(i), {})[name] = torch.from_numpy(v.copy())
        try:
            self.model.load_state_dict(
                {k: torch.from_numpy(v.copy()) for k, v in under(state, "model.").items()}
            )
            self.optimizer.load_state_dict({"state": entries, "param_groups": settings["groups"]})
        except (RuntimeError, ValueError, KeyError) as error:
            raise FedH2LError(
                f"the checkpoint is of another model or optimizer: {str(error).splitlines()[0]}"
            ) from error
        if self.schedule is not None:
            self.schedule.load_state_dict(settings["schedule"])
        self.rng.bit_generator.state = settings["rng"]
        self.order, self.torch_state = (
            state["order"].copy(),
            torch.from_numpy(state["torch"].copy()),
        )

    # --- what parameter averaging asks for

    def weights(self) -> State:
        return {k: v.detach().cpu().numpy().copy() for k, v in self.model.state_dict().items()}

    def load_weights(self, weights: State, proximal: float = 0.0) -> None:
        self.model.load_state_dict({k: torch.from_numpy(v.copy()) for k, v in weights.items()})
        self.anchor = (
            ([p.detach().clone() for p in self.model.parameters()], proximal) if proximal else None
        )

    # --- one step

    def _losses(
        self, batch: Batch, lesson: Lesson | None, taught: list[Tensor | None], pick: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """Private and seed loss of one step, from one forward pass over both:

        BatchNorm sees them together.
        """
        x, y = batch
        n = len(x)
        if lesson is not None and pick is not None and taught[0] is not None:
            x = torch.cat([x, taught[0][pick]])
        self._check(x, y)
        logits = self.model(x)
        if not self.checked:
            check_classes(y.cpu().numpy(), logits.shape[1])
            self.checked = True
        private = cross_entropy(logits[:n], y)
        if self.anchor is not None:
            pairs = zip(self.model.parameters(), self.anchor[0], strict=True)
            private = (
                private
                + self.anchor[1] / 2 * torch.stack([((p - a) ** 2).sum() for p, a in pairs]).sum()
            )
        if lesson is None or pick is None:
            return private, None
        _, targets, labels = (None if a is None else a[pick] for a in taught)
        return private, seed_loss(logits[n:], targets, labels, lesson.weight, lesson.temperature)

    def _taught(
        self, lesson: Lesson | None, steps: int
    ) -> Iterator[tuple[list[Tensor | None], Tensor | None]]:
        """The lesson as tensors and, for each step, which of its rows: permutations one after the
        other.
        """
        if lesson is None:
            yield from (([], None) for _ in range(steps))
            return
        answers = (
            None if a is None else torch.from_numpy(a).to(self.device, self.dtype)
            for a in (lesson.targets, lesson.labels)
        )
        parts = [self._tensor(lesson.x), *answers]
        size = min(lesson.batch, len(lesson.x))
        picks: list[np.ndarray] = []
        for _ in range(steps):
            if not picks:
                order = self.rng.permutation(len(lesson.x))
                picks = [order[i : i + size] for i in range(0, len(order) - size + 1, size)]
            yield parts, torch.from_numpy(picks.pop(0)).to(self.device)

    def _reconciled_backward(self, private: Tensor, seed: Tensor, lesson: Lesson) -> bool:
        """Two gradients from one forward pass, made to agree; returns whether they conflicted."""
        parameters = [p for p in self.model.parameters() if p.requires_grad]
        of_private, of_seed = (
            torch.cat(
                [
                    g.flatten()
                    for g in torch.autograd.grad(
                        loss, parameters, retain_graph=keep, materialize_grads=True
                    )
                ]
            )
            for loss, keep in ((private, True), (seed, False))
        )
        together = reconcile(of_private, of_seed, lesson.conflict)
        for p, g in zip(parameters, together.split([p.numel() for p in parameters]), strict=True):
            p.grad = g.view_as(p)
        return bool(of_private @ of_seed < 0)

    def _check(self, x: Tensor, y: Tensor) -> None:
        if len(x) == 1 and any(
            isinstance(m, (nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d))
            for m in self.model.modules()
        ):
            raise FedH2LError(
                "a batch of a single row, and BatchNorm needs two; use drop_last=True in the "
                "DataLoader, or a larger batch"
            )

    # --- private rows

    def _from_arrays(self, x: np.ndarray, y: np.ndarray, batch: int) -> Iterator[Batch]:
        """Whole batches of a shuffled epoch; the rest of an epoch leads the next one."""
        while True:
            if len(self.order) < batch:
                self.order = np.concatenate([self.order, self.rng.permutation(len(x))])
            pick, self.order = self.order[:batch], self.order[batch:]
            rows = x[pick] if self.augment is None else self.augment(x[pick], self.rng)
            yield self._tensor(rows), torch.from_numpy(y[pick]).to(self.device)

    def _from_loader(self, loader: Iterable[Any]) -> Iterator[Batch]:
        while True:
            empty = True
            for x, y in loader:
                empty = False
                yield (
                    x.to(self.device, self.dtype if x.is_floating_point() else x.dtype),
                    y.to(self.device),
                )
            if empty:
                raise FedH2LError(
                    "the DataLoader yields no batch: fewer rows than a batch with "
                    "drop_last=True, or an iterator used up"
                )

    def _tensor(self, x: np.ndarray) -> Tensor:
        rows = torch.from_numpy(np.ascontiguousarray(x)).to(self.device, self.dtype)
        return (
            rows.contiguous(memory_format=torch.channels_last)
            if rows.ndim == 4 and self.layout == torch.channels_last
            else rows
        )

    @contextmanager
    def _own_randomness(self) -> Generator[None]:
        """Dropout draws from this learner's generator, whichever peers trained before it in this
        process.
        """
        outside = torch.get_rng_state()
        torch.set_rng_state(self.torch_state)
        try:
            yield
        finally:
            self.torch_state = torch.get_rng_state()
            torch.set_rng_state(outside)


def seed_loss(
    logits: Tensor, targets: Tensor | None, labels: Tensor | None, weight: float, temperature: float
) -> Tensor:
    """CE(labels) + λT²·CE(targets at T), means over the rows: the gradient of CE + λT²·mean_j
    KL(p_j ‖ q) at T.
    """
    loss = logits.new_zeros(())
    if labels is not None:
        loss = loss + cross_entropy(logits, labels)
    if targets is not None:
        loss = (
            loss
            - weight
            * temperature**2
            * (targets * log_softmax(logits / temperature, 1)).sum(1).mean()
        )
    return loss
