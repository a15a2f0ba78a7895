"""The terms of a federation: what all members agree on, as a JSON file signed by the convener,
checked before it is believed.
"""

import json
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from fedh2l.live.trust.identity import Identity, verify
from fedh2l.live.trust.method import method_of
from fedh2l.live.trust.rules import (
    HEX,
    MEMBER,
    RELAY,
    RULES,
    TermsError,
    check,
    check_entries,
    parsed,
)
from fedh2l.loop import Algorithm


@dataclass(frozen=True)
class Member:
    """An organisation, or a relay: who it is, and where it is reached."""

    name: str
    key: str  # hex of its Ed25519 public key; empty for a relay, which signs nothing
    address: str  # host:port; empty behind NAT, where it is a client of the relays
    certificate: str  # PEM


@dataclass(frozen=True)
class Terms:
    """All that is agreed before the first round.

    A later version has a higher number; federation, convener, seed set, classes and codec stay.
    """

    federation: str  # 16 random hex digits
    version: int
    convener: str  # hex of the Ed25519 key that signs the terms
    seed_set: str  # its digest
    classes: tuple[str, ...]  # in the order of a posterior's columns
    algorithm: str  # its name in the table of methods
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
        raise TermsError(
            f"no member {name!r} in version {self.version} of the invite; its members are "
            f"{', '.join(m.name for m in self.members)}: send the convener your answer (fedh2l "
            "accept)"
        )

    def others(self, name: str) -> list[str]:
        """The names of all members but this one, in their order."""
        return sorted(m.name for m in self.members if m.name != name)

    def check_key(self, identity: Identity) -> None:
        """Raise TermsError if this member's key is not the agreed one."""
        if self.member(identity.name).key != identity.public:
            raise TermsError(
                f"{identity.name}: its key in {identity.folder} is not the one in version "
                f"{self.version} of the invite; use the --identity with which it was accepted"
            )

    @property
    def method(self) -> Algorithm:
        return method_of(self.algorithm, self.parameters)

    @property
    def fingerprint(self) -> str:
        """Of the federation, its convener and its seed set, to be read out over the telephone."""
        digest = sha256(
            json.dumps([self.federation, self.convener, self.seed_set]).encode()
        ).hexdigest()
        return " ".join(digest[i : i + 4] for i in range(0, 16, 4))


def canonical(told: dict[str, Any]) -> bytes:
    """The one way to write it down: what is signed."""
    return json.dumps(
        told, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    ).encode()


def signed(terms: Terms, convener: Identity) -> bytes:
    """The invite: the terms with the convener's signature."""
    told = asdict(terms)
    if convener.public != terms.convener:
        raise TermsError(
            f"{convener.name} is not the convener of these terms; only the convener's key can "
            "sign a version"
        )
    _checked(json.loads(canonical(told)))
    return json.dumps(
        {"terms": told, "signature": convener.sign(b"fedh2l terms\n" + canonical(told)).hex()},
        indent=1,
    ).encode()


def read_terms(data: bytes, before: Terms | None = None) -> Terms:
    """The terms in an invite, believed when they are well-formed and signed; with `before`, when
    they are a later version of it.
    """
    outer = parsed(data, {"terms", "signature"}, "invite")
    told, signature = outer["terms"], outer["signature"]
    terms = _checked(told)
    check(
        isinstance(signature, str) and len(signature) == 128 and bool(HEX.fullmatch(signature)),
        "its signature is not 128 hex digits",
    )
    if not verify(terms.convener, bytes.fromhex(signature), b"fedh2l terms\n" + canonical(told)):
        raise TermsError(
            "the invite's signature is not the convener's: it was changed on its way; ask the "
            "convener for it again"
        )
    if before is not None:
        if (terms.federation, terms.convener) != (before.federation, before.convener):
            raise TermsError(
                "an invite to another federation, or by another convener; a new version is "
                "signed by the same key"
            )
        if (
            terms.seed_set != before.seed_set
            or terms.classes != before.classes
            or terms.codec != before.codec
        ):
            raise TermsError(
                "the seed set, classes or codec differ from the version before; that needs a new "
                "federation"
            )
        if terms.version <= before.version:
            raise TermsError(
                f"version {terms.version} of the invite, but {before.version} is known already; "
                "an old one changes nothing"
            )
    return terms


def open_invite(path: Path) -> Terms:
    try:
        return read_terms(path.read_bytes())
    except TermsError as error:
        raise TermsError(f"{path}: {error}") from error


def _checked(told: Any) -> Terms:
    check_entries(told, RULES, "terms")
    for kind, rules in (("members", MEMBER), ("relays", RELAY)):
        for m in told[kind]:
            check_entries(m, rules, f"one of the {kind}")
    names = [m["name"] for m in (*told["members"], *told["relays"])]
    keys = [m["key"] for m in told["members"]]
    check(len(set(names)) == len(names), "two members of one name")
    check(len(set(keys)) == len(keys), "two members with one key")
    method_of(told["algorithm"], told["parameters"])
    lists = {k: tuple(Member(**m) for m in told[k]) for k in ("members", "relays")}
    times = {k: float(told[k]) for k in ("grace", "deadline")}
    return Terms(**told | lists | times | {"classes": tuple(told["classes"])})
