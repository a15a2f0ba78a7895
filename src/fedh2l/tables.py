"""Rows that are no numbers: tables with a column of each kind, and texts."""

from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Shaped

from fedh2l.error import FedH2LError

# A structured array: a field for each column, float32 (NaN: missing) or text ("": missing).
Table = Shaped[np.ndarray, "_"]
HIGHEST_CHARACTER = 0x10FFFF
SURROGATES = (0xD800, 0xDFFF)  # halves of characters in another encoding, and no characters


def checked_table(x: Shaped[np.ndarray, "..."], whose: str) -> Table:
    """The same columns in one form, whatever the form they came in: numbers as float32, text as
    wide as the longest.

    whose: of the rows, for a refusal. Raises FedH2LError for columns of another kind and for
    infinity.
    """
    if x.ndim != 1:
        raise FedH2LError(f"{whose}: a table of shape {x.shape}; needs one axis, its rows")
    columns: dict[str, np.ndarray] = {}
    for name in names_of(x):
        column, column_of = x[name], f"{whose}: column {name!r}"
        if column.ndim != 1 or column.dtype.kind not in "fiubU":
            raise FedH2LError(
                f"{column_of} is of type {column.dtype}; use numbers, or text for categories: "
                "column.astype(str)"
            )
        if column.dtype.kind == "U":
            columns[name] = checked_texts(column, column_of)
            continue
        columns[name] = column.astype(np.float32)
        endless = np.flatnonzero(np.isinf(columns[name]))
        if len(endless):
            raise FedH2LError(f"{column_of} is infinite in row {endless[0]}; clean the data first")

    table = np.empty(len(x), [(name, column.dtype) for name, column in columns.items()])
    for name, column in columns.items():
        table[name] = column
    return table


def checked_texts(x: Shaped[np.ndarray, "..."], whose: str) -> Shaped[np.ndarray, " rows"]:
    """Texts in an array as wide as the longest; FedH2LError for what is no character."""
    if x.ndim != 1:
        raise FedH2LError(
            f"{whose}: text of shape {x.shape}; needs one text for each row, or a structured array "
            "with a field for each column"
        )
    x = np.ascontiguousarray(x, x.dtype.newbyteorder("=") if x.dtype.itemsize else "U1")
    width = x.dtype.itemsize // 4
    codes = x.view(np.uint32).reshape(len(x), width)
    low, high = SURROGATES
    odd = (codes > HIGHEST_CHARACTER) | ((codes >= low) & (codes <= high))
    if odd.any():
        raise FedH2LError(f"{whose}: row {int(odd.any(1).argmax())} is not text in Unicode")
    longest = int(np.flatnonzero(codes.any(0)).max(initial=0)) + 1
    return x.astype(f"U{longest}")


def names_of(x: Shaped[np.ndarray, "..."]) -> tuple[str, ...]:
    """The names of the columns in their order; none where the rows are no table."""
    return x.dtype.names or ()


def is_text(x: Table, name: str) -> bool:
    """Whether a column holds categories, and not numbers."""
    return x.dtype[name].kind == "U"


def holds_numbers_only(x: Any) -> bool:
    """Whether rows are a table without a column of text."""
    names = getattr(getattr(x, "dtype", None), "names", None)
    return bool(names) and all(x.dtype[name].kind in "fiub" for name in names)


def stacked_columns(x: Table) -> Float32[np.ndarray, "rows columns"]:
    """A table without a column of text, as an array with the columns in their order."""
    return np.stack([x[name].astype(np.float32) for name in names_of(x)], axis=1)


def unlike(
    a: Shaped[np.ndarray, "rows ..."], b: Shaped[np.ndarray, "rows ..."]
) -> Bool[np.ndarray, " rows"]:
    """Which rows differ; missing numbers are alike. Of tables: with the same columns."""
    if a.dtype.names:
        return np.any([unlike(a[name], b[name]) for name in names_of(a)], axis=0)
    if (a.dtype.kind == "U") != (b.dtype.kind == "U"):
        return np.ones(len(a), bool)
    differ = a != b
    if a.dtype.kind == "f":
        differ &= ~(np.isnan(a) & np.isnan(b))
    return np.asarray(differ.reshape(len(a), -1).any(1))


def as_numbers(x: Table, like: Table) -> Float32[np.ndarray, "_ features"]:
    """Numbers as they are, and a feature for each category of `like`: 1 where a row is of it, 0
    where it is of another, NaN where that is missing.
    """
    parts: list[np.ndarray] = []
    for name in names_of(like):
        column = x[name]
        if not is_text(like, name):
            parts.append(column[:, None])
            continue
        categories = categories_of(like[name])
        hot = (column[:, None] == categories).astype(np.float32)
        parts.append(np.where((column == "")[:, None], np.float32(np.nan), hot))
    return np.concatenate(parts, axis=1)


def categories_of(column: Shaped[np.ndarray, " rows"]) -> Shaped[np.ndarray, " categories"]:
    """The texts that occur, sorted."""
    return np.unique(column[column != ""])


def checked_columns(x: Any, like: Table, whose: str) -> None:
    """Refuse a table whose columns are not those of `like`, in name, kind and order."""
    own, wanted = names_of(x), names_of(like)
    for name in wanted:
        if name not in own:
            raise FedH2LError(
                f"{whose} have no column {name!r}, which the seed rows have; their columns are "
                f"{', '.join(own)}"
            )
        kinds = ["text" if is_text(table, name) else "numbers" for table in (x, like)]
        if kinds[0] != kinds[1]:
            raise FedH2LError(
                f"{whose} have {kinds[0]} in column {name!r}, and the seed rows {kinds[1]}; "
                "prepare both alike"
            )
    more = [name for name in own if name not in wanted]
    if more:
        raise FedH2LError(
            f"{whose} have a column {more[0]!r}, which the seed rows have not; leave it out"
        )
    if own != wanted:
        raise FedH2LError(
            f"{whose} have the seed rows' columns in another order; use x[list(seeds.dtype.names)]"
        )
