"""XGBoost's trees: as its own JSON, or as ONNX."""

from typing import Any

import numpy as np
import xgboost

from fedh2l.learners.export.formats import Format, answers_of_onnx, table_of
from fedh2l.learners.xgboost import XGBoostLearner


def _write_native(learner: XGBoostLearner, x: np.ndarray) -> bytes:
    return bytes(learner.model.save_raw("json"))


def _read_native(data: bytes, learner: XGBoostLearner, x: np.ndarray) -> np.ndarray:
    model = xgboost.Booster(model_file=bytearray(data))
    return learner.library.posteriors(model, table_of(x))


def _write_onnx(learner: XGBoostLearner, x: np.ndarray) -> bytes:
    from onnxmltools import convert_xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType

    rows = FloatTensorType([None, table_of(x).shape[1]])
    model: Any = convert_xgboost(learner.model, initial_types=[("rows", rows)])
    return model.SerializeToString()


def _read_onnx(data: bytes, learner: XGBoostLearner, x: np.ndarray) -> np.ndarray:
    return answers_of_onnx(data, table_of(x).astype(np.float32), "probabilities")


FORMATS = {
    "native": Format(".json", _write_native, _read_native),
    "onnx": Format(".onnx", _write_onnx, _read_onnx),
}
