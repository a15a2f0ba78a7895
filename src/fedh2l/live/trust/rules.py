"""The rules for a file from a stranger, entry by entry: an invite's terms, and an answer."""

import json
import re
from collections.abc import Callable
from typing import Any

from fedh2l.algorithms import ALGORITHMS
from fedh2l.error import FedH2LError
from fedh2l.live.trust.succession import LINK
from fedh2l.live.trust.succession import MOST as MOST_LINKS
from fedh2l.peer import NAME
from fedh2l.wire import CODECS

MOST = 1_000_000  # bytes of an invite
HEX = re.compile(r"[0-9a-f]+")
ADDRESS = re.compile(r"[A-Za-z0-9._-]{1,253}:[0-9]{1,5}|\[[0-9a-fA-F:]{2,45}\]:[0-9]{1,5}")


class TermsError(FedH2LError):
    """The invite is not believed. Nothing of it was used."""


def parsed(data: bytes, keys: set[str], what: str) -> dict[str, Any]:
    """A JSON object with exactly these keys, from a stranger."""
    check(len(data) <= MOST, f"{len(data)} bytes, more than the {MOST} of any {what}")
    try:
        entries = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise TermsError(f"not an {what}: no JSON in it ({str(error)[:80]})") from error
    check(
        isinstance(entries, dict) and set(entries) == keys,
        f"not an {what}: expected the entries {', '.join(sorted(keys))}",
    )
    return entries


def check(holds: bool, refusal: str) -> None:
    """Raise TermsError with these words where something does not hold."""
    if not holds:
        raise TermsError(refusal)


def _integer(low: int, high: int) -> Callable[[Any], bool]:
    return lambda v: type(v) is int and low <= v <= high


def _number(low: float, high: float) -> Callable[[Any], bool]:
    return lambda v: type(v) in (int, float) and low <= v <= high  # no NaN passes


def _hex(digits: int) -> Callable[[Any], bool]:
    return lambda v: isinstance(v, str) and len(v) == digits and bool(HEX.fullmatch(v))


def _pem(v: Any) -> bool:
    return (
        isinstance(v, str)
        and len(v) <= 8000
        and v.startswith("-----BEGIN CERTIFICATE-----")
        and v.isascii()
    )


def is_name(v: Any) -> bool:
    return isinstance(v, str) and bool(NAME.fullmatch(v))


def is_address(v: Any) -> bool:
    return isinstance(v, str) and (
        v == "" or (bool(ADDRESS.fullmatch(v)) and 0 < int(v.rpartition(":")[2]) < 65536)
    )


def is_protocol(v: Any) -> bool:
    return type(v) is int and 1 <= v <= 1_000_000


def is_succession(v: Any) -> bool:
    return v == "" or (
        isinstance(v, str)
        and len(v) % LINK == 0
        and len(v) <= LINK * MOST_LINKS
        and bool(HEX.fullmatch(v))
    )


def _text(v: Any) -> bool:
    # The name of a class is shown on a terminal, so no control character may be in it.
    return isinstance(v, str) and 0 < len(v) <= 200 and v.isprintable()


def _parameters(v: Any) -> bool:
    # Names, types and bounds of the parameters are checked against the method's fields.
    return isinstance(v, dict) and len(v) <= 100 and all(map(_scalar, v.values()))


def _scalar(v: Any) -> bool:
    return v is None or isinstance(v, bool | int | float) or (isinstance(v, str) and len(v) <= 200)


RULES: dict[str, Callable[[Any], bool]] = {
    "federation": _hex(16),
    "version": _integer(1, 1_000_000),
    "protocol": is_protocol,
    "convener": _hex(64),
    "seed_set": _hex(64),
    "classes": lambda v: (
        isinstance(v, list)
        and 2 <= len(v) <= 10_000
        and all(map(_text, v))
        and len(set(v)) == len(v)
    ),
    "algorithm": lambda v: isinstance(v, str) and v in ALGORITHMS,
    "parameters": _parameters,
    "codec": lambda v: isinstance(v, str) and v in CODECS,
    "rounds": _integer(1, 1_000_000),
    "quorum": _integer(1, 1000),
    "grace": _number(0.0, 86_400.0),
    "deadline": _number(0.001, 604_800.0),
    "asynchronous": lambda v: isinstance(v, bool),
    "guard": lambda v: isinstance(v, bool),
    "members": lambda v: isinstance(v, list) and 0 < len(v) <= 1000,
    "relays": lambda v: isinstance(v, list) and len(v) <= 32,
    "authority": _pem,
}
MEMBER: dict[str, Callable[[Any], bool]] = {
    "name": is_name,
    "key": _hex(64),
    "address": is_address,
    "certificate": _pem,
    "statement": _hex(128),
    "succession": is_succession,
}
RELAY = MEMBER | {
    "key": lambda v: v == "",
    "statement": lambda v: v == "",
    "succession": lambda v: v == "",
    "address": lambda v: is_address(v) and v != "",
}


def check_entries(entries: Any, rules: dict[str, Callable[[Any], bool]], what: str) -> None:
    """Refuse entries of which one breaks its rule, is missing, or has no rule.

    `what`: the thing that they describe, for the refusal.
    """
    check(
        isinstance(entries, dict) and set(entries) == set(rules),
        f"{what}: expected the entries {', '.join(sorted(rules))}",
    )
    for key, rule in rules.items():
        check(
            rule(entries[key]),
            f"{what}: {key} is {json.dumps(entries[key])[:60]}, which is not allowed there",
        )
