"""Private tables and texts are compared with the seed rows, column by column and row by row."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fedh2l.data.near_duplicates import near_duplicates
from fedh2l.error import FedH2LError
from fedh2l.learners.compare import compare
from fedh2l.seedset import SeedSet
from raw_rows import COLUMNS, NAN, clinic, seeds_of, texts, with_scores


def test_a_private_row_of_a_table_that_is_a_seed_row_is_found() -> None:
    seeds, mine = with_scores(clinic()), with_scores(clinic(200, seed=5))
    assert near_duplicates(seeds, mine).pairs == []
    mine[3], mine[8] = seeds[7], seeds[1]  # the first of them has no dose
    mine["age"][8] += 0.01
    assert near_duplicates(seeds, mine).pairs == [(7, 3), (1, 8)]


def test_a_private_text_that_is_a_seed_text_is_found() -> None:
    seeds, mine = texts(), texts(200, seed=5)
    assert near_duplicates(seeds, mine).pairs == []
    changed = mine.tolist()
    changed[3] = seeds[7].upper().replace(" ", ",  ")
    changed[8] = seeds[2] + " today"
    assert near_duplicates(seeds, np.array(changed)).pairs == [(7, 3), (2, 8)]


def test_tables_are_compared_column_by_column() -> None:
    x, y = clinic(200, seed=5), np.arange(200) % 2
    seeds = replace(seeds_of(clinic()), labels=None)
    assert compare((x, y), seeds) == []

    months, words_of_sex = x.copy(), x.copy()
    months["age"] *= 40
    words_of_sex["sex"] = "w"
    assert "column 'age' is about" in compare((months, y), seeds)[0]
    assert "column 'sex' is 'w' and the like in 200 of 200" in compare((words_of_sex, y), seeds)[0]


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        (clinic()[["age", "sex"]], "no column 'dose'"),
        (clinic().astype([*COLUMNS[:2], ("dose", "U5")]), "text in column 'dose'"),
        (clinic()[["sex", "age", "dose"]], "in another order"),
        (np.zeros((60, 3), np.float32), "private rows are vectors, seed rows table"),
        (texts(60), "private rows are text, seed rows table"),
    ],
)
def test_tables_of_other_columns_are_refused(rows: np.ndarray, complaint: str) -> None:
    with pytest.raises(FedH2LError, match=complaint):
        compare((rows, np.arange(60) % 2), seeds_of(clinic()))


def test_labels_in_another_order_are_seen_in_a_table_with_gaps() -> None:
    rng = np.random.default_rng(0)

    def rows(count: int) -> tuple[np.ndarray, np.ndarray]:
        y = np.arange(count) % 3
        x = np.empty(count, [("a", "f4"), ("b", "U1")])
        x["a"], x["b"] = y + rng.normal(0, 0.1, count), np.array(["p", "q", "r"])[y]
        x["a"][::9] = NAN
        return x, y

    seeds = SeedSet(*_with_classes(rows(60)))
    x, y = rows(120)
    assert compare((x, y), seeds) == []
    assert "contradict" in compare((x, (y + 1) % 3), seeds)[0]


def _with_classes(rows: tuple[np.ndarray, np.ndarray]) -> tuple[Any, ...]:
    return rows[0], ("x", "y", "z"), rows[1]
