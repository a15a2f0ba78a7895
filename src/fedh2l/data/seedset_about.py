"""A seed set in words: what is in it, and in what two of them differ."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from fedh2l.registration import angles
from fedh2l.rows import kind_of
from fedh2l.seedset import SeedSet
from fedh2l.tables import is_text, names_of, unlike


def about(seeds: SeedSet) -> dict[str, Any]:
    """Its size, its classes, its labels, its fingerprint."""
    counts = balance(seeds)
    return {
        "rows": len(seeds),
        "row": _about_row(seeds.x),
        "classes": counts or ", ".join(seeds.classes),
        "labels": _labelling(counts, len(seeds)),
        **_turns(seeds),
        "fingerprint": seeds.fingerprint,
        "digest": seeds.digest,
    }


def _turns(seeds: SeedSet) -> dict[str, str]:
    """By how much images of owners are turned against each other, where the rows show that."""
    told = told_angles(angles(seeds.x, seeds.labels, seeds.owners))
    if seeds.turned:
        return {"turned": told or "no images against another owner's, as far as is seen"}
    return {"turned": f"{told}; --turned asks about them so, too"} if told else {}


def told_angles(found: Mapping[str, int]) -> str:
    """Whose images are turned by how much, as `angles` found it."""
    return ", ".join(f"{name} by {angle}°" for name, angle in found.items())


def _about_row(x: np.ndarray) -> str:
    """What one row is: its shape, the columns of a table, or text."""
    if kind_of(x) == "text":
        return f"a text of up to {x.dtype.itemsize // 4} characters"
    if kind_of(x) == "table":
        categories = [name for name in names_of(x) if is_text(x, name)]
        numbers = len(names_of(x)) - len(categories)
        columns = f"{numbers} columns of numbers, {len(categories)} of categories"
        return f"({len(names_of(x))},): {columns}"
    return str(x.shape[1:])


def _labelling(counts: dict[str, int] | None, rows: int) -> str:
    """How many rows are labelled, and whether the classes have alike many."""
    if counts is None:
        return "no"
    labelled = sum(counts.values())
    share = "yes" if labelled == rows else f"of {labelled} rows, {rows - labelled} without"
    uneven = max(counts.values()) > 3 * min(counts.values())
    return f"{share}, uneven: look at the classes" if uneven else f"{share}, balanced"


def balance(seed_set: SeedSet) -> dict[str, int] | None:
    """Labelled rows of each class, or None where there are no labels."""
    if seed_set.labels is None:
        return None
    counts = np.bincount(seed_set.labels[seed_set.labelled], minlength=len(seed_set.classes))
    return {name: int(n) for name, n in zip(seed_set.classes, counts, strict=True)}


def differences(a: SeedSet, b: SeedSet) -> list[str]:
    """In what two seed sets differ, in plain sentences; nothing where they are one."""
    settings = {
        "rows": (len(a), len(b)),
        "kind of the rows": (kind_of(a.x), kind_of(b.x)),
        "columns": (names_of(a.x), names_of(b.x)),
        "shape of a row": (a.x.shape[1:], b.x.shape[1:]),
        "dtype": (_number_type(a.x), _number_type(b.x)),
        "classes": (list(a.classes), list(b.classes)),
        "view": (a.view, b.view),
        "every": (a.every, b.every),
        "mixtures": (a.mixtures, b.mixtures),
        "turned": (a.turned, b.turned),
    }
    sentences = [f"{name}: {x} against {y}" for name, (x, y) in settings.items() if x != y]
    sentences += _unlike_rows("examples", a.x, b.x)
    sentences += _unlike_rows("labels", a.labels, b.labels)
    sentences += _unlike_rows("owners", a.owners, b.owners)
    return sentences or ([] if a.digest == b.digest else ["the digests differ"])


def _number_type(x: np.ndarray) -> str:
    """Of numbers; text is as wide as its longest, and a table's columns are float32 or text."""
    return "" if kind_of(x) in ("table", "text") else str(x.dtype.newbyteorder("="))


def _unlike_rows(name: str, x: np.ndarray | None, y: np.ndarray | None) -> list[str]:
    """How many rows of one array differ; nothing where the shapes, kinds or columns do, which is
    said already.
    """
    if x is None and y is None:
        return []
    if x is None or y is None:
        return [f"{name}: only in the {'second' if x is None else 'first'}"]
    if x.shape != y.shape or kind_of(x) != kind_of(y) or names_of(x) != names_of(y):
        return []
    rows = np.flatnonzero(unlike(x, y))
    return [f"{name}: {rows.size} rows differ, the first is row {rows[0]}"] if rows.size else []
