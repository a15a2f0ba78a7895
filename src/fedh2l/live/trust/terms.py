"""The terms of a federation, on which all members agree: a JSON file, signed by the convener and
checked before it is believed.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

from fedh2l.live.trust.canonical import canonical
from fedh2l.live.trust.identity import Identity, verify
from fedh2l.live.trust.member import Member
from fedh2l.live.trust.method import method_of
from fedh2l.live.trust.protocol import check_protocol
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
class Terms:
    """Everything that the members agree on before the first round.

    A later version has a higher number; federation, convener, seed set, classes and codec stay.
    """

    federation: str  # 16 random hex digits
    version: int
    protocol: int  # that all members speak
    convener: str  # hex of the Ed25519 key that signs the terms
    seed_set: str  # its digest
    classes: tuple[str, ...]  # in the order of a posterior's columns
    algorithm: str  # its name in the table of methods
    parameters: dict[str, Any]  # its fields
    codec: str
    rounds: int
    quorum: int  # posts, one's own among them, with which a round may close
    grace: float  # seconds that a round waits for the rest after its quorum
    deadline: float  # seconds after which a round closes with the posts that are there
    asynchronous: bool  # no barrier: each member learns from the newest post of every other
    guard: bool  # each member believes no other before that has earned it
    members: tuple[Member, ...]
    relays: tuple[Member, ...]
    authority: str  # PEM of the convener's certificate authority

    def member(self, name: str) -> Member:
        """The member of this name. Raises TermsError where there is none."""
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

    def keys_after(self, keys: Mapping[str, str]) -> dict[str, str]:
        """The keys of the members that had these keys before, by name: each has signed the next,
        and may speak with it at once.
        """
        had = {m.name: m.had_key(keys.get(m.name, ""), self.federation) for m in self.members}
        return {m.name: m.key for m in self.members if had[m.name]}

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

    @cached_property
    def digest(self) -> bytes:
        """16 bytes of the SHA-256 of everything in this version."""
        return sha256(canonical(asdict(self))).digest()[:16]

    @property
    def fingerprint(self) -> str:
        """A fingerprint of federation, convener and seed set, to be read out over the telephone."""
        digest = sha256(
            json.dumps([self.federation, self.convener, self.seed_set]).encode()
        ).hexdigest()
        return " ".join(digest[i : i + 4] for i in range(0, 16, 4))


def signed(terms: Terms, convener: Identity) -> bytes:
    """The bytes of an invite: the terms with the convener's signature."""
    entries = asdict(terms)
    if convener.public != terms.convener:
        raise TermsError(
            f"{convener.name} is not the convener of these terms; only the convener's key can "
            "sign a version"
        )
    _checked(json.loads(canonical(entries)))
    signature = convener.sign(b"fedh2l terms\n" + canonical(entries)).hex()
    return json.dumps({"terms": entries, "signature": signature}, indent=1).encode()


def read_terms(data: bytes, before: Terms | None = None, *, may_take_over: bool = False) -> Terms:
    """The terms in the bytes of an invite.

    Raises TermsError where they are malformed or not signed; with `before`, also where they are not
    a later version of those. `may_take_over`: by another convener or authority, too, since the
    caller asks whether the owner has accepted them.
    """
    outer = parsed(data, {"terms", "signature"}, "invite")
    entries, signature = outer["terms"], outer["signature"]
    terms = _checked(entries)
    check(
        isinstance(signature, str) and len(signature) == 128 and bool(HEX.fullmatch(signature)),
        "its signature is not 128 hex digits",
    )
    if not verify(terms.convener, bytes.fromhex(signature), b"fedh2l terms\n" + canonical(entries)):
        raise TermsError(
            "the invite's signature is not the convener's: it was changed on its way; ask the "
            "convener for it again"
        )
    if before is not None:
        if not may_take_over:
            _check_same_ruler(terms, before)
        _check_later(terms, before)
    return terms


def _check_same_ruler(terms: Terms, before: Terms) -> None:
    if (terms.federation, terms.convener) != (before.federation, before.convener):
        raise TermsError(
            "an invite to another federation, or by another convener; a new version is signed by "
            "the same key"
        )
    if terms.authority != before.authority:
        raise TermsError(
            "the certificate authority is another than in the version before; ask the convener "
            "whether its authority was lost, and then see fedh2l consent"
        )


def _check_later(terms: Terms, before: Terms) -> None:
    """Refuse terms that are not a later version of those before."""
    if terms.federation != before.federation:
        raise TermsError("an invite to another federation")
    if (
        terms.seed_set != before.seed_set
        or terms.classes != before.classes
        or terms.codec != before.codec
    ):
        raise TermsError(
            "the seed set, classes or codec differ from the version before; that needs a new "
            "federation"
        )
    if terms.protocol < before.protocol:
        raise TermsError("the protocol is an earlier one than in the version before")
    if terms.version <= before.version:
        raise TermsError(
            f"version {terms.version} of the invite, but {before.version} is known already; an "
            "old one changes nothing"
        )


def open_invite(path: Path) -> Terms:
    """The terms in an invite's file. Raises TermsError, which names the file."""
    try:
        return read_terms(path.read_bytes())
    except TermsError as error:
        raise TermsError(f"{path}: {error}") from error


def _checked(entries: Any) -> Terms:
    """The terms with these entries, every one of which keeps its rule."""
    check_protocol(entries)
    check_entries(entries, RULES, "terms")
    for kind, rules in (("members", MEMBER), ("relays", RELAY)):
        for m in entries[kind]:
            check_entries(m, rules, f"one of the {kind}")
    names = [m["name"] for m in (*entries["members"], *entries["relays"])]
    keys = [m["key"] for m in entries["members"]]
    check(len(set(names)) == len(names), "two members of one name")
    check(len(set(keys)) == len(keys), "two members with one key")
    method_of(entries["algorithm"], entries["parameters"])

    # JSON has lists and whole numbers where the terms have tuples and floats.
    lists = {k: tuple(Member(**m) for m in entries[k]) for k in ("members", "relays")}
    times = {k: float(entries[k]) for k in ("grace", "deadline")}
    terms = Terms(**entries | lists | times | {"classes": tuple(entries["classes"])})
    for m in terms.members:
        check(
            m.is_stated(terms.federation),
            f"{m.name} has not signed its address and certificate: the convener put others in "
            "their place, or the invite is of an earlier release",
        )
        check(
            m.is_successor(terms.federation),
            f"{m.name}: a key of its own has not signed the next one",
        )
    return terms
