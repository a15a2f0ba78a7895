"""A bank: LightGBM on a table with categories and missing values, coded by the bank itself."""

import numpy as np
import pandas as pd

from fedh2l.learners.lightgbm import LightGBMLearner
from fedh2l.learners.model import Training
from fedh2l.rows import Rows
from fedh2l.seedset import SeedSet


def model(seed_set: SeedSet, rows: Rows, training: Training) -> LightGBMLearner:
    frame = pd.DataFrame(seed_set.x)
    words = frame.select_dtypes(exclude="number").columns
    known = {name: pd.CategoricalDtype(sorted(set(frame[name]) - {""})) for name in words}

    def codes(table: np.ndarray) -> np.ndarray:  # a category that is missing or unknown: NaN
        coded = pd.DataFrame(table).astype(known)
        coded[words] = coded[words].apply(lambda column: column.cat.codes.replace(-1, np.nan))
        return coded.to_numpy(np.float32)

    categories = [frame.columns.get_loc(name) for name in words]
    parameters = {"num_leaves": 15, "min_data_in_leaf": 5}
    classes = len(seed_set.classes)
    return LightGBMLearner(
        parameters, rows, classes, categories=categories, featurise=codes, seed=training.seed
    )
