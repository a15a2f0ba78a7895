"""How a federation comes about: the convener's draft, a member's signed answer, and the next
version with the member in it.
"""

import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from fedh2l.algorithms.fedh2l import FedH2L
from fedh2l.error import FedH2LError
from fedh2l.live.trust.authority import make_authority, open_authority
from fedh2l.live.trust.identity import Identity, make_identity, open_identity, verify
from fedh2l.live.trust.rules import HEX, TermsError, check, is_address, is_name, obeys, parsed
from fedh2l.live.trust.terms import Member, Terms, canonical, read_terms, signed
from fedh2l.record.atomic import write_file
from fedh2l.seedset import SeedSet

DAYS = 365  # for which a member's certificate is valid


@dataclass(frozen=True)
class Answer:
    """What a member sends back to the convener. There is no secret in it."""

    federation: str
    name: str
    key: str
    address: str
    request: str  # PEM: the link key, to be certified
    relay: bool


def convene(
    identity: Path,
    name: str,
    address: str,
    seeds: SeedSet,
    method: FedH2L,
    codec: str,
    *,
    rounds: int,
    quorum: int,
    grace: float,
    deadline: float,
    asynchronous: bool = False,
) -> bytes:
    """The first version, with the convener as its only member.

    Makes the convener's keys and authority in `identity`.
    """
    check(is_name(name), f"name {name!r}: expected 1 to 64 letters, digits, _ or -")
    check(is_address(address), f"address {address!r}: expected host:port, or nothing behind NAT")
    me = identity_in(identity, name)
    authority = make_authority(identity / "authority")
    mine = Member(
        name,
        me.public,
        address,
        authority.issue(me.request(hosts(address)), name, hosts(address), DAYS),
    )
    terms = Terms(
        secrets.token_hex(8),
        1,
        me.public,
        seeds.digest,
        seeds.classes,
        "fedh2l",
        asdict(method),
        codec,
        rounds,
        quorum,
        grace,
        deadline,
        asynchronous,
        (mine,),
        (),
        authority.certificate,
    )
    return signed(terms, me)


def identity_in(folder: Path, name: str) -> Identity:
    """The identity in this folder, made now if there is none; refused if it is of another name."""
    if not (folder / "identity.json").exists():
        return make_identity(folder, name)
    found = open_identity(folder)
    if found.name != name:
        raise FedH2LError(
            f"{folder}: the identity of {found.name}, not of {name}; give --identity another folder"
        )
    return found


def hosts(address: str) -> list[str]:
    return [address.rpartition(":")[0].strip("[]")] if address else []


def answer(terms: Terms, me: Identity, address: str, *, relay: bool) -> bytes:
    """The answer of one who accepts the terms, signed with the key that it is about."""
    check(is_address(address), f"address {address!r}: expected host:port, or nothing behind NAT")
    check(bool(address) or not relay, "a relay needs an --address: the others dial it")
    told = asdict(
        Answer(terms.federation, me.name, me.public, address, me.request(hosts(address)), relay)
    )
    return json.dumps(
        {"answer": told, "signature": me.sign(b"fedh2l answer\n" + canonical(told)).hex()}, indent=1
    ).encode()


def read_answer(data: bytes) -> Answer:
    outer = parsed(data, {"answer", "signature"}, "answer")
    told, signature = outer["answer"], outer["signature"]
    rules: dict[str, Any] = {
        "federation": lambda v: isinstance(v, str),
        "name": is_name,
        "address": is_address,
        "relay": lambda v: isinstance(v, bool),
        "key": lambda v: isinstance(v, str) and len(v) == 64 and bool(HEX.fullmatch(v)),
        "request": lambda v: isinstance(v, str),
    }
    obeys(told, rules, "answer")
    found = Answer(**told)
    check(
        isinstance(signature, str) and len(signature) == 128 and bool(HEX.fullmatch(signature)),
        "the answer's signature is malformed",
    )
    if not verify(found.key, bytes.fromhex(signature), b"fedh2l answer\n" + canonical(told)):
        raise TermsError(
            f"{found.name}: its answer is not signed by the key in it; ask for a new one"
        )
    return found


def admit(terms: Terms, convener: Identity, answers: Sequence[Answer]) -> Terms:
    """The next version, with those who answered in it.

    Who answers again gets a new address and certificate, never a new key.
    """
    authority = open_authority(convener.folder / "authority")
    if authority.certificate != terms.authority:
        raise FedH2LError(
            f"{convener.folder}: its authority is not the one of this invite; give the "
            "--identity that made the invite"
        )
    members, relays = {m.name: m for m in terms.members}, {r.name: r for r in terms.relays}
    for a in answers:
        check(a.federation == terms.federation, f"{a.name}: an answer to another federation")
        check(
            a.name not in (members if a.relay else relays),
            f"{a.name}: a member and a relay need different names",
        )
        if (known := members.get(a.name)) and known.key != a.key:
            raise TermsError(
                f"{a.name}: there is a member of this name with another key; another "
                "organisation needs another name, "
                f"a lost key needs fedh2l invite remove first"
            )
        certificate = authority.issue(a.request, a.name, hosts(a.address), DAYS)
        (relays if a.relay else members)[a.name] = Member(
            a.name, "" if a.relay else a.key, a.address, certificate
        )
    return replace(
        terms, version=terms.version + 1, members=_sorted(members), relays=_sorted(relays)
    )


def without(terms: Terms, name: str) -> Terms:
    """The next version, without this member or relay."""
    if name not in {m.name for m in (*terms.members, *terms.relays)}:
        raise TermsError(f"no member or relay {name!r} in the invite")
    members = tuple(m for m in terms.members if m.name != name)
    check(bool(members), f"{name} is the last member; a federation without members is none")
    return replace(
        terms,
        version=terms.version + 1,
        members=members,
        relays=tuple(r for r in terms.relays if r.name != name),
    )


def _sorted(members: dict[str, Member]) -> tuple[Member, ...]:
    return tuple(members[n] for n in sorted(members))


def write_version(path: Path, terms: Terms, convener: Identity) -> None:
    """The invite's file, replaced by a later version of it."""
    data = signed(terms, convener)
    read_terms(data)
    write_file(path, data)


def summary(terms: Terms) -> dict[str, Any]:
    """The terms as a person reads them before accepting."""
    told = {f.name: terms.parameters.get(f.name, f.default) for f in fields(FedH2L)}
    return {
        "federation": terms.federation,
        "fingerprint": terms.fingerprint,
        "version": terms.version,
        "seed set": " ".join(terms.seed_set[i : i + 4] for i in range(0, 16, 4)),
        "classes": ", ".join(terms.classes[:20]),
        "method": f"{terms.algorithm}: {', '.join(f'{k} {v}' for k, v in told.items())}",
        "codec": terms.codec,
        "rounds": terms.rounds,
        "a round closes": _closes(terms),
        "members": [
            {"name": m.name, "address": m.address or "behind NAT", "key": key_print(m.key)}
            for m in terms.members
        ],
        "relays": [{"name": r.name, "address": r.address} for r in terms.relays],
    }


def _closes(terms: Terms) -> str:
    if terms.asynchronous:
        return "at once: each learns from the newest of the others"
    return (
        f"with all posts, or with {terms.quorum} and {terms.grace:g} s more, or after "
        f"{terms.deadline:g} s"
    )


def key_print(key: str) -> str:
    """A member's key as it is read out over the telephone."""
    return " ".join(key[i : i + 4] for i in range(0, 24, 4))
