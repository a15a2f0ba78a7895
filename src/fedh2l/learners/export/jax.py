"""A JAX function with its trained parameters: as compiled StableHLO, or the parameters alone."""

from typing import Any

import jax
import numpy as np
from jax import export as jax_export
from safetensors.numpy import load, save

from fedh2l.learners.export.formats import Format
from fedh2l.learners.jax import JaxLearner
from fedh2l.learners.jax_state import arrays_of, tree_of


def _posteriors(learner: JaxLearner, params: Any, x: Any) -> Any:
    logits = learner.step.logits(params, learner.trained.state, x)
    return jax.nn.softmax(logits.astype(np.float32))


def _write_native(learner: JaxLearner, x: np.ndarray) -> bytes:
    """For any number of rows, on a processor or a graphics card."""

    def of_one(row: Any) -> Any:
        # A model that asks for len(x) gets a number, and not an unknown.
        return _posteriors(learner, learner.trained.params, row[None])[0]

    shape = jax_export.symbolic_shape(", ".join(["rows", *map(str, x.shape[1:])]))
    made = jax_export.export(jax.jit(jax.vmap(of_one)), platforms=("cpu", "cuda", "tpu"))
    return bytes(made(jax.ShapeDtypeStruct(shape, x.dtype)).serialize())


def _read_native(data: bytes, learner: JaxLearner, x: np.ndarray) -> np.ndarray:
    return np.asarray(jax_export.deserialize(bytearray(data)).call(x))


def _write_parameters(learner: JaxLearner, x: np.ndarray) -> bytes:
    arrays = arrays_of(learner.trained.params)
    return save({name: np.array(array, order="C") for name, array in arrays.items()})


def _read_parameters(data: bytes, learner: JaxLearner, x: np.ndarray) -> np.ndarray:
    params = tree_of(learner.trained.params, load(data))
    return np.asarray(_posteriors(learner, params, x))


FORMATS = {
    "native": Format(".jax", _write_native, _read_native),
    "safetensors": Format(".safetensors", _write_parameters, _read_parameters),
}
