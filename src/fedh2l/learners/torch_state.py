"""The state of a PyTorch learner as arrays and JSON: nothing is ever pickled."""

import json
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from fedh2l.error import FedH2LError
from fedh2l.learner import State, under

PLAIN = (bool, int, float, str, type(None))  # JSON holds these as they are


def save(model: nn.Module, optimizer: Any, schedule: Any, rng: np.random.Generator) -> State:
    """Model, optimizer, schedule and generator: `model.*`, `optimizer.INDEX.*` and `settings`,
    JSON in bytes.

    Raises FedH2LError where one of them holds what is neither a tensor nor JSON.
    """
    tensors, extra = _parts(model)
    optimizer_state = optimizer.state_dict()
    entries = {f"model.{k}": v for k, v in tensors.items()}
    entries |= _optimizer_entries(optimizer_state["state"])

    settings = {
        "groups": to_json(optimizer_state["param_groups"]),
        "rng": rng.bit_generator.state,
        "schedule": None if schedule is None else to_json(schedule.state_dict()),
    }
    if extra:
        settings["extra"] = to_json(extra)
    if halves := [k for k, v in entries.items() if v.dtype == torch.bfloat16]:
        settings["bfloat16"] = halves
    arrays = {k: array_of(v) for k, v in entries.items()}
    return arrays | {"settings": np.frombuffer(json.dumps(settings).encode(), np.uint8).copy()}


def _optimizer_entries(states: Mapping[int, Mapping[str, Any]]) -> dict[str, Tensor]:
    return {
        f"optimizer.{i}.{k}": torch.as_tensor(v)
        for i, state in states.items()
        for k, v in state.items()
        if v is not None  # without momentum SGD may keep None
    }


def load(
    state: State, model: nn.Module, optimizer: Any, schedule: Any, rng: np.random.Generator
) -> None:
    """Put back what `save` gave."""
    settings = json.loads(state["settings"].tobytes())
    halves = set(settings.get("bfloat16", ()))
    tensors = {
        k: _tensor_of(v, half=f"model.{k}" in halves) for k, v in under(state, "model.").items()
    }
    entries: dict[int, dict[str, Tensor]] = {}
    for k, v in under(state, "optimizer.").items():
        i, _, name = k.partition(".")
        entry = _tensor_of(v, half=f"optimizer.{k}" in halves)
        entries.setdefault(int(i), {})[name] = entry

    extra = from_json(settings.get("extra", {}))
    try:
        model.load_state_dict(tensors | extra)
        optimizer.load_state_dict({"state": entries, "param_groups": from_json(settings["groups"])})
    except (RuntimeError, ValueError, KeyError) as error:
        raise FedH2LError(
            f"the checkpoint is of another model or optimizer: {str(error).splitlines()[0]}"
        ) from error
    if schedule is not None:
        schedule.load_state_dict(from_json(settings["schedule"]))
    rng.bit_generator.state = settings["rng"]


def weights(model: nn.Module) -> dict[str, np.ndarray]:
    """Parameters and buffers; those of bfloat16 as float32, so that they can be averaged."""
    tensors, _ = _parts(model)
    return {k: array_of(v.float() if v.dtype == torch.bfloat16 else v) for k, v in tensors.items()}


def load_weights(model: nn.Module, arrays: State) -> None:
    """Put these parameters and buffers in; what is no tensor stays."""
    _, extra = _parts(model)
    model.load_state_dict({k: torch.from_numpy(v.copy()) for k, v in arrays.items()} | extra)


def array_of(tensor: Tensor) -> np.ndarray:
    """A copy; of bfloat16, which numpy lacks, the bits as integers."""
    tensor = tensor.detach().cpu()
    if tensor.dtype == torch.bfloat16:
        tensor = tensor.view(torch.int16)
    return tensor.numpy().copy()


def to_json(value: Any) -> Any:
    """Settings as JSON holds them: a tensor, and a dict with keys that are no text, are marked."""
    if isinstance(value, PLAIN):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Tensor):
        return {"tensor": value.tolist(), "dtype": str(value.dtype).removeprefix("torch.")}
    if isinstance(value, Mapping):
        return _mapping_to_json(cast(Mapping[Any, Any], value))
    if isinstance(value, list | tuple):
        return [to_json(v) for v in cast(Sequence[Any], value)]
    raise FedH2LError(
        f"the state holds a {type(value).__name__}, which cannot be saved without pickling; use "
        "a model, an optimizer and a schedule whose states are tensors, numbers and text"
    )


def _mapping_to_json(items: Mapping[Any, Any]) -> dict[str, Any]:
    if all(isinstance(k, str) for k in items):
        return {k: to_json(v) for k, v in items.items()}
    return {"pairs": [[to_json(k), to_json(v)] for k, v in items.items()]}


def from_json(value: Any) -> Any:
    """What `to_json` was given; a tuple is a list."""
    if isinstance(value, list):
        parts: list[Any] = value
        return [from_json(v) for v in parts]
    if not isinstance(value, dict):
        return value
    items: dict[str, Any] = value
    if items.keys() == {"tensor", "dtype"}:
        return torch.tensor(items["tensor"], dtype=getattr(torch, items["dtype"]))
    if items.keys() == {"pairs"}:
        return {from_json(k): from_json(v) for k, v in items["pairs"]}
    return {k: from_json(v) for k, v in items.items()}


def _parts(model: nn.Module) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors of a model's state, and the rest of it (`get_extra_state`)."""
    state = model.state_dict()
    tensors = {k: v for k, v in state.items() if isinstance(v, Tensor)}
    return tensors, {k: v for k, v in state.items() if k not in tensors}


def _tensor_of(array: np.ndarray, *, half: bool) -> Tensor:
    tensor = torch.from_numpy(array.copy())
    return tensor.view(torch.bfloat16) if half else tensor


class Randomness:
    """A generator of a learner's own for what draws from torch's: dropout, a DataLoader's order.

    So a learner draws the same, whichever peers trained before it in this process.
    """

    def __init__(self, seed: int) -> None:
        self.state = torch.Generator().manual_seed(seed).get_state()

    @contextmanager
    def __call__(self) -> Generator[None]:
        outside = torch.get_rng_state()
        torch.set_rng_state(self.state)
        try:
            yield
        finally:
            self.state = torch.get_rng_state()
            torch.set_rng_state(outside)
