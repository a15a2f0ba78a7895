"""A model known by name: what a step of it costs, and how its learner is built.

The framework is imported when the learner is built, and not before.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

from fedh2l.error import FedH2LError
from fedh2l.learner import Learner
from fedh2l.learners.image_features import image_features
from fedh2l.learners.table_features import Featurise, features_of, table_codes
from fedh2l.rows import Rows, kind_of
from fedh2l.seedset import SeedSet
from fedh2l.stored_rows import StoredRows
from fedh2l.views import View


@dataclass(frozen=True, kw_only=True)
class Training:
    """How a learner is to be trained that is built by name.

    Parameters
    ----------
    steps
        Optimiser steps of the whole run: the learning rate falls along a cosine to 0 at the last.
    batch
        Private rows per step.
    rate
        Learning rate of Adam.
    augment
        Applied to every private batch; None: rows are taken as they are.
    seed
        Of the order of rows, their augmentation, dropout and the fits of scikit-learn.
    start
        Seed of the initial weights: the same for peers that must start alike.
    seed_set
        What all peers hold; for a model of the user's own file, which is asked with it.
    device
        Where a network of PyTorch trains; None: on the CPU.
    private
        The learner will have a privacy budget: features are fitted to the seed rows alone, there
        is no BatchNorm, and SGD with momentum takes Adam's place, which noise misleads.
    """

    steps: int
    batch: int
    rate: float
    augment: View | None
    seed: int
    start: int
    seed_set: SeedSet | None = None
    device: str | None = None
    private: bool = False

    def features_of(self, rows: Rows) -> Featurise | None:
        """What makes numbers of private rows that are a table or texts; None where they are."""
        x = rows[0]
        if isinstance(x, StoredRows):
            return None
        return features_of(*self._fitted_to(x))

    def features_for_trees(self, rows: Rows) -> Featurise | None:
        """The same for models that look at single numbers: of images pixels and edges."""
        return image_features if kind_of(rows[0]) == "images" else self.features_of(rows)

    def codes_for_trees(self, rows: Rows) -> tuple[Featurise | None, list[int]]:
        """The same for trees that take codes of categories and what is missing; and which columns
        are categories.
        """
        x = rows[0]
        if isinstance(x, StoredRows) or kind_of(x) != "table":
            return self.features_for_trees(rows), []
        return table_codes(*self._fitted_to(x))

    def _fitted_to(self, x: Any) -> list[Any]:
        """The rows that features are fitted to: with a privacy budget none of the private ones."""
        seeds = [] if self.seed_set is None else [self.seed_set.x]
        return seeds if self.private and seeds else [x, *seeds]

    def options_for_trees(self, rows: Rows) -> dict[str, Any]:
        """With which boosted trees known by name are built: of a table they take codes of
        categories, and what is missing.
        """
        featurise, categories = self.codes_for_trees(rows)
        return {
            "categories": categories,
            "augment": self.augment,
            "featurise": featurise,
            "seed": self.seed,
        }


# Rows of earlier questions to which a model known by name is fitted that is fitted anew.
REMEMBERED = 5000


class Model(Protocol):
    """What `MODELS` holds: a new one is an object of this kind in a file, and a line there."""

    @property
    def cost(self) -> int:
        """Milliseconds of a step on one core, measured once at 28×28: only to share the peers out
        evenly among processes.
        """
        ...

    def build(self, rows: Rows, classes: int, training: Training) -> Learner:
        """A fresh learner with these private rows, for as many classes as the federation has."""
        ...


@dataclass(frozen=True)
class NamedModel:
    """A model whose learner is built by a function in the file of its framework.

    builder: "package.module:function", called with (rows, classes, training) and these settings.
    extra: what brings the framework: pip install 'fedh2l[EXTRA]'.
    """

    builder: str
    cost: int
    settings: Mapping[str, Any]
    extra: str

    def build(self, rows: Rows, classes: int, training: Training) -> Learner:
        """See `Model`. Raises FedH2LError, with the extra, where the framework is missing."""
        module, _, function = self.builder.partition(":")
        try:
            builder = getattr(import_module(module), function)
        except ModuleNotFoundError as error:
            raise FedH2LError(
                f"this model needs {error.name}, which is not installed: pip install "
                f"'fedh2l[{self.extra}]'"
            ) from error
        learner: Learner = builder(rows, classes, training, **self.settings)
        return learner


def _network(name: str, cost: int) -> NamedModel:
    return NamedModel("fedh2l.learners.networks:learner", cost, {"network": name}, "torch")


def _of_sklearn(function: str, cost: int, **settings: int) -> NamedModel:
    return NamedModel(f"fedh2l.learners.sklearn_named:{function}", cost, settings, "sklearn")


MLP = _network("mlp", cost=3)
LENET = _network("lenet", cost=14)
WIDE_CNN = _network("wide-cnn", cost=18)
RESNET = _network("resnet", cost=14)
BATCHNORM_CNN = _network("batchnorm-cnn", cost=12)
DEEP_MLP = _network("deep-mlp", cost=4)
FOREST = _of_sklearn("forest", cost=30, trees=30, remember=2000)
EXTRA_TREES = _of_sklearn("forest", cost=60, trees=100, remember=REMEMBERED)
LOGISTIC = _of_sklearn("logistic", cost=5)
LIGHTGBM = NamedModel("fedh2l.learners.lightgbm:learner", 10, {}, "lightgbm")
XGBOOST = NamedModel("fedh2l.learners.xgboost:learner", 14, {}, "xgboost")
PIPELINE = _of_sklearn("pipeline", cost=10, remember=REMEMBERED)
VIT = NamedModel("fedh2l.learners.vit:learner", 12, {}, "huggingface")
JAX_MLP = NamedModel("fedh2l.learners.jax_mlp:learner", 1, {"hidden": 256}, "jax")
KERAS_MLP = NamedModel("fedh2l.learners.keras_mlp:learner", 3, {"hidden": 256}, "keras")
