"""A plant: a Keras model, on whichever backend is installed."""

from typing import Any

from fedh2l.learners.keras_mlp import choose_backend
from fedh2l.learners.model import Training
from fedh2l.rows import Rows
from fedh2l.seedset import SeedSet


def model(seed_set: SeedSet, rows: Rows, training: Training) -> Any:
    choose_backend()
    import keras

    from fedh2l.learners.keras import KerasLearner

    keras.utils.set_random_seed(training.start)
    flat, hidden = keras.layers.Flatten(), keras.layers.Dense(128, "relu")
    out = keras.layers.Dense(len(seed_set.classes), "softmax")
    net = keras.Sequential([keras.layers.Input(rows[0].shape[1:]), flat, hidden, out])
    net.compile(keras.optimizers.Adam(3e-3))
    return KerasLearner(net, rows, len(seed_set.classes), seed=training.seed)
