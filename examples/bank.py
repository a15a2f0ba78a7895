"""A bank: LightGBM on a table with categories and missing values, coded by the bank itself."""

import numpy as np
import pandas as pd

from fedh2l.learners.lightgbm import LightGBMLearner
from fedh2l.learners.model import Training
from fedh2l.rows import Rows
from fedh2l.seedset import SeedSet


def model(seed_set: SeedSet, rows: Rows, training: Training) -> LightGBMLearner:
    names = list(seed_set.x.dtype.names or ())
    words = [name for name in names if seed_set.x[name].dtype.kind == "U"]
    known = {name: sorted(set(seed_set.x[name]) - {""}) for name in words}

    def codes(table: np.ndarray) -> np.ndarray:
        frame = pd.DataFrame(table)
        for name in words:  # a category that is missing or unknown becomes NaN
            places = dict(zip(known[name], range(len(known[name])), strict=True))
            frame[name] = [places.get(word, np.nan) for word in frame[name]]
        return frame.to_numpy(np.float32)

    categories = [names.index(name) for name in words]
    parameters = {"num_leaves": 15, "min_data_in_leaf": 5}
    classes = len(seed_set.classes)
    return LightGBMLearner(
        parameters, rows, classes, categories=categories, featurise=codes, seed=training.seed
    )
