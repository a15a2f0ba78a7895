"""The terms of a federation: what all members agree on, as a JSON file signed by the convener, checked before it is believed."""

import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from hashlib import sha256
from pathlib import Path
from typing import Any

from fedh2l.algorithms.fedh2l import FedH2L
from fedh2l.codecs import CODECS
from fedh2l.error import FedH2LError
from fedh2l.live.identity import Identity, verify
from fedh2l.peer import NAME

MOST = 1_000_000  # bytes of an invite
HEX = re.compile(r"[0-9a-f]+")
ADDRESS = re.compile(r"[A-Za-z0-9._-]{1,253}:[0-9]{1,5}|\[[0-9a-fA-F:]{2,45}\]:[0-9]{1,5}")


class TermsError(FedH2LError):
    """An invite that is not believed. Nothing of it was used."""


@dataclass(frozen=True)
class Member:
    """An organisation, or a relay: who it is, and where it is reached."""

    name: str
    key: str  # hex of its Ed25519 public key; empty for a relay, which signs nothing
    address: str  # host:port; empty behind NAT, where it is a client of the relays
    certificate: str  # PEM


@dataclass(frozen=True)
class Terms:
    """All that is agreed before the first round. A later version has a higher number and the same convener."""

    federation: str  # 16 random hex digits
    version: int
    convener: str  # hex of the Ed25519 key that signs the terms
    seed_set: str  # its digest
    classes: tuple[str, ...]  # in the order of a posterior's columns
    algorithm: str  # fedh2l
    parameters: dict[str, Any]  # its fields
    codec: str
    rounds: int
    quorum: int  # posts, one's own among them, with which a round may close
    grace: float  # seconds that a round waits for the rest after its quorum
    deadline: float  # seconds after which a round closes with what is there
    asynchronous: bool  # no barrier: learn from the newest of each
    members: tuple[Member, ...]
    relays: tuple[Member, ...]
    authority: str  # PEM of the convener's certificate authority

    def member(self, name: str) -> Member:
        for m in self.members:
            if m.name == name:
                return m
        raise TermsError(f"no member {name!r} in version {self.version} of the invite; its members are "
                         f"{', '.join(m.name for m in self.members)}: send the convener your answer (fedh2l accept)")  # fmt: skip

    @property
    def method(self) -> FedH2L:
        return FedH2L(**self.parameters)

    @property
    def fingerprint(self) -> str:
        """Of what never changes between versions, to be read out over the telephone."""
        digest = sha256(json.dumps([self.federation, self.convener, self.seed_set]).encode()).hexdigest()
        return " ".join(digest[i : i + 4] for i in range(0, 16, 4))


def canonical(told: dict[str, Any]) -> bytes:
    """The one way to write it down: what is signed."""
    return json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def signed(terms: Terms, convener: Identity) -> bytes:
    """The invite: the terms with the convener's signature."""
    told = asdict(terms)
    if convener.public != terms.convener:
        raise TermsError(f"{convener.name} is not the convener of these terms; only the convener's key can sign a version")
    _checked(json.loads(canonical(told)))
    return json.dumps({"terms": told, "signature": convener.sign(b"fedh2l terms\n" + canonical(told)).hex()}, indent=1).encode()


def read_terms(data: bytes, before: Terms | None = None) -> Terms:
    """The terms in an invite, believed when they are well-formed and signed; with `before`, when they are a later version of it."""
    outer = parsed(data, {"terms", "signature"}, "invite")
    told, signature = outer["terms"], outer["signature"]
    terms = _checked(told)
    check(isinstance(signature, str) and len(signature) == 128 and bool(HEX.fullmatch(signature)), "its signature is not 128 hex digits")
    if not verify(terms.convener, bytes.fromhex(signature), b"fedh2l terms\n" + canonical(told)):
        raise TermsError("the invite's signature is not the convener's: it was changed on its way; ask the convener for it again")
    if before is not None:
        if (terms.federation, terms.convener) != (before.federation, before.convener):
            raise TermsError("an invite to another federation, or by another convener; a new version is signed by the same key")
        if terms.seed_set != before.seed_set or terms.classes != before.classes or terms.codec != before.codec:
            raise TermsError("the seed set, classes or codec differ from the version before; that needs a new federation")
        if terms.version <= before.version:
            raise TermsError(f"version {terms.version} of the invite, but {before.version} is known already; an old one changes nothing")
    return terms


def open_invite(path: Path) -> Terms:
    try:
        return read_terms(path.read_bytes())
    except TermsError as error:
        raise TermsError(f"{path}: {error}") from error


def parsed(data: bytes, keys: set[str], what: str) -> dict[str, Any]:
    """A JSON object with exactly these keys, from a stranger."""
    check(len(data) <= MOST, f"{len(data)} bytes, more than the {MOST} of any {what}")
    try:
        told = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise TermsError(f"not an {what}: no JSON in it ({str(error)[:80]})") from error
    check(isinstance(told, dict) and set(told) == keys, f"not an {what}: expected the entries {', '.join(sorted(keys))}")
    return told


def check(holds: bool, otherwise: str) -> None:
    if not holds:
        raise TermsError(otherwise)


def _integer(low: int, high: int) -> Callable[[Any], bool]:
    return lambda v: type(v) is int and low <= v <= high


def _number(low: float, high: float) -> Callable[[Any], bool]:
    return lambda v: type(v) in (int, float) and low <= v <= high  # no NaN passes


def _hex(digits: int) -> Callable[[Any], bool]:
    return lambda v: isinstance(v, str) and len(v) == digits and bool(HEX.fullmatch(v))


def _pem(v: Any) -> bool:
    return isinstance(v, str) and len(v) <= 8000 and v.startswith("-----BEGIN CERTIFICATE-----") and v.isascii()


def is_name(v: Any) -> bool:
    return isinstance(v, str) and bool(NAME.fullmatch(v))


def is_address(v: Any) -> bool:
    return isinstance(v, str) and (v == "" or (bool(ADDRESS.fullmatch(v)) and 0 < int(v.rpartition(":")[2]) < 65536))


def _text(v: Any) -> bool:
    return isinstance(v, str) and 0 < len(v) <= 200 and v.isprintable()  # a class name: shown on a terminal


def _parameters(v: Any) -> bool:
    if not isinstance(v, dict):
        return False
    known = {f.name: type(f.default) for f in fields(FedH2L)}
    return all(k in known and (type(x) is known[k] or (known[k] is float and type(x) is int)) and _sane(k, x) for k, x in v.items())


def _sane(name: str, value: Any) -> bool:
    words = {"exchange": {"set", "batch"}, "conflict": {"none", "private", "seed", "both"}, "teachers": {"uniform", "owner", "label"}}
    if name in words:
        return value in words[name]
    return isinstance(value, bool) or (0 if name == "weight" else 1e-6) <= value <= 1_000_000


RULES: dict[str, Callable[[Any], bool]] = {
    "federation": _hex(16), "version": _integer(1, 1_000_000), "convener": _hex(64), "seed_set": _hex(64),
    "classes": lambda v: isinstance(v, list) and 2 <= len(v) <= 10_000 and all(map(_text, v)) and len(set(v)) == len(v),
    "algorithm": lambda v: v == "fedh2l", "parameters": _parameters, "codec": lambda v: isinstance(v, str) and v in CODECS,
    "rounds": _integer(1, 1_000_000), "quorum": _integer(1, 1000), "grace": _number(0.0, 86_400.0), "deadline": _number(0.001, 604_800.0),
    "asynchronous": lambda v: isinstance(v, bool), "members": lambda v: isinstance(v, list) and 0 < len(v) <= 1000,
    "relays": lambda v: isinstance(v, list) and len(v) <= 32, "authority": _pem,
}  # fmt: skip
MEMBER: dict[str, Callable[[Any], bool]] = {"name": is_name, "key": _hex(64), "address": is_address, "certificate": _pem}
RELAY = MEMBER | {"key": lambda v: v == "", "address": lambda v: is_address(v) and v != ""}


def obeys(told: Any, rules: dict[str, Callable[[Any], bool]], what: str) -> None:
    """Every rule holds, and nothing else is told."""
    check(isinstance(told, dict) and set(told) == set(rules), f"{what}: expected the entries {', '.join(sorted(rules))}")
    for key, rule in rules.items():
        check(rule(told[key]), f"{what}: {key} is {json.dumps(told[key])[:60]}, which is not allowed there")


def _checked(told: Any) -> Terms:
    obeys(told, RULES, "terms")
    for kind, rules in (("members", MEMBER), ("relays", RELAY)):
        for m in told[kind]:
            obeys(m, rules, f"one of the {kind}")
    names = [m["name"] for m in (*told["members"], *told["relays"])]
    keys = [m["key"] for m in told["members"]]
    check(len(set(names)) == len(names), "two members of one name")
    check(len(set(keys)) == len(keys), "two members with one key")
    lists = {k: tuple(Member(**m) for m in told[k]) for k in ("members", "relays")}
    times = {k: float(told[k]) for k in ("grace", "deadline")}
    return Terms(**told | lists | times | {"classes": tuple(told["classes"])})
