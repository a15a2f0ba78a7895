"""The method of a live federation: any in the table that federates by posteriors, made from its
name and parameters in the terms.
"""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from fedh2l.algorithms import ALGORITHMS
from fedh2l.bounds import check_value
from fedh2l.error import FedH2LError, choose
from fedh2l.live.trust.rules import TermsError
from fedh2l.loop import Algorithm
from fedh2l.message import Posteriors


def method_of(name: str, parameters: Mapping[str, Any]) -> Algorithm:
    """The method that the terms name, with their parameters, whose types and ranges are those of
    its own fields.

    Raises TermsError, also for a method that cannot federate live.
    """
    try:
        kind = ALGORITHMS[name]
        check_is_live(name, kind)
        assert is_dataclass(kind)
        field_of, types = {f.name: f for f in fields(kind)}, get_type_hints(kind)
        for parameter, value in parameters.items():
            choose(f"parameter of {name}", parameter, field_of)
            # A stranger wrote the value, and not every method checks its own fields.
            check_value(field_of[parameter], types[parameter], value)
        method = kind(**parameters)
    except TermsError:
        raise
    except FedH2LError as error:
        raise TermsError(f"the terms' method: {error}") from error
    return method


def check_is_live(name: str, kind: type[Algorithm]) -> None:
    """Raise TermsError, with the reason, for a method that cannot federate over a network."""
    messages = _messages_of(kind)
    if not messages:
        raise TermsError(
            f"{name} says nothing to other members, so there is nothing to federate; use fedh2l "
            "run, or another --algorithm"
        )
    if Posteriors not in messages:
        kinds = " and ".join(sorted(m.kind for m in messages))
        raise TermsError(
            f"{name} sends {kinds}, and live members send posteriors only; use fedh2l run, or "
            "another --algorithm"
        )


def _messages_of(kind: type[Algorithm]) -> set[Any]:
    """The kinds of message that a method's own `speak` declares; posteriors if it declares none."""
    returned = get_type_hints(kind.speak).get("return", Posteriors)
    options = get_args(returned) if get_origin(returned) in (Union, UnionType) else (returned,)
    return set(options) - {NoneType}


def name_of(method: Algorithm) -> str:
    """The name under which the table has this method."""
    return ALGORITHMS.name_of(type(method))
