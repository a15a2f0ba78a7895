"""The columns of a table as features: numbers, categories or texts, inferred and told."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from fedh2l.data.own_rows import OwnRows, listed
from fedh2l.error import FedH2LError, choose

Kind = Literal["numbers", "categories", "left out"]
# A text that is another one in more than half of the rows tells rows apart, and not classes.
MANY_VALUES = 20


LABEL = "label"  # what a column of labels is usually called


class Column(NamedTuple):
    """What was found out about one column of features."""

    name: str
    kind: Kind
    missing: int  # rows without a value
    doubt: str = ""  # what a person should look at
    values: np.ndarray | None = None


def table_rows(
    table: Any,
    source: str,
    *,
    label: str,
    beside: Sequence[str] = (),
    leave_out: Sequence[str] = (),
    categories: Sequence[str] = (),
) -> OwnRows:
    """Features, labels and what else is said of each row of a table of pyarrow's.

    label
        The column of labels; one that is called "label" may be missing.
    beside
        Columns that are no features but are wanted as text.
    leave_out
        Columns that are not wanted at all.
    categories
        Columns whose numbers are names.
    """
    _check_names(table, source, label, [*beside, *leave_out, *categories])
    features = [n for n in table.column_names if n not in {label, *beside, *leave_out}]
    columns = [_column(table.column(name), name, name in categories) for name in features]

    # What was left out has no values.
    values = {c.name: c.values for c in columns if c.values is not None}
    if not values:
        raise FedH2LError(f"{source}: no column but {label!r}; every other column is a feature")
    return OwnRows(
        _joined(values),
        labels_of(table.column(label)) if label in table.column_names else None,
        tuple(values),
        tuple(f"{source}: {note}" for note in _notes(columns)),
        {name: texts_of(table.column(name)) for name in beside},
    )


def text_rows(
    table: Any, source: str, *, text: str, label: str, beside: Sequence[str] = ()
) -> OwnRows:
    """The texts of one column, labels, and what else is said of each row."""
    _check_names(table, source, label, [text, *beside])
    used = {text, label, *beside}
    others = [name for name in table.column_names if name not in used]
    notes = [f"texts of column {text!r}"]
    notes += [f"left out the other columns: {listed(others)}"] if others else []
    return OwnRows(
        texts_of(table.column(text)),
        labels_of(table.column(label)) if label in table.column_names else None,
        notes=tuple(f"{source}: {note}" for note in notes),
        beside={name: texts_of(table.column(name)) for name in beside},
    )


def _joined(values: Mapping[str, np.ndarray]) -> np.ndarray:
    """One row of all columns, each with its name and type."""
    rows = len(next(iter(values.values())))
    x = np.empty(rows, [(name, column.dtype) for name, column in values.items()])
    for name, column in values.items():
        x[name] = column
    return x


def _check_names(table: Any, source: str, label: str, others: Sequence[str]) -> None:
    # A label's column that was named must be there; the usual one may be missing.
    for name in others if label == LABEL else [label, *others]:
        choose(f"column of {source}", name, table.column_names)


def texts_of(column: Any) -> np.ndarray:
    """Every value as text; "" where there is none."""
    from pyarrow import compute, string  # type: ignore[import-not-found]

    return np.array(compute.fill_null(column.cast(string()), "").to_pylist(), np.str_)


def labels_of(column: Any) -> np.ndarray:
    """As they stand there: numbers, words, True or False; None or NaN where there is none."""
    from pyarrow import types  # type: ignore[import-not-found]

    if types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if types.is_boolean(column.type) or types.is_null(column.type):
        return np.array(column.to_pylist(), object)
    labels: np.ndarray = column.to_numpy()
    return labels


def _column(column: Any, name: str, is_category: bool) -> Column:
    """A column of features by its type in the file."""
    from pyarrow import float32, types  # type: ignore[import-not-found]

    missing = int(column.null_count)
    if missing == len(column):
        return Column(name, "left out", missing, "has no value in any row")
    if types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    if is_category or types.is_string(kind) or types.is_large_string(kind):
        return _category(texts_of(column), name, missing)

    # A time is a number of something, but only its owner knows since when it counts.
    if types.is_temporal(kind):
        doubt = f"holds times ({kind}): make them numbers, such as days since a date"
        return Column(name, "left out", missing, doubt)
    if not (types.is_boolean(kind) or types.is_primitive(kind) or types.is_decimal(kind)):
        return Column(name, "left out", missing, f"holds {kind}, neither numbers nor text")
    values = column.cast(float32(), safe=False).to_numpy().astype(np.float32)
    return Column(name, "numbers", missing, _doubt_of_numbers(column, values), values)


def _category(values: np.ndarray, name: str, missing: int) -> Column:
    different = np.unique(values[values != ""])
    rows = len(values) - missing
    numbers = sum(_is_number(v) for v in different[:1000].tolist())
    # One word among numbers, such as "unknown", makes text of a whole column.
    words = [v for v in different.tolist() if not _is_number(v)]
    if words and numbers > len(different) / 2:
        doubt = f"is text because of {words[0]!r} among its numbers: leave such values empty"
        return Column(name, "categories", missing, doubt, values)
    if len(different) > max(MANY_VALUES, rows / 2):
        doubt = f"has {len(different)} values in {rows} rows, which tell rows apart, not classes"
        return Column(name, "left out", missing, doubt)
    doubt = "is the same in every row" if len(different) == 1 and not missing else ""
    return Column(name, "categories", missing, doubt, values)


def _doubt_of_numbers(column: Any, values: np.ndarray) -> str:
    from pyarrow import types  # type: ignore[import-not-found]

    known = values[~np.isnan(values)]
    if len(known) == len(values) and (known == known[0]).all():
        return "is the same in every row"
    different = len(np.unique(column.drop_null().to_numpy()))
    if types.is_integer(column.type) and different == len(values) > MANY_VALUES:
        spread = float(known.max() - known.min())
        if spread < 2 * len(values):
            return "has another whole number in every row: if it is an id, --drop it"
    return ""


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return True


def _notes(columns: Sequence[Column]) -> list[str]:
    """What was inferred: a sentence for each kind, and one for each doubt."""
    kept = [c for c in columns if c.kind != "left out"]
    notes: list[str] = []
    for kind in ("numbers", "categories"):
        names = [c.name for c in kept if c.kind == kind]
        if names:
            notes.append(f"{len(names)} columns of {kind}: {listed(names)}")
    gaps = [f"{c.name} ({c.missing})" for c in kept if c.missing]
    if gaps:
        notes.append(f"missing values in {listed(gaps)}")
    return notes + _doubts(columns)


def _doubts(columns: Sequence[Column]) -> list[str]:
    doubts: list[str] = []
    for c in columns:
        if c.doubt:
            what = "left out column" if c.kind == "left out" else "column"
            doubts.append(f"{what} {c.name!r}: it {c.doubt}")
    return doubts
