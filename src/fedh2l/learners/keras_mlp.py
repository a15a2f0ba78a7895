"""A network of one hidden layer in Keras, known by name."""

import importlib.util
import os
from typing import TYPE_CHECKING, Any

from fedh2l.error import FedH2LError
from fedh2l.learners.model import Training
from fedh2l.rows import Rows

if TYPE_CHECKING:
    from fedh2l.learners.keras import KerasLearner

BACKENDS = ("jax", "torch", "tensorflow")  # the fastest for small networks first


def learner(rows: Rows, classes: int, training: Training, *, hidden: int) -> "KerasLearner":
    """Trained by Adam along a cosine of learning rates."""
    choose_backend()
    import keras

    from fedh2l.learners.keras import KerasLearner

    featurise = training.features_of(rows)
    some = rows[0][:1] if featurise is None else featurise(rows[0][:1])

    def initial(layer: int) -> Any:
        return keras.initializers.HeNormal(seed=2 * training.start + layer)

    model = keras.Sequential(
        [
            keras.layers.Input(some.shape[1:]),
            keras.layers.Flatten(),
            keras.layers.Dense(hidden, "relu", kernel_initializer=initial(0)),
            keras.layers.Dense(classes, kernel_initializer=initial(1)),
        ]
    )
    rate: Any = keras.optimizers.schedules.CosineDecay(training.rate, training.steps)
    model.compile(keras.optimizers.Adam(rate))
    return KerasLearner(
        model,
        rows,
        classes,
        batch=training.batch,
        augment=training.augment,
        featurise=featurise,
        seed=training.seed,
    )


def choose_backend() -> None:
    """The backend that KERAS_BACKEND names, else the first that is installed: Keras itself would
    take TensorFlow, and stop where that is not there.

    Raises FedH2LError where none is.
    """
    installed = [name for name in BACKENDS if importlib.util.find_spec(name) is not None]
    if not installed:
        raise FedH2LError(
            "Keras needs a backend, and none is installed: pip install 'fedh2l[keras,jax]', or "
            "'fedh2l[keras,torch]'"
        )
    os.environ.setdefault("KERAS_BACKEND", installed[0])
