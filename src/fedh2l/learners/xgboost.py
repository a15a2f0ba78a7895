"""XGBoost: boosted trees that learn from distributions."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xgboost
from jaxtyping import Float, UInt8

from fedh2l.error import FedH2LError
from fedh2l.learners.boosted import BoostedTrees, Soft, Table, soft_cross_entropy
from fedh2l.learners.model import Training
from fedh2l.rows import Rows

DEFAULTS = {"learning_rate": 0.1, "reg_lambda": 1.0, "min_child_weight": 0.1, "max_depth": 6}
# Of the model known by name: trees that differ.
NAMED = {"colsample_bytree": 0.3, "subsample": 0.5, "max_depth": 4}
# Scores begin at zero, and the model knows that its scores are logits.
FIXED = {"objective": "multi:softprob", "base_score": 0.0, "nthread": 1, "verbosity": 0}


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


class XGBoostLearner(BoostedTrees):
    """XGBoost's trees, by a soft cross-entropy over labels and the peers' posteriors. `model` is
    the xgboost.Booster, whose `predict` gives p(class | x). The parameters are those of
    `BoostedTrees`.
    """

    make = XGBoost


def learner(rows: Rows, classes: int, training: Training) -> XGBoostLearner:
    """The learner known by name."""
    return XGBoostLearner(NAMED, rows, classes, **training.options_for_trees(rows))
