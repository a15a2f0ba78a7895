"""Rows that are no numbers, which tests share: a table with gaps, and texts."""

from typing import Any

import numpy as np

from fedh2l.seedset import SeedSet

NAN = float("nan")
COLUMNS = [("age", "f4"), ("sex", "U6"), ("dose", "f4")]
SCORES = [(f"score{i}", "f4") for i in range(6)]


def clinic(rows: int = 60, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    table = np.empty(rows, COLUMNS)
    table["age"], table["dose"] = rng.uniform(20, 90, rows), rng.normal(3, 1, rows)
    table["sex"] = np.array(["female", "male", ""])[rng.integers(0, 3, rows)]
    table["dose"][::7] = NAN
    return table


def with_scores(table: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng(len(table))
    wider = np.empty(len(table), COLUMNS + SCORES)
    for name, _ in COLUMNS:
        wider[name] = table[name]
    for name, _ in SCORES:
        wider[name] = rng.normal(size=len(table))
    return wider


def texts(rows: int = 30, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    words = np.array(["fever", "cough", "ache", "rash", "sleep", "calm", "walk", "ate"])
    return np.array([" ".join(rng.choice(words, 12)) for _ in range(rows)])


def seeds_of(x: Any, **settings: Any) -> SeedSet:
    return SeedSet(x, ("well", "ill"), np.arange(len(x)) % 2, **settings)
