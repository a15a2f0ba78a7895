"""A Keras model: in Keras' own format, or as ONNX."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
import numpy as np

from fedh2l.error import FedH2LError
from fedh2l.learners.export.formats import Format, answers_of_onnx
from fedh2l.learners.keras import KerasLearner
from fedh2l.learners.keras_step import array_of, softmax


def _write_native(learner: KerasLearner, x: np.ndarray) -> bytes:
    with TemporaryDirectory() as folder:
        learner.model.save(Path(folder) / "model.keras")
        return (Path(folder) / "model.keras").read_bytes()


def _read_native(data: bytes, learner: KerasLearner, x: np.ndarray) -> np.ndarray:
    with TemporaryDirectory() as folder:
        (Path(folder) / "model.keras").write_bytes(data)
        model: Any = keras.saving.load_model(Path(folder) / "model.keras")
    return _posteriors(learner, array_of(model(x, training=False)))


def _write_onnx(learner: KerasLearner, x: np.ndarray) -> bytes:
    if keras.config.backend() != "torch":
        raise FedH2LError(
            f"ONNX of a Keras model needs the backend torch, here it is {keras.config.backend()}; "
            "set KERAS_BACKEND=torch, or take native"
        )
    with TemporaryDirectory() as folder:
        learner.model.export(Path(folder) / "model.onnx", format="onnx", verbose=False)
        return (Path(folder) / "model.onnx").read_bytes()


def _read_onnx(data: bytes, learner: KerasLearner, x: np.ndarray) -> np.ndarray:
    return _posteriors(learner, answers_of_onnx(data, x.astype(np.float32), None))


def _posteriors(learner: KerasLearner, outputs: np.ndarray) -> np.ndarray:
    """From what the user's model gives, logits or probabilities."""
    if learner.gives_logits:
        return softmax(outputs)
    return outputs / outputs.sum(1, keepdims=True)


FORMATS = {
    "native": Format(".keras", _write_native, _read_native),
    "onnx": Format(".onnx", _write_onnx, _read_onnx),
}
