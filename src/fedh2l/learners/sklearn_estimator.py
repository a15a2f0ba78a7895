"""A classifier of scikit-learn prepared for a learner: it repeats itself, and takes weights."""

from typing import Any, cast

import numpy as np
import sklearn
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import has_fit_parameter

from fedh2l.error import FedH2LError


class Estimator:
    """The user's estimator, cloned for every fit, so that a fit depends on its rows alone.

    Weights reach the classifiers inside a Pipeline, a grid search, a voting or a stacking by
    scikit-learn's metadata routing; scalers and other transformers take the rows unweighted.
    """

    def __init__(self, estimator: Any, seed: int) -> None:
        self.name = type(estimator).__name__
        self.prototype = cast(Any, clone(estimator))
        _name_final_estimators(self.prototype)
        _fix_random_states(self.prototype, seed)
        self.parts = [v for v in self._settings().values() if _is_estimator(v)]
        self.routed = self._is_routed()
        self._check()

    def fit(self, x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> Any:
        """A fitted clone."""
        estimator = cast(Any, clone(self.prototype))
        try:
            with sklearn.config_context(enable_metadata_routing=self.routed):
                if not self.takes_weights:
                    return estimator.fit(x, y)
                return estimator.fit(x, y, sample_weight=weights)
        except (ValueError, TypeError, NotImplementedError) as error:
            raise FedH2LError(
                f"{self.name} cannot be fitted to {len(x)} rows of {x.shape[1]} features: "
                f"{str(error).strip().splitlines()[0]}"
            ) from error

    @property
    def is_regressor(self) -> bool:
        """Whether it is fitted to shares of classes, and not to classes."""
        return is_regressor(self.prototype)

    @property
    def takes_weights(self) -> bool:
        return all(has_fit_parameter(leaf, "sample_weight") for leaf in self._leaves())

    @property
    def takes_nan(self) -> bool:
        """Whether NaN is a missing value to it, or to a part of it such as an imputer."""
        return any(_allows_nan(part) for part in (self.prototype, *self.parts))

    @property
    def names_classes(self) -> bool:
        """Whether a setting speaks of classes by their indices."""
        settings = self._settings().items()
        return any(k.endswith("class_weight") and isinstance(v, dict) for k, v in settings)

    def _leaves(self) -> list[Any]:
        return [part for part in (self.prototype, *self.parts) if _is_leaf(part)]

    def _settings(self) -> dict[str, Any]:
        return self.prototype.get_params(deep=True)

    def _is_routed(self) -> bool:
        """Whether weights must be routed to classifiers inside; and asks for them there."""
        inside = [part for part in self.parts if is_classifier(part) or is_regressor(part)]
        whole = (self.prototype, *inside)
        if all(has_fit_parameter(part, "sample_weight") for part in whole):
            return False
        with sklearn.config_context(enable_metadata_routing=True):
            for part in self.parts:
                _request_weights(part)
        return bool(inside)

    def _check(self) -> None:
        if self.is_regressor:
            return
        without = [part for part in self._leaves() if not has_fit_parameter(part, "sample_weight")]
        if without or not hasattr(self.prototype, "predict_proba"):
            at_fault = type(without[0]).__name__ if without else self.name
            raise FedH2LError(
                f"{at_fault} lacks predict_proba or sample weights, and soft labels need both; "
                "take a forest, boosted trees or logistic regression (SVC(probability=True), "
                "VotingClassifier(voting='soft')), or a regressor such as KNeighborsRegressor, "
                "which is fitted to the soft labels themselves"
            )


def _name_final_estimators(estimator: Any) -> None:
    """The default of a stacking, said: before it is fitted it would not know its predict_proba."""
    settings = estimator.get_params(deep=True)
    unsaid = [k for k, v in settings.items() if k.endswith("final_estimator") and v is None]
    estimator.set_params(**{k: LogisticRegression() for k in unsaid})


def _fix_random_states(estimator: Any, seed: int) -> None:
    """A refit after a restart must give the same model, also where the randomness lies deeper."""
    settings = estimator.get_params(deep=True)
    unset = {k: seed for k, v in settings.items() if k.endswith("random_state") and v is None}
    estimator.set_params(**unset)
    for value in settings.values():
        # A splitter of a cross-validation has no get_params; it is the clone's own copy.
        if hasattr(value, "split") and getattr(value, "random_state", seed) is None:
            value.random_state = seed


def _is_estimator(value: Any) -> bool:
    return hasattr(value, "fit") and hasattr(value, "get_params") and not isinstance(value, type)


def _is_leaf(part: Any) -> bool:
    """A classifier or regressor with none inside it."""
    inside = any(_is_estimator(v) for v in part.get_params(deep=True).values())
    return (is_classifier(part) or is_regressor(part)) and not inside


def _request_weights(part: Any) -> None:
    """Classifiers and regressors ask for the weights, in a fit and in a score; others do not."""
    wanted = is_classifier(part) or is_regressor(part)
    if has_fit_parameter(part, "sample_weight") and hasattr(part, "set_fit_request"):
        part.set_fit_request(sample_weight=wanted)
    if hasattr(part, "score") and hasattr(part, "set_score_request"):
        part.set_score_request(sample_weight=wanted)


def _allows_nan(part: Any) -> bool:
    try:
        from sklearn.utils import get_tags  # since 1.6
    except ImportError:
        return bool(part._get_tags()["allow_nan"])  # pyright: ignore[reportPrivateUsage]
    return bool(get_tags(part).input_tags.allow_nan)
