"""Small learners of every framework, on the rows of `conftest.blobs`: what the contract is held
against. A framework is imported when its learner is made.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from conftest import blobs, mlp, torch_learner
from fedh2l.learner import Learner
from fedh2l.learners.sklearn import SklearnLearner
from fedh2l.learners.torch import TorchLearner
from fedh2l.rows import Rows

# From the private rows and a seed: a learner of three classes.
Build = Callable[..., Learner]


def torch_network(rows: Rows, seed: int, **options: Any) -> TorchLearner:
    model = mlp(seed=seed)
    adam = torch.optim.Adam(model.parameters(), 1e-2)
    return TorchLearner(model, adam, rows, batch=8, seed=seed, **options)


def from_loader(rows: Rows, seed: int) -> TorchLearner:
    model = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.sin(torch.arange(p.numel()) + seed).reshape(p.shape))
    tensors = TensorDataset(*(torch.tensor(part) for part in rows))
    return TorchLearner(model, torch.optim.SGD(model.parameters(), 0.1), DataLoader(tensors, 16))


def float64(rows: Rows, seed: int) -> TorchLearner:
    model = mlp(seed=seed).double()
    return TorchLearner(model, torch.optim.RMSprop(model.parameters()), rows, batch=8, seed=seed)


def estimator(make: Callable[[], Any]) -> Build:
    return lambda rows, seed, **options: SklearnLearner(make(), rows, 3, seed=seed, **options)


def jitter(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return x + rng.normal(0, 0.1, x.shape).astype(np.float32)


def boosted(library: str, params: dict[str, Any], **options: Any) -> Build:
    def build(rows: Rows, seed: int, **more: Any) -> Learner:
        from fedh2l.learners.lightgbm import LightGBMLearner
        from fedh2l.learners.xgboost import XGBoostLearner

        kind = {"lightgbm": LightGBMLearner, "xgboost": XGBoostLearner}[library]
        return kind(params, rows, 3, trees=4, refitted=20, seed=seed, **options, **more)

    return build


def jax_function(rows: Rows, seed: int, **options: Any) -> Learner:
    from fedh2l.learners.jax import JaxLearner
    from fedh2l.learners.jax_mlp import apply, init

    return JaxLearner(apply, init(6, 8, 3, seed), _adam(), rows, 3, batch=8, seed=seed, **options)


def jax_module(rows: Rows, seed: int) -> Learner:
    from flax import nnx

    from fedh2l.learners.jax_nnx import nnx_learner

    rngs = nnx.Rngs(seed)
    module = nnx.Sequential(
        nnx.Linear(6, 8, rngs=rngs),
        nnx.BatchNorm(8, rngs=rngs),
        nnx.relu,
        nnx.Dropout(0.2, rngs=rngs),
        nnx.Linear(8, 3, rngs=rngs),
    )
    return nnx_learner(module, _adam(), rows, 3, batch=8, seed=seed)


def keras_model(rows: Rows, seed: int, **options: Any) -> Learner:
    import keras

    from fedh2l.learners.keras import KerasLearner

    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.layers.Input((6,)),
            keras.layers.Dense(8, "relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(3, "softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(1e-2), "sparse_categorical_crossentropy")
    return KerasLearner(model, rows, 3, batch=8, seed=seed, **options)


@cache  # one object for all learners, so that they share what is compiled
def _adam() -> Any:
    import optax

    return optax.adam(1e-2)


KINDS: dict[str, Build] = {
    "torch": torch_network,
    "torch-batchnorm": lambda rows, seed: torch_learner(seed, batchnorm=True, data=rows),
    "torch-loader": from_loader,
    "torch-float64": float64,
    "forest": estimator(lambda: RandomForestClassifier(10)),
    "extra-trees": estimator(lambda: ExtraTreesClassifier(10)),
    "logistic": estimator(LogisticRegression),
    "extra-trees-shares": lambda rows, seed: SklearnLearner(
        ExtraTreesRegressor(10), rows, 3, remember=40, seed=seed
    ),
    "neighbours": estimator(lambda: make_pipeline(StandardScaler(), KNeighborsRegressor())),
    "lightgbm": boosted("lightgbm", {"min_data_in_leaf": 5, "feature_fraction": 0.7}),
    "lightgbm-views": boosted("lightgbm", {"min_data_in_leaf": 5}, augment=jitter),
    "xgboost": boosted("xgboost", {"subsample": 0.8}),
    "xgboost-views": boosted("xgboost", {"colsample_bynode": 0.7}, augment=jitter, most=20),
    "jax": jax_function,
    "jax-nnx": jax_module,
    "keras": keras_model,
}
# Held against a few methods only.
SLOW = {"jax", "jax-nnx", "keras"}


def learner(kind: str, seed: int, *, rows: int = 60) -> Learner:
    """A learner of this kind with rows of all three classes."""
    return KINDS[kind](blobs(rows, seed=seed), seed)
