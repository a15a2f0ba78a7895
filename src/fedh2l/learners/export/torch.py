"""A PyTorch module: its weights as safetensors, or the whole as ONNX."""

import logging
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from fedh2l.error import FedH2LError
from fedh2l.learners.export.formats import Format, answers_of_onnx
from fedh2l.learners.torch import TorchLearner
from fedh2l.learners.torch_inputs import given_to, tensors_of
from fedh2l.learners.torch_model import logits_in


class Posteriors(nn.Module):
    """The user's module with a softmax behind its logits, for rows as numpy has them."""

    def __init__(self, model: nn.Module, pick: Callable[[Any], Tensor] | None, dtype: Any) -> None:
        super().__init__()
        self.model, self.pick, self.dtype = model, pick, dtype

    def forward(self, x: Tensor) -> Tensor:
        return self.of(self.model(x.to(self.dtype)))

    def of(self, given: Any) -> Tensor:
        """Posteriors from what the module gives."""
        logits = logits_in(given) if self.pick is None else self.pick(given)
        return logits.float().softmax(1)


def _twin(learner: TorchLearner, x: np.ndarray) -> Posteriors:
    """A copy on the CPU, in evaluation mode; the user's own module is left as it is."""
    model = deepcopy(learner.model).cpu().eval()
    rows = learner.place(tensors_of(x[:1]))
    dtype = rows.dtype if isinstance(rows, Tensor) else None
    return Posteriors(model, learner.logits.pick, dtype).eval()


def _write_weights(learner: TorchLearner, x: np.ndarray) -> bytes:
    state = learner.model.state_dict()
    rest = [name for name, value in state.items() if not isinstance(value, Tensor)]
    if rest:
        raise FedH2LError(f"the model's state has {rest[0]!r}, which is no tensor; use onnx")
    return save(
        {name: tensor.detach().cpu().clone().contiguous() for name, tensor in state.items()}
    )


def _read_weights(data: bytes, learner: TorchLearner, x: np.ndarray) -> np.ndarray:
    twin = _twin(learner, x)
    for tensor in twin.model.state_dict().values():
        tensor.zero_()  # so that what the file lacks is missed
    twin.model.load_state_dict(load(data))
    with torch.no_grad():
        return twin.of(given_to(twin.model, learner.place(tensors_of(x)).cpu())).numpy()


def _write_onnx(learner: TorchLearner, x: np.ndarray) -> bytes:
    if x.dtype.names:
        raise FedH2LError(
            f"the model takes several inputs, {', '.join(x.dtype.names)}; use safetensors"
        )
    import onnxscript  # noqa: F401  # pyright: ignore[reportUnusedImport]  # named here if missing

    # The exporter tells of a package that it does not find and does not need, and its bars of
    # progress leave a thread behind.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with suppress(ModuleNotFoundError):
        import tqdm

        tqdm.tqdm.monitor_interval = 0
    example = torch.from_numpy(np.ascontiguousarray(x[:2].repeat(2, 0)))
    program = torch.onnx.export(
        _twin(learner, x),
        (example,),
        dynamo=True,
        input_names=["rows"],
        output_names=["posteriors"],
        dynamic_shapes=({0: torch.export.Dim("rows")},),
        verbose=False,
    )
    assert program is not None
    return program.model_proto.SerializeToString()


def _read_onnx(data: bytes, learner: TorchLearner, x: np.ndarray) -> np.ndarray:
    return answers_of_onnx(data, x, "posteriors")


FORMATS = {
    "safetensors": Format(".safetensors", _write_weights, _read_weights),
    "onnx": Format(".onnx", _write_onnx, _read_onnx),
}
