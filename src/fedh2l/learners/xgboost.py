"""XGBoost: boosted trees that learn from distributions."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xgboost
from jaxtyping import Float, UInt8

from fedh2l.error import FedH2LError
from fedh2l.learners.boosted import (
    MOST,
    REFITTED,
    TREES,
    BoostedTrees,
    Soft,
    Table,
    soft_cross_entropy,
)
from fedh2l.learners.features import Featurise
from fedh2l.learners.model import Training
from fedh2l.rows import Rows
from fedh2l.views import View

DEFAULTS = {"learning_rate": 0.1, "reg_lambda": 1.0, "min_child_weight": 0.1, "max_depth": 6}
NAMED = {
    "colsample_bytree": 0.3,
    "subsample": 0.5,
    "max_depth": 4,
}  # of the model known by name: trees that differ
# Scores begin at zero, and the model knows that its scores are logits.
FIXED = {"objective": "multi:softprob", "base_score": 0.0, "nthread": 1, "verbosity": 0}


class XGBoostLearner(BoostedTrees):
    """XGBoost's trees, by a soft cross-entropy over labels and the peers' posteriors. `model` is
    the xgboost.Booster, whose `predict` gives p(class | x).

    Parameters
    ----------
    params
        XGBoost's own, such as {"max_depth": 4}; not the objective or the number of trees.
    data
        (x, y): class indices in y; x is flattened to a table. NaN is a missing value.
    classes
        How many classes the federation has.
    categories
        Which columns hold codes of categories.
    trees
        For each class in a round, where rows change from round to round.
    refitted
        For each class, where they do not.
    most
        For each class; in a longer run the oldest trees are forgotten.
    augment
        A function of (rows, generator) applied to the private rows anew in each round.
    featurise
        From raw rows to this peer's own features of them.
    seed
        Of augmentation and subsampling.

    Raises FedH2LError, with the fix, for parameters or data that will not do.
    """

    def __init__(
        self,
        params: Mapping[str, Any],
        data: Sequence[Any],
        classes: int,
        *,
        categories: Sequence[int] = (),
        trees: int = TREES,
        refitted: int = REFITTED,
        most: int = MOST,
        augment: View | None = None,
        featurise: Featurise | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(
            XGBoost(params, classes, categories),
            data,
            classes,
            trees=trees,
            refitted=refitted,
            most=most,
            augment=augment,
            featurise=featurise,
            seed=seed,
        )


class XGBoost:
    """What `BoostedTrees` asks of a library."""

    def __init__(self, params: Mapping[str, Any], classes: int, categories: Sequence[int]) -> None:
        self.params = {**DEFAULTS, **params, **FIXED, "num_class": classes}
        self.categories = set(categories)

    def grow(
        self,
        model: Any,
        x: Table,
        targets: Soft,
        weights: Float[np.ndarray, " rows"],
        *,
        trees: int,
        seed: int,
    ) -> xgboost.Booster:
        def objective(scores: Any, rows: Any) -> Any:
            return soft_cross_entropy(scores, targets, weights)

        params = self.params | {"seed": seed}
        try:
            grown = xgboost.train(params, self._matrix(x), trees, obj=objective, xgb_model=model)
        except (xgboost.core.XGBoostError, ValueError) as error:
            raise FedH2LError(f"XGBoost: {str(error).strip().splitlines()[0]}") from error
        # From the bytes, as after a restart.
        return self.restored(self.saved(grown))

    def posteriors(self, model: xgboost.Booster, x: Table) -> Soft:
        return model.predict(self._matrix(x))

    def trees(self, model: xgboost.Booster) -> int:
        return model.num_boosted_rounds()

    def last(self, model: xgboost.Booster, trees: int) -> xgboost.Booster:
        return model[self.trees(model) - trees :]

    def saved(self, model: xgboost.Booster) -> UInt8[np.ndarray, " bytes"]:
        return np.frombuffer(model.save_raw("ubj"), np.uint8).copy()

    def restored(self, saved: UInt8[np.ndarray, " bytes"]) -> xgboost.Booster:
        return xgboost.Booster({"nthread": 1}, model_file=bytearray(saved.tobytes()))

    def _matrix(self, x: Table) -> xgboost.DMatrix:
        types = ["c" if i in self.categories else "q" for i in range(x.shape[1])]
        return xgboost.DMatrix(x, feature_types=types, enable_categorical=True, nthread=1)


def learner(rows: Rows, classes: int, training: Training) -> XGBoostLearner:
    """The learner known by name; of a table it takes codes of categories, and what is missing."""
    featurise, categories = training.codes_of(rows)
    return XGBoostLearner(
        NAMED,
        rows,
        classes,
        categories=categories,
        augment=training.augment,
        featurise=featurise,
        seed=training.seed,
    )
