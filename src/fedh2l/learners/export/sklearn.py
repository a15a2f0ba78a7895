"""A fitted scikit-learn estimator: as skops, or as ONNX."""

from collections.abc import Iterator
from copy import copy, deepcopy
from typing import Any

import numpy as np

from fedh2l.error import FedH2LError
from fedh2l.learners.export.formats import Format, answers_of_onnx
from fedh2l.learners.features import Features
from fedh2l.learners.sklearn import SklearnLearner


def _fitted(learner: SklearnLearner) -> tuple[Any, list[int]]:
    """The user's estimator as it was last fitted, and the classes that it was shown."""
    assert learner.fitted is not None, "it was asked before"
    estimator, known = learner.fitted
    if estimator is None:
        raise FedH2LError("the estimator was shown one class only, so it was never fitted")
    return estimator, known.tolist()


def _columns(learner: SklearnLearner) -> list[int]:
    return _fitted(learner)[1]


def _answers_by(learner: SklearnLearner, estimator: Any, x: np.ndarray) -> np.ndarray:
    """What the learner would say with another estimator in the place of its own."""
    twin = copy(learner)
    twin.fitted = (estimator, np.array(_columns(learner)))
    twin.features = Features(None)  # x are features already
    return twin.posteriors(x)


def _write_skops(learner: SklearnLearner, x: np.ndarray) -> bytes:
    from skops.io import dumps

    estimator = deepcopy(_fitted(learner)[0])
    for part in _parts(estimator):
        # How weights were routed in `fit`: skops loops in it, and a prediction has no weights.
        vars(part).pop("_metadata_request", None)
    return dumps(estimator)


def _parts(estimator: Any) -> Iterator[Any]:
    """An estimator and all estimators in it, as settings and as fitted parts."""
    yield estimator
    inside = list(vars(estimator).values())
    while inside:
        value = inside.pop()
        if isinstance(value, list | tuple | dict):
            inside += value.values() if isinstance(value, dict) else value
        elif hasattr(value, "get_params") and not isinstance(value, type):
            yield from _parts(value)


def _read_skops(data: bytes, learner: SklearnLearner, x: np.ndarray) -> np.ndarray:
    from skops.io import get_untrusted_types, loads

    # They are those of the user's own estimator, which is in this process already.
    return _answers_by(learner, loads(data, trusted=get_untrusted_types(data=data)), x)


def _write_onnx(learner: SklearnLearner, x: np.ndarray) -> bytes:
    from skl2onnx import to_onnx

    example, estimator = x[:1].reshape(1, -1).astype(np.float32), _fitted(learner)[0]
    options = {"zipmap": False} if hasattr(estimator, "predict_proba") else None
    model: Any = to_onnx(estimator, example, options=options)
    return model.SerializeToString()


class _Session:
    """An ONNX model in the place of an estimator."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def predict_proba(self, x: np.ndarray) -> np.ndarray:
        return answers_of_onnx(self.data, x.astype(np.float32), "probabilities")

    def predict(self, x: np.ndarray) -> np.ndarray:
        return answers_of_onnx(self.data, x.astype(np.float32), None)


def _read_onnx(data: bytes, learner: SklearnLearner, x: np.ndarray) -> np.ndarray:
    return _answers_by(learner, _Session(data), x)


FORMATS = {
    "skops": Format(".skops", _write_skops, _read_skops, _columns),
    "onnx": Format(".onnx", _write_onnx, _read_onnx, _columns),
}
