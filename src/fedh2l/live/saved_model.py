"""The trained model, as it lies in the member's folder at the end."""

from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from fedh2l.learner import Learner, under
from fedh2l.record.atomic import write_file
from fedh2l.seedset import SeedSet


def save_model(learner: Learner, seeds: SeedSet, folder: Path) -> Path:
    """Write the trained model: safetensors for torch, skops for scikit-learn, and the learner's
    whole state for anything else. Returns the file.
    """
    estimator = _fitted_estimator(learner, seeds)
    if estimator is not None:
        try:
            from skops.io import dumps  # type: ignore[import-not-found]
        except ImportError:
            pass
        else:
            write_file(folder / "model.skops", dumps(estimator))
            return folder / "model.skops"
    state = learner.state_dict()
    arrays = under(state, "model.") or state
    write_file(
        folder / "model.safetensors", save({k: np.asarray(v, order="C") for k, v in arrays.items()})
    )
    return folder / "model.safetensors"


def _fitted_estimator(learner: Any, seeds: SeedSet) -> Any:
    """The fitted estimator of a scikit-learn learner; None for any other learner."""
    if not hasattr(learner, "estimator"):
        return None
    learner.posteriors(seeds.x[:1])  # it is refitted when it is asked
    estimator, _ = learner.fitted
    return estimator
