"""The same steps in every framework: the two-part loss of a lesson, and the conflict rule."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from conftest import blobs
from fedh2l.error import FedH2LError
from fedh2l.learner import Lesson
from fedh2l.learners.torch import TorchLearner
from fedh2l.learners.torch_state import array_of

X, Y = blobs(40)
START = np.sin(np.arange(18)).reshape(6, 3).astype(np.float32)  # weights of a linear model


def of_torch() -> TorchLearner:
    model = torch.nn.Linear(6, 3, bias=False)
    with torch.no_grad():
        model.weight.copy_(torch.from_numpy(START.T.copy()))
    return TorchLearner(model, torch.optim.SGD(model.parameters(), 0.1), (X, Y), batch=8, seed=3)


def of_jax() -> Any:
    import optax

    from fedh2l.learners.jax import JaxLearner

    return JaxLearner(lambda w, x: x @ w, START, optax.sgd(0.1), (X, Y), 3, batch=8, seed=3)


def of_keras(last: str | None = None) -> Any:
    import keras

    from fedh2l.learners.keras import KerasLearner

    model = keras.Sequential(
        [keras.layers.Input((6,)), keras.layers.Dense(3, last, use_bias=False)]
    )
    model.compile(keras.optimizers.SGD(0.1))
    model.set_weights([START])
    return KerasLearner(model, (X, Y), 3, batch=8, seed=3)


def lesson(**fields: Any) -> Lesson:
    """Some rows are labelled, all have targets."""
    x, y = blobs(20, seed=4)
    labels = np.eye(3, dtype=np.float32)[y] * (np.arange(20) % 3 > 0)[:, None].astype(np.float32)
    targets = np.full((20, 3), 0.2, np.float32)
    targets[np.arange(20), (y + 1) % 3] = 0.6
    return Lesson(x, targets, labels, weight=3.0, batch=6, **fields)


LESSONS = {
    "none": None,
    "plain": lesson(),
    "warm": lesson(temperature=2.0, watch=True),
    "targets": lesson()._replace(labels=None),
    "labels": lesson()._replace(targets=None),
    "seed": lesson(follow="seed"),
    "protects": lesson(conflict="both"),
    "private": lesson(private=2.0, watch=True),
    "focused": lesson(draw=np.linspace(0.1, 2.0, 20, dtype=np.float32)),
    "original": lesson(conflict="private", follow="seed"),
}
OTHERS: dict[str, Callable[[], Any]] = {
    "jax": of_jax,
    "keras-logits": of_keras,
    "keras-softmax": lambda: of_keras("softmax"),
}


@pytest.mark.parametrize("name", LESSONS)
@pytest.mark.parametrize("kind", OTHERS)
def test_a_lesson_moves_every_framework_as_it_moves_pytorch(kind: str, name: str) -> None:
    ours, other = of_torch(), OTHERS[kind]()
    assert ours.learn(LESSONS[name], 5) == other.learn(LESSONS[name], 5)
    weights = [v for k, v in other.state_dict().items() if k.startswith("model.")]
    np.testing.assert_allclose(weights[0].T, array_of(ours.model.weight), atol=2e-5)  # type: ignore[arg-type]
    np.testing.assert_allclose(other.posteriors(X), ours.posteriors(X), atol=2e-5)


KERAS_ON_JAX = """
import keras
import numpy as np
from test_frameworks import LESSONS, X, of_keras, of_torch
for name in ("warm", "protects"):
    ours, other = of_torch(), of_keras()
    assert ours.learn(LESSONS[name], 3) == other.learn(LESSONS[name], 3)
    np.testing.assert_allclose(other.posteriors(X), ours.posteriors(X), atol=2e-5)
    print(keras.backend.backend(), name)
"""


def test_keras_on_another_backend_learns_alike() -> None:
    place = {"PYTHONPATH": "tests:tests/learners", "KERAS_BACKEND": "jax", "PATH": "/usr/bin"}
    done = subprocess.run(
        [sys.executable, "-c", KERAS_ON_JAX], capture_output=True, text=True, env=place
    )
    assert done.stdout.splitlines() == ["jax warm", "jax protects"], done.stderr


def test_what_does_not_fit_is_refused_with_the_fix() -> None:
    import jax
    import keras
    import optax

    from fedh2l.learners.jax import JaxLearner
    from fedh2l.learners.keras import KerasLearner

    with pytest.raises(FedH2LError, match="take the softmax at its end away"):
        JaxLearner(lambda w, x: jax.nn.softmax(x @ w), START, optax.sgd(0.1), (X, Y), 3)
    with pytest.raises(FedH2LError, match=r"gives \(32, 3\) for 32 rows and 4 classes"):
        JaxLearner(lambda w, x: x @ w, START, optax.sgd(0.1), (X, Y), 4)
    with pytest.raises(FedH2LError, match="compile it first"):
        KerasLearner(keras.Sequential([keras.layers.Dense(3)]), (X, Y), 3)
    with pytest.raises(FedH2LError, match="another model or optimizer"):
        of_jax().load_state_dict(of_keras().state_dict())


def test_a_diverged_model_is_refused() -> None:
    import optax

    from fedh2l.learners.jax import JaxLearner

    rows = (X * np.float32(1e30), Y)
    learner = JaxLearner(lambda w, x: x @ w, START, optax.sgd(0.1), rows, 3)
    with pytest.raises(FedH2LError, match="training has diverged"):
        learner.learn(None, 20)


def test_what_a_flax_module_has_learnt_can_be_taken_out() -> None:
    import optax
    from flax import nnx

    from fedh2l.learners.jax_nnx import nnx_learner, trained_module

    module = nnx.Linear(6, 3, rngs=nnx.Rngs(0))
    before = np.asarray(module.kernel[...])
    learner = nnx_learner(module, optax.sgd(0.1), (X, Y), 3)
    learner.learn(None, 20)
    trained: Any = trained_module(module, learner)
    np.testing.assert_allclose(nnx.softmax(trained(X)), learner.posteriors(X), atol=1e-6)
    np.testing.assert_array_equal(before, np.asarray(module.kernel[...]))
