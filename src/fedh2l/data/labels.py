"""From what a file says about its rows to the names of classes, in an order that all agree on."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from itertools import permutations
from typing import Any

import numpy as np

from fedh2l.error import FedH2LError, choose

MISSING = ""  # the name of a row's class where the file says nothing


def class_names(labels: np.ndarray, source: str, rows: int) -> np.ndarray:
    """The name of each row's class, or `MISSING`.

    Whole numbers are taken as such, 1.0 as 1; bytes are decoded; a column (rows, 1) is flattened.
    Raises FedH2LError, which names `source`, where a label is none of these.
    """
    y = labels.reshape(len(labels)) if labels.ndim == 2 and labels.shape[1] == 1 else labels
    if y.ndim != 1:
        raise FedH2LError(
            f"{source}: labels of shape {y.shape}, expected one for each row; of one-hot or soft "
            "labels take y.argmax(1)"
        )
    if len(y) != rows:
        raise FedH2LError(f"{source}: {len(y)} labels for {rows} rows; give one label per row")
    if y.dtype.kind not in "biufSUO":
        raise FedH2LError(
            f"{source}: labels of type {y.dtype}; use whole numbers or the names of classes"
        )
    return np.array([_name(value, f"{source}: row {i}") for i, value in enumerate(y)])


def _name(value: Any, where: str) -> str:
    if value is None or value != value:  # NaN is unlike itself
        return MISSING
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            raise FedH2LError(f"{where}: label {value!r} is not text in UTF-8") from error
    if isinstance(value, str | bool | np.bool_):
        return str(value)
    if isinstance(value, int | float | np.number):
        number = float(value)
        if not number.is_integer():
            raise FedH2LError(
                f"{where}: label {value} is not a whole number; give the index or the name of a "
                "class"
            )
        return str(int(value))
    raise FedH2LError(
        f"{where}: label of type {type(value).__name__}; use whole numbers or the names of classes"
    )


def check_none_missing(names: Mapping[str, np.ndarray]) -> None:
    for source, of_rows in names.items():
        missing = np.flatnonzero(of_rows == MISSING)
        if missing.size:
            raise FedH2LError(
                f"{source}: row {missing[0]} has no label, {missing.size} rows in all; label "
                "them, leave them out, or give --partly-labelled, if they are meant to have none"
            )


def agreed_classes(names: Mapping[str, np.ndarray], chosen: Sequence[str] | None) -> list[str]:
    """The classes in their order: `chosen`, or else every name that occurs, numbers first.

    Raises FedH2LError where sources seem to say one class in two ways.
    """
    said = {source: set(of_rows.tolist()) - {MISSING} for source, of_rows in names.items()}
    if chosen:
        twice = [c for c in chosen if list(chosen).count(c) > 1]
        if twice:
            raise FedH2LError(f"--classes names {twice[0]!r} twice")
        for source, own in said.items():
            for name in sorted(own - set(chosen)):
                choose(f"class in {source}", name, chosen)
        return list(chosen)

    _check_one_base(said)
    every = sorted(set().union(*said.values()), key=_by_number)
    _check_spelling(every, said)
    return every


def _by_number(name: str) -> tuple[bool, int, str]:
    whole = _is_whole(name)
    return (not whole, int(name) if whole else 0, name)


def _check_spelling(classes: Iterable[str], said: Mapping[str, set[str]]) -> None:
    """Two names that differ in case, blanks, hyphens or leading zeros are thought to be one."""
    seen: dict[str, str] = {}
    for name in classes:
        key = _sounded(name)
        if key in seen:
            first, second = (
                ", ".join(s for s, own in said.items() if n in own) for n in (seen[key], name)
            )
            raise FedH2LError(
                f"classes {seen[key]!r} ({first}) and {name!r} ({second}): one class in two "
                "spellings? Correct one, or name both with --classes"
            )
        seen[key] = name


def _sounded(name: str) -> str:
    plain = unicodedata.normalize("NFKC", name).casefold()
    key = "".join(c for c in plain if c.isalnum() or c in "+.")
    try:
        return f"{float(plain):g}"
    except ValueError:
        return key or plain


def _check_one_base(said: Mapping[str, set[str]]) -> None:
    """Refuse sources of which one numbers the classes and one names them, or one counts from 0 and
    one from 1.
    """
    numbers = [source for source, own in said.items() if _kind(own) == "numbers"]
    words = [source for source, own in said.items() if _kind(own) == "words"]
    if numbers and words:
        raise FedH2LError(
            f"{numbers[0]} numbers its classes and {words[0]} names them; use one way in all "
            "sources"
        )
    for a, b in permutations(numbers, 2):
        from_zero, from_one = _counted(said[a], 0), _counted(said[a], 1)
        # A single class may well be another one.
        if len(from_zero) > 1 and (said[a], said[b]) == (from_zero, from_one):
            raise FedH2LError(
                f"{a} numbers its classes from 0 and {b} from 1; count from 0 in both, or name "
                "all classes with --classes"
            )


def _kind(names: set[str]) -> str:
    whole = sum(map(_is_whole, names))
    if not whole:
        return "words" if names else "nothing"
    return "numbers" if whole == len(names) else "both"


def _counted(names: set[str], first: int) -> set[str]:
    """As many numbers as there are names, from `first` on."""
    return {str(first + n) for n in range(len(names))}


def _is_whole(name: str) -> bool:
    return name.removeprefix("-").isdecimal()
