"""A table from a .csv or .parquet file, or from a folder of them, as a table of pyarrow's."""

import json
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from fedh2l.data.own_rows import Stamp, check_size, stamp_of
from fedh2l.data.site_files import joined_tables, site_files
from fedh2l.error import FedH2LError

COMMA_SEPARATED, PARQUET = (".csv", ".tsv"), (".parquet", ".pq")
TABLES = COMMA_SEPARATED + PARQUET
# What pandas calls an index without a name, and what such an index is called in a CSV file.
INDEX = re.compile(r"__index_level_\d+__|Unnamed: 0|")
SEPARATORS = ",;\t|"
MISSING = ["", "?", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NULL", "null", "None"]


def read_table(path: Path, keep: tuple[str, ...] = ()) -> tuple[Any, tuple[str, ...]]:
    """Every column but an index that pandas wrote, unless it is one of those to keep; and what was
    left out, in sentences.

    Raises FedH2LError, which names the file, where it cannot be read or would not fit.
    """
    return _without_index(_read(path, stamp_of(path)), path, keep)


def read_names(path: Path) -> list[str]:
    """The names of the columns, but for an index that pandas wrote."""
    return list(read_table(path)[0].column_names)


@lru_cache(maxsize=1)  # first asked for its columns, then for what is in them
def _read(path: Path, _: Stamp) -> Any:
    import pyarrow  # type: ignore[import-not-found]

    unreadable: tuple[type[Exception], ...] = (pyarrow.ArrowException, ValueError, OSError)
    try:
        if not path.is_dir():
            return _read_one(path)
        files = site_files(path, TABLES)
        tables = [_without_index(_read_one(f.path), f.path, ())[0] for f in files]
        return joined_tables(files, tables)
    except FedH2LError:
        raise
    except unreadable as error:
        why = " ".join(str(error).split())
        raise FedH2LError(f"{path}: no table that can be read ({why})") from error


def _read_one(path: Path) -> Any:
    return _read_parquet(path) if path.suffix.lower() in PARQUET else _read_csv(path)


def _read_parquet(path: Path) -> Any:
    from pyarrow import parquet  # type: ignore[import-not-found]

    with parquet.ParquetFile(path) as file:
        check_size(path, (file.metadata.num_rows, file.metadata.num_columns))
        return file.read(use_pandas_metadata=False)


def _read_csv(path: Path) -> Any:
    """Separated by commas, semicolons, tabs or bars, whichever the first line has most of."""
    import pyarrow  # type: ignore[import-not-found]
    from pyarrow import csv  # type: ignore[import-not-found]

    check_size(path, (path.stat().st_size // 4,))
    with path.open("rb") as file:
        first = file.readline(2**20).decode("utf-8", "replace")
    separator = max(SEPARATORS, key=first.count)
    # Where semicolons separate, commas are what others write as points.
    point = "," if separator == ";" else "."
    convert = csv.ConvertOptions(null_values=MISSING, strings_can_be_null=True, decimal_point=point)
    table = csv.read_csv(
        path, parse_options=csv.ParseOptions(delimiter=separator), convert_options=convert
    )
    for name, column in zip(table.column_names, table.columns, strict=True):
        if pyarrow.types.is_binary(column.type):
            raise FedH2LError(
                f"{path}: column {name!r} holds text that is not UTF-8; save the file as UTF-8"
            )
    if all(_is_number(name) for name in table.column_names):
        raise FedH2LError(
            f"{path}: its first line holds numbers, and no names of columns; add a line of names"
        )
    return table


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _without_index(table: Any, path: Path, keep: tuple[str, ...]) -> tuple[Any, tuple[str, ...]]:
    """pandas writes the names of a table's rows beside its columns."""
    names: list[str] = list(table.column_names)
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise FedH2LError(f"{path}: two columns are called {twice[0]!r}; rename one")
    if not table.num_rows:
        raise FedH2LError(f"{path}: no rows below the names of its columns")

    index = [name for name in _index(table) if name not in keep]
    if not index:
        return table, ()
    called = ", ".join(name or "the column without a name" for name in index)
    return table.drop_columns(index), (f"{path}: left out the index of pandas, {called}",)


def _index(table: Any) -> list[str]:
    about: dict[str, Any] = json.loads((table.schema.metadata or {}).get(b"pandas", b"{}"))
    # An index that counts from 0 is no column, but a dictionary.
    said = [name for name in about.get("index_columns", []) if isinstance(name, str)]
    return [n for n in table.column_names if n in said or INDEX.fullmatch(n)]
