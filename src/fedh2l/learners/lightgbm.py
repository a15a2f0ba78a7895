"""LightGBM: boosted trees that learn from distributions."""

from collections.abc import Mapping, Sequence
from typing import Any

import lightgbm
import numpy as np
from jaxtyping import Float, UInt8

from fedh2l.error import FedH2LError
from fedh2l.learners.boosted import BoostedTrees, Soft, Table, soft_cross_entropy
from fedh2l.learners.model import Training
from fedh2l.rows import Rows

# Without a penalty Newton steps diverge where trees are added to trees that fit already.
DEFAULTS = {"lambda_l2": 1.0, "min_sum_hessian_in_leaf": 0.1}
# Of the model known by name: splits drawn at random differ from view to view.
NAMED = {"extra_trees": True, "feature_fraction": 0.3, "min_data_in_leaf": 5}
# A thread, and one order of sums: the same trees on every machine.
FIXED = {"num_threads": 1, "deterministic": True, "force_row_wise": True, "verbosity": -1}


class LightGBM:
    """What `BoostedTrees` asks of a library."""

    def __init__(self, params: Mapping[str, Any], classes: int, categories: Sequence[int]) -> None:
        self.params = {**DEFAULTS, **params, **FIXED, "num_class": classes}
        self.classes, self.categories = classes, list(categories)

    def grow(
        self,
        model: Any,
        x: Table,
        targets: Soft,
        weights: Float[np.ndarray, " rows"],
        *,
        trees: int,
        seed: int,
    ) -> lightgbm.Booster:
        def objective(scores: Any, rows: Any) -> Any:
            return soft_cross_entropy(scores, targets, weights)

        params = self.params | {"objective": objective, "seed": seed}
        data = lightgbm.Dataset(x, categorical_feature=self.categories, free_raw_data=False)
        try:
            grown = lightgbm.train(params, data, trees, init_model=model)
        except lightgbm.basic.LightGBMError as error:
            raise FedH2LError(f"LightGBM: {str(error).splitlines()[0]}") from error
        # From the text, as after a restart.
        return self._of_text(grown.model_to_string(num_iteration=-1))

    def posteriors(self, model: lightgbm.Booster, x: Table) -> Soft:
        return np.asarray(model.predict(x, num_threads=1))

    def trees(self, model: lightgbm.Booster) -> int:
        return model.num_trees() // self.classes

    def last(self, model: lightgbm.Booster, trees: int) -> lightgbm.Booster:
        start = self.trees(model) - trees
        return self._of_text(model.model_to_string(num_iteration=-1, start_iteration=start))

    def saved(self, model: lightgbm.Booster) -> UInt8[np.ndarray, " bytes"]:
        return np.frombuffer(model.model_to_string(num_iteration=-1).encode(), np.uint8).copy()

    def restored(self, saved: UInt8[np.ndarray, " bytes"]) -> lightgbm.Booster:
        return self._of_text(saved.tobytes().decode())

    def _of_text(self, text: str) -> lightgbm.Booster:
        """A booster that gives posteriors: LightGBM forgets whose scores a custom objective has."""
        head, _, rest = text.partition("\nfeature_names=")
        lines = [line for line in head.split("\n") if not line.startswith("objective=")]
        lines.append(f"objective=multiclass num_class:{self.classes}")
        return lightgbm.Booster(model_str="\n".join(lines) + "\nfeature_names=" + rest)


class LightGBMLearner(BoostedTrees):
    """LightGBM's trees, by a soft cross-entropy over labels and the peers' posteriors. `model` is
    the lightgbm.Booster, whose `predict` gives p(class | x). The parameters are those of
    `BoostedTrees`.
    """

    make = LightGBM


def learner(rows: Rows, classes: int, training: Training) -> LightGBMLearner:
    """The learner known by name."""
    return LightGBMLearner(NAMED, rows, classes, **training.options_for_trees(rows))
