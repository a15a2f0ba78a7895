"""A folder with a table for each site, or for each part: rome.csv, oslo.csv; train.csv, test.csv;
train/rome.csv; rome/train.csv.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from fedh2l.data.own_sites import part_of
from fedh2l.error import FedH2LError

DOMAIN, SPLIT = "domain", "split"  # the columns that say what names of files said


class SiteFile(NamedTuple):
    path: Path
    domain: str  # "": its name says no more than the part
    part: str  # "": its name says the site alone


def site_files(folder: Path, suffixes: tuple[str, ...]) -> list[SiteFile]:
    """The tables of a folder and its subfolders, with what their names say."""
    return [_named(path, folder) for path in sorted(_tables(folder, suffixes))]


def _tables(folder: Path, suffixes: tuple[str, ...]) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue
        if path.is_dir():
            inside = (f for f in path.iterdir() if not f.name.startswith("."))
            yield from (f for f in inside if f.is_file() and f.suffix.lower() in suffixes)
        elif path.suffix.lower() in suffixes:
            yield path


def _named(path: Path, folder: Path) -> SiteFile:
    words = [*path.relative_to(folder).parts[:-1], path.stem]
    parts = [part for part in map(part_of, words) if part]
    domains = [word for word in words if not part_of(word)]
    if len(parts) > 1:
        raise FedH2LError(f"{path}: its name says two parts, {' and '.join(parts)}; rename it")
    return SiteFile(path, "-".join(domains), "".join(parts))


def joined_tables(files: list[SiteFile], tables: list[Any]) -> Any:
    """All rows in one table of pyarrow's, with columns for what the files' names say."""
    import pyarrow  # type: ignore[import-not-found]

    told: list[Any] = []
    for file, table in zip(files, tables, strict=True):
        for column, value in ((DOMAIN, file.domain), (SPLIT, file.part)):
            if not value:
                continue
            if column in table.column_names:
                raise FedH2LError(
                    f"{file.path}: has a column {column!r}, and so says its name; rename the one "
                    "or the other"
                )
            words = pyarrow.array([value] * table.num_rows)
            table = table.append_column(column, words)
        told.append(table)
    _check_columns(files, told)
    return pyarrow.concat_tables(told, promote_options="permissive")


def _check_columns(files: list[SiteFile], tables: list[Any]) -> None:
    """Every site needs the same columns, in whatever order."""
    first = set(tables[0].column_names)
    for file, table in zip(files, tables, strict=True):
        unlike = sorted(first ^ set(table.column_names))
        if unlike:
            raise FedH2LError(
                f"{file.path}: column {unlike[0]!r} is not in both, it and {files[0].path.name}; "
                "every site needs the same columns"
            )
