"""A user's rows as those of sites: whose each row is, of which class, and in which part."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int, Shaped

from fedh2l.data.labels import MISSING, agreed_classes, class_names
from fedh2l.data.own_rows import OwnRows
from fedh2l.error import FedH2LError
from fedh2l.seed_rows import UNLABELLED
from fedh2l.stored_rows import RowArray, StoredRows

LEAST = 10  # rows of a site: fewer cannot be trained on, chosen on and tested on
MOST_CLASSES = 1000
PARTS = ("train", "validation", "test")
# What files call the three parts.
SPELLINGS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing"),
}
LONGEST_NAME = 64  # as peers' names have it


@dataclass(frozen=True, eq=False)
class Sites:
    """Rows with their classes; of a site, a group and a part only where the file says so."""

    source: str  # the file's name, for refusals
    rows: OwnRows
    classes: tuple[str, ...]
    labels: Int[np.ndarray, " rows"]  # UNLABELLED where the file says nothing
    sites: Shaped[np.ndarray, " rows"] | None  # the peer whose row it is
    groups: Shaped[np.ndarray, " rows"] | None  # rows of one group stay in one part
    parts: Shaped[np.ndarray, " rows"] | None  # one of PARTS, or ""
    notes: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """The sites' names, sorted; nothing where the file names none."""
        return [] if self.sites is None else sorted(set(self.sites.tolist()))


def sites_of(
    rows: OwnRows,
    source: str,
    *,
    domain: str | None = None,
    group: str | None = None,
    split: str | None = None,
    classes: Sequence[str] | None = None,
    fix: str = "name its column with --label",
) -> Sites:
    """The rows with what was said beside them, checked.

    domain, group, split
        The name below which the rows have it in `rows.beside`; None: nobody said it.
    fix
        What to do where there are no labels at all.
    """
    if rows.y is None:
        raise FedH2LError(f"{source}: no labels; {fix}")
    # What lies on disk was pixels.
    if not isinstance(rows.x, StoredRows):
        _check_finite(rows.x, source)
    names = class_names(rows.y, source, len(rows))
    agreed = _classes(names, source, classes)
    index = {name: i for i, name in enumerate(agreed)} | {MISSING: UNLABELLED}
    labels = np.array([index[name] for name in names.tolist()], np.int64)
    notes = [*rows.notes, f"{source}: classes {_counted(agreed, labels)}"]
    unlabelled = int((labels == UNLABELLED).sum())
    if unlabelled:
        notes.append(f"{source}: {unlabelled} rows without a label, which become seed rows")

    sites = _sites(rows.beside[domain], source, domain) if domain else None
    groups = _groups(rows.beside[group], source, group) if group else None
    parts = _parts(rows.beside[split], source, split) if split else None
    notes += _left_out(parts, source)
    if sites is not None:
        _check_enough(sites, labels, source)
    return Sites(source, rows, agreed, labels, sites, groups, parts, tuple(notes))


def _check_finite(x: RowArray, source: str) -> None:
    """Only a table may have gaps; nothing may be infinite."""
    columns = [x[name] for name in x.dtype.names or ()]
    for column in columns or [x]:
        if column.dtype.kind != "f":
            continue
        bad = np.isinf(column) if columns else ~np.isfinite(column)
        rows = np.flatnonzero(bad.reshape(len(x), -1).any(1))
        if len(rows):
            what = "infinity" if columns else "NaN or infinity"
            fix = "correct them" if columns else "fill them in, or give a table (.csv, .parquet)"
            raise FedH2LError(
                f"{source}: {what} in row {rows[0]}, {len(rows)} rows in all; {fix}, or leave "
                "them out"
            )


def _left_out(parts: np.ndarray | None, source: str) -> list[str]:
    rows = 0 if parts is None else int((parts == "").sum())
    return [f"{source}: left out {rows} rows that are in no part"] if rows else []


def _classes(names: np.ndarray, source: str, chosen: Sequence[str] | None) -> tuple[str, ...]:
    different = np.unique(names[names != MISSING])
    labelled = int((names != MISSING).sum())
    # A column of measurements or of ids was taken for one of labels.
    if not chosen and len(different) > min(MOST_CLASSES, max(2, labelled // 2)):
        some = ", ".join(different[:3].tolist())
        raise FedH2LError(
            f"{source}: {len(different)} different labels in {labelled} rows ({some} …), so these "
            "are no classes; name another column with --label"
        )
    agreed = tuple(agreed_classes({source: names}, chosen))
    if len(agreed) < 2:
        raise FedH2LError(
            f"{source}: {f'every label is {agreed[0]!r}' if agreed else 'no row has a label'}; "
            "there must be two classes or more: name all with --classes, or another column with "
            "--label"
        )
    return agreed


def _counted(classes: Sequence[str], labels: np.ndarray) -> str:
    counts = np.bincount(labels[labels >= 0], minlength=len(classes))
    shown = [f"{name} ({n})" for name, n in zip(classes[:12], counts[:12], strict=True)]
    more = [f"and {len(classes) - 12} more"] if len(classes) > 12 else []
    return ", ".join(shown + more)


def _sites(values: np.ndarray, source: str, column: str) -> np.ndarray:
    """The name of a peer for every row: letters, digits, '-' and '_' of what the file says."""
    empty = np.flatnonzero(values == "")
    if len(empty):
        raise FedH2LError(
            f"{source}: row {empty[0]} has no {column}, {len(empty)} rows in all; say whose they "
            "are, or leave them out"
        )
    names = {value: peer_name(value) for value in np.unique(values).tolist()}
    taken: dict[str, str] = {}
    for value, name in names.items():
        # On some disks names that differ in case only are one.
        other = taken.setdefault(name.casefold(), value)
        if not name or other != value:
            raise FedH2LError(
                f"{source}: column {column!r}: {value!r} makes no name for a peer that can be "
                f"told from {other!r}; use letters and digits, and one spelling"
            )
    return np.array([names[value] for value in values.tolist()])


def peer_name(value: str) -> str:
    """São Paulo as Sao-Paulo: what a path, a terminal and a key expression can hold."""
    plain = unicodedata.normalize("NFKD", value).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9_]+", "-", plain).strip("-")[:LONGEST_NAME]


def _groups(values: np.ndarray, source: str, column: str) -> np.ndarray:
    empty = np.flatnonzero(values == "")
    if len(empty):
        raise FedH2LError(
            f"{source}: row {empty[0]} has no {column}, {len(empty)} rows in all; a group for "
            "every row keeps the parts apart: fill it in"
        )
    return values


def part_of(word: str) -> str | None:
    """train, validation or test, however it is spelt; None: it is none of these."""
    plain = word.strip().lower()
    return next((part for part, words in SPELLINGS.items() if plain in words), None)


def _parts(values: np.ndarray, source: str, column: str) -> np.ndarray:
    said = {value: part_of(value) for value in np.unique(values).tolist() if value}
    unknown = [value for value, part in said.items() if part is None]
    if unknown:
        raise FedH2LError(
            f"{source}: column {column!r} says {unknown[0]!r}; expected {', '.join(PARTS)}"
        )
    # A row in no part is in no use.
    return np.array([said.get(value, "") for value in values.tolist()])


def _check_enough(sites: np.ndarray, labels: np.ndarray, source: str) -> None:
    for name in np.unique(sites):
        labelled = int(((sites == name) & (labels != UNLABELLED)).sum())
        if labelled < LEAST:
            raise FedH2LError(
                f"{source}: domain {str(name)!r} has {labelled} labelled rows; a peer needs "
                f"{LEAST} or more to train, choose and test: correct its name, join it to "
                "another, or leave its rows out"
            )
