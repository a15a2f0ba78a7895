"""Flags from classes: each field of a dataclass is a flag, with the type, default and help that the
class gives it.

Which classes these are is said by flags themselves (--data, --algorithm), so those are read first.
"""

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import MISSING, Field, field, fields, make_dataclass
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from cyclopts import Parameter, Token
from docstring_parser import parse

from fedh2l.error import FedH2LError, choose

VARIABLES = {"data_dir": "FEDH2L_DATA"}  # environment variables of another name than their flag
Flag = tuple[Field[Any], Any, str]  # a field, its type and its help


def flags_of(kind: type, leave_out: Collection[str] = ()) -> list[Flag]:
    """Every field of a dataclass, with the words that its docstring has for it."""
    hints = get_type_hints(kind)
    words = {p.arg_name: p.description or "" for p in parse(kind.__doc__ or "").params}
    return [
        (f, hints[f.name], words.get(f.name, ""))
        for f in fields(kind)
        if f.init and f.name not in leave_out
    ]


def class_of(flags: Iterable[Flag], defaults: Mapping[str, Any]) -> type:
    """One dataclass with all these fields, for the command line to fill; `defaults` go before the
    fields' own.
    """
    members: dict[str, tuple[str, Any, Any]] = {}
    for f, hint, words in flags:
        if f.name in members:
            raise FedH2LError(f"two settings are called {f.name}; rename one of them")
        default = defaults.get(f.name, f.default)
        default = tuple(default) if isinstance(default, list) else default  # as TOML has it
        parameter = Parameter(
            help=words,
            converter=_whole if int in (hint, *get_args(hint)) else None,
            env_var=VARIABLES.get(f.name),
            consume_multiple=_is_tuple(hint) or None,
            negative_iterable=(),
        )
        made = field() if default is MISSING else field(default=default)
        members[f.name] = (f.name, Annotated[hint, parameter], made)
    made_class = make_dataclass("Flags", members.values(), frozen=True, kw_only=True)
    made_class.__module__ = __name__
    return made_class


def _whole(_: Any, tokens: Sequence[Token]) -> int:
    """2.5 rounds are a mistake, not 2."""
    try:
        return int(tokens[0].value)
    except ValueError as error:
        raise ValueError(f"{tokens[0].value!r}, expected a whole number") from error


def _is_tuple(hint: Any) -> bool:
    options = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    return any(get_origin(option) is tuple for option in options)


def value_of(flag: str, tokens: Sequence[str], prefix: str) -> str | None:
    """What a flag is on the command line or, if it is not there, in the environment."""
    for i, token in enumerate(tokens):
        name, equals, value = token.partition("=")
        if _name(name) == flag and name.startswith("--"):
            following = tokens[i + 1] if i + 1 < len(tokens) else None
            return value if equals else following
    return os.environ.get(f"{prefix}{flag.upper()}")


def named_flags(tokens: Sequence[str]) -> list[str]:
    """The flags on a command line, as names of settings."""
    words = [t.partition("=")[0] for t in tokens if t.startswith("--") and len(t) > 2]
    return [_name(word) for word in words]


def _name(token: str) -> str:
    return token.removeprefix("--").replace("-", "_")


def check_environment(prefix: str, known: Collection[str]) -> None:
    """Refuse a variable of this command that names none of its flags."""
    others = set(VARIABLES.values())
    for variable in sorted(os.environ):
        if variable.startswith(prefix) and variable not in others:
            names = [prefix + name.upper() for name in known]
            choose("environment variable", variable, names)


def flag(name: str) -> str:
    """As it is typed."""
    return "--" + name.replace("_", "-")


def shown(value: Any) -> str:
    """A default as a table of flags shows it."""
    if value is None or value is MISSING:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple | list):
        return " ".join(map(str, value))
    return str(value) if not isinstance(value, Path) else value.name
