"""Learners: a file per framework, imported only when it is used; and the models known by name."""

from typing import TYPE_CHECKING

from fedh2l.choices import Choices
from fedh2l.own_code import is_own_code

if TYPE_CHECKING:
    from fedh2l.learners.model import Model

MODELS: "Choices[Model]" = Choices(
    "model",
    {
        "mlp": "fedh2l.learners.model:MLP",
        "lenet": "fedh2l.learners.model:LENET",
        "wide-cnn": "fedh2l.learners.model:WIDE_CNN",
        "resnet": "fedh2l.learners.model:RESNET",
        "batchnorm-cnn": "fedh2l.learners.model:BATCHNORM_CNN",
        "deep-mlp": "fedh2l.learners.model:DEEP_MLP",
        "forest": "fedh2l.learners.model:FOREST",
        "extra-trees": "fedh2l.learners.model:EXTRA_TREES",
        "lightgbm": "fedh2l.learners.model:LIGHTGBM",
        "xgboost": "fedh2l.learners.model:XGBOOST",
        "pipeline": "fedh2l.learners.model:PIPELINE",
        "vit": "fedh2l.learners.model:VIT",
        "logistic": "fedh2l.learners.model:LOGISTIC",
        "jax-mlp": "fedh2l.learners.model:JAX_MLP",
        "keras-mlp": "fedh2l.learners.model:KERAS_MLP",
    },
)


def model_of(name: str) -> "Model":
    """The model of this name in `MODELS`, or the one of the user's own FILE.py:FUNCTION.

    Raises FedH2LError with the near miss, or where there is no such file.
    """
    if is_own_code(name):
        from fedh2l.learners.own_file import OwnModel

        return OwnModel(name)
    return MODELS[name]
