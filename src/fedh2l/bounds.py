"""What values the fields of a frozen dataclass may have: said once, at the field, for all who ask.

The same bounds hold in Python, on the command line, in TOML, in the environment, and in the terms
that a stranger sends: every dataclass of hyper-parameters calls `check_fields` when it is made.
"""

import math
import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, field, fields
from numbers import Integral, Real
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from fedh2l.error import FedH2LError, choose

Number = int | float


def bounded(
    default: Any,
    *,
    least: Number = -math.inf,
    above: Number = -math.inf,
    most: Number = 1_000_000,
) -> Any:
    """A field whose number is at least `least` or above `above`, and at most `most`."""
    return field(default=default, metadata={"least": least, "above": above, "most": most})


def named(default: str, table: Mapping[str, Any]) -> Any:
    """A field whose word is a name in a table."""
    return field(default=default, metadata={"table": table})


def check_fields(settings: Any) -> None:
    """Raise FedH2LError, which names the field, where one is not of its type or out of bounds."""
    kinds = get_type_hints(type(settings))
    for f in fields(settings):
        check_value(f, kinds[f.name], getattr(settings, f.name))


def check_value(f: Field[Any], kind: Any, value: Any) -> None:
    """Refuse a value that the field `f`, of type `kind`, may not have."""
    union = get_origin(kind) in (Union, types.UnionType)
    options = get_args(kind) if union else (kind,)
    if value is None and type(None) in options:
        return

    words = choices_of(f, kind)
    if words:
        choose(f.name, value if isinstance(value, str) else repr(value), words)
    elif float in options:
        _check_number(f, value, Real, "a finite number")
    elif int in options:
        _check_number(f, value, Integral, "a whole number")
    elif all(isinstance(option, type) for option in options):
        _check_class(f, value, options)


def choices_of(f: Field[Any], kind: Any) -> tuple[str, ...]:
    """The words that a field may have: of its Literal, or the names in its table."""
    return words_of(kind) or tuple(f.metadata.get("table", ()))


def words_of(kind: Any) -> tuple[str, ...]:
    """The words of a Literal, also of one that may be None; nothing for any other type."""
    if get_origin(kind) is Literal:
        return get_args(kind)
    if get_origin(kind) in (Union, types.UnionType):
        return tuple(word for option in get_args(kind) for word in words_of(option))
    return ()


def _check_class(f: Field[Any], value: Any, classes: tuple[type, ...]) -> None:
    if not isinstance(value, classes):
        expected = " or ".join(c.__name__ for c in classes)
        raise FedH2LError(f"{f.name} is {value!r}, expected {expected}{_usual(f)}")


def _check_number(f: Field[Any], value: Any, numbers: type, expected: str) -> None:
    # A bool counts as an integer in Python; here it is a mistake.
    is_number = isinstance(value, numbers) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value):
        raise FedH2LError(f"{f.name} is {value!r}, expected {expected}{_usual(f)}")

    # A field that was not made by `bounded` has no bounds.
    if value < f.metadata.get("least", -math.inf):
        wrong = f"{f.metadata['least']:g} or more"
    elif value <= f.metadata.get("above", -math.inf):
        wrong = f"above {f.metadata['above']:g}"
    elif value > f.metadata.get("most", math.inf):
        wrong = f"{f.metadata['most']:g} or less"
    else:
        return
    raise FedH2LError(f"{f.name} is {value}; it must be {wrong}{_usual(f)}")


def _usual(f: Field[Any]) -> str:
    """The end of a refusal: what the field is where nobody says anything."""
    return "" if f.default is MISSING or f.default is None else f" (the default is {f.default})"
