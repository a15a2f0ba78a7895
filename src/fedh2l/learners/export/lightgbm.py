"""LightGBM's trees: as its own text, or as ONNX."""

from typing import Any

import lightgbm
import numpy as np

from fedh2l.learners.export.formats import Format, answers_of_onnx, table_of
from fedh2l.learners.lightgbm import LightGBMLearner


def _write_native(learner: LightGBMLearner, x: np.ndarray) -> bytes:
    return learner.model.model_to_string(num_iteration=-1).encode()


def _read_native(data: bytes, learner: LightGBMLearner, x: np.ndarray) -> np.ndarray:
    return np.asarray(lightgbm.Booster(model_str=data.decode()).predict(table_of(x)))


def _write_onnx(learner: LightGBMLearner, x: np.ndarray) -> bytes:
    from onnxmltools import convert_lightgbm
    from onnxmltools.convert.common.data_types import FloatTensorType

    rows = FloatTensorType([None, table_of(x).shape[1]])
    # The converter asks the text what the scores are, which a custom objective does not say.
    text = learner.model.model_to_string(num_iteration=-1)
    said = text.replace("[objective: custom]", "[objective: multiclass]")
    booster = lightgbm.Booster(model_str=said)
    model: Any = convert_lightgbm(booster, initial_types=[("rows", rows)], zipmap=False)
    return model.SerializeToString()


def _read_onnx(data: bytes, learner: LightGBMLearner, x: np.ndarray) -> np.ndarray:
    return answers_of_onnx(data, table_of(x).astype(np.float32), "probabilities")


FORMATS = {
    "native": Format(".txt", _write_native, _read_native),
    "onnx": Format(".onnx", _write_onnx, _read_onnx),
}
