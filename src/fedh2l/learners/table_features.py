"""Numbers of tables and texts, for models that take numbers: fitted to a peer's own rows."""

import re
import zlib
from collections.abc import Callable
from itertools import pairwise

import numpy as np
from jaxtyping import Float32, Shaped

from fedh2l.rows import kind_of
from fedh2l.tables import Table, categories_of, is_text, names_of

WORDS = 1024  # features of a text: words share them by their hash
FURTHEST = 10.0  # spreads from the median; what lies beyond counts as that
Featurise = Callable[[Shaped[np.ndarray, "rows ..."]], Float32[np.ndarray, "rows features"]]


def features_of(rows: Shaped[np.ndarray, "_ ..."], *more: np.ndarray) -> Featurise | None:
    """What makes numbers of rows like these, for a network or a forest; None: they are numbers.

    more: other rows to fit it to, such as the seed rows.
    """
    kind = kind_of(rows)
    if kind == "text":
        return text_features
    return table_features(rows, *more) if kind == "table" else None


def table_features(*tables: Table) -> Featurise:
    """Numbers less their median, in units of their spread, and whether one is missing; a feature
    for each category. Fitted to these tables; a category that they do not have is a row of zeros.
    """
    first = tables[0]
    columns = [
        _of_categories(name, np.concatenate([t[name] for t in tables]))
        if is_text(first, name)
        else _of_numbers(name, np.concatenate([t[name] for t in tables]))
        for name in names_of(first)
    ]
    return lambda x: np.concatenate([column(x) for column in columns], 1).astype(np.float32)


def table_codes(*tables: Table) -> tuple[Featurise, list[int]]:
    """For trees: numbers as they are, categories by their number, NaN for what is missing or
    unknown; and which columns are categories.
    """
    first = tables[0]
    known = {
        name: categories_of(np.concatenate([t[name] for t in tables]))
        for name in names_of(first)
        if is_text(first, name)
    }

    def codes(x: Table) -> Float32[np.ndarray, "rows features"]:
        columns = [
            _code(x[name], known[name]) if name in known else x[name] for name in names_of(first)
        ]
        return np.stack(columns, 1).astype(np.float32)

    return codes, [i for i, name in enumerate(names_of(first)) if name in known]


def text_features(x: Shaped[np.ndarray, " rows"]) -> Float32[np.ndarray, "rows features"]:
    """A hashed bag of words and of pairs of words, as vectors of length one."""
    counts = np.zeros((len(x), WORDS), np.float32)
    for i, text in enumerate(x):
        words = re.findall(r"\w+", str(text).lower())
        pairs = [f"{a} {b}" for a, b in pairwise(words)]
        for term in words + pairs:
            counts[i, zlib.crc32(term.encode()) % WORDS] += 1
    lengths = np.linalg.norm(counts, axis=1, keepdims=True)
    return counts / np.where(lengths > 0, lengths, 1)


def _of_numbers(name: str, values: np.ndarray) -> Callable[[Table], np.ndarray]:
    known = values[np.isfinite(values)]
    middle = float(np.median(known)) if len(known) else 0.0
    quartiles = np.quantile(known, [0.25, 0.75]) if len(known) else np.zeros(2)
    # Where half of the rows are equal, all of them say how far they spread.
    spread = float(quartiles[1] - quartiles[0]) or float(known.std() if len(known) else 0) or 1.0
    missing = len(known) < len(values)

    def column(x: Table) -> np.ndarray:
        absent = ~np.isfinite(x[name])
        scaled = np.where(absent, 0, (np.where(absent, 0, x[name]) - middle) / spread)
        parts = [np.clip(scaled, -FURTHEST, FURTHEST)] + ([absent] if missing else [])
        return np.stack(parts, 1).astype(np.float32)

    return column


def _of_categories(name: str, values: np.ndarray) -> Callable[[Table], np.ndarray]:
    known = categories_of(values)
    return lambda x: (x[name][:, None] == known).astype(np.float32)


def _code(column: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The number of each row's category; NaN where it is missing or unknown."""
    if not len(known):
        return np.full(len(column), np.nan, np.float32)
    place = np.minimum(np.searchsorted(known, column), len(known) - 1)
    return np.where(known[place] == column, place, np.nan).astype(np.float32)
