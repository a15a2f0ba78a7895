"""A Keras model for FedH2L: put your own rows and your own layers in place of these."""

from typing import TYPE_CHECKING

import numpy as np

from fedh2l.learners.keras_mlp import choose_backend
from fedh2l.learners.model import Training
from fedh2l.rows import Rows
from fedh2l.seedset import SeedSet

if TYPE_CHECKING:
    from fedh2l.learners.keras import KerasLearner


def private_rows(seed: int = 0) -> Rows:
    """Your rows: 8 features, and for each row the index of its class in seed_set.classes."""
    rng = np.random.default_rng(seed)
    y = np.arange(300) % 3
    return (2 * np.eye(3, 8)[y] + rng.normal(size=(300, 8))).astype(np.float32), y


def model(
    seed_set: SeedSet, rows: Rows | None = None, training: Training | None = None
) -> "KerasLearner":
    """A simulation deals out rows and says how to train; a live member brings its own."""
    choose_backend()  # that of KERAS_BACKEND, else the first that is installed
    import keras

    from fedh2l.learners.keras import KerasLearner

    x, y = private_rows() if rows is None else rows
    keras.utils.set_random_seed(0 if training is None else training.start)
    network = keras.Sequential(
        [
            keras.layers.Input(x.shape[1:]),
            keras.layers.Flatten(),
            keras.layers.Dense(64, "relu"),
            keras.layers.Dense(len(seed_set.classes), "softmax"),
        ]
    )
    network.compile(keras.optimizers.Adam(3e-3))
    classes, seed = len(seed_set.classes), 0 if training is None else training.seed
    return KerasLearner(network, (x, y), classes, seed=seed)


def validation() -> Rows:
    """Rows of yours that the model does not learn from; `fedh2l join` shows your accuracy on them,
    to nobody but you.
    """
    return private_rows(seed=1)
