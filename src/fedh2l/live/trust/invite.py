"""The versions of an invite: the convener's draft, and the next versions with the members that
answered.
"""

import secrets
from collections.abc import Sequence
from dataclasses import asdict, is_dataclass, replace
from pathlib import Path

from fedh2l.error import FedH2LError
from fedh2l.live.trust.accepted import remember
from fedh2l.live.trust.answer import Answer, check_address, hosts
from fedh2l.live.trust.authority import Authority, make_authority, open_authority
from fedh2l.live.trust.identity import Identity, make_identity, open_identity
from fedh2l.live.trust.member import Member
from fedh2l.live.trust.method import check_is_live, name_of
from fedh2l.live.trust.protocol import PROTOCOL, check_answer
from fedh2l.live.trust.rules import TermsError, check, is_name
from fedh2l.live.trust.statement import state
from fedh2l.live.trust.terms import Terms, read_terms, signed
from fedh2l.loop import Algorithm
from fedh2l.record.atomic import write_file
from fedh2l.seedset import SeedSet

DAYS = 365  # for which a member's certificate is valid


def convene(
    identity: Path,
    name: str,
    address: str,
    seeds: SeedSet,
    method: Algorithm,
    codec: str,
    *,
    rounds: int,
    quorum: int,
    grace: float,
    deadline: float,
    asynchronous: bool = False,
    guard: bool = False,
) -> bytes:
    """The first version, with the convener as its only member; its keys and authority are made."""
    check(is_name(name), f"name {name!r}: expected 1 to 64 letters, digits, _ or -")
    check_address(address)
    # A method that cannot federate is refused before any key is made.
    algorithm = name_of(method)
    check_is_live(algorithm, type(method))
    assert is_dataclass(method)
    me = identity_in(identity, name)
    authority = make_authority(identity / "authority")
    federation = secrets.token_hex(8)
    terms = Terms(
        federation=federation,
        version=1,
        protocol=PROTOCOL,
        convener=me.public,
        seed_set=seeds.digest,
        classes=seeds.classes,
        algorithm=algorithm,
        parameters=asdict(method),
        codec=getattr(method, "codec", codec),  # of a method that has one of its own
        rounds=rounds,
        quorum=quorum,
        grace=grace,
        deadline=deadline,
        asynchronous=asynchronous,
        guard=guard,
        members=(_first_member(me, authority, federation, address),),
        relays=(),
        authority=authority.certificate,
    )
    invite_bytes = signed(terms, me)
    remember(identity, terms)
    return invite_bytes


def _first_member(me: Identity, authority: Authority, federation: str, address: str) -> Member:
    certificate = authority.issue(me.request(hosts(address)), me.name, hosts(address), DAYS)
    return Member(me.name, me.public, address, certificate, state(me, federation, address))


def identity_in(folder: Path, name: str) -> Identity:
    """The identity in this folder, made now if there is none; refused if it is of another name."""
    if not (folder / "identity.json").exists():
        return make_identity(folder, name)
    identity = open_identity(folder)
    if identity.name != name:
        raise FedH2LError(
            f"{folder}: the identity of {identity.name}, not of {name}; give --identity another "
            "folder"
        )
    return identity


def admit(terms: Terms, convener: Identity, answers: Sequence[Answer]) -> Terms:
    """The next version, with the members and relays that answered in it.

    A member that answers again gets a new address and certificate; a new key only where its earlier
    one has signed that.
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
        check_answer(a.name, a.oldest, a.newest, terms.protocol)
        check(
            a.name not in (members if a.relay else relays),
            f"{a.name}: a member and a relay need different names",
        )
        earlier = members.get(a.name)
        certificate = authority.issue(a.request, a.name, hosts(a.address), DAYS)
        if a.relay:
            relays[a.name] = Member(a.name, "", a.address, certificate)
            continue
        member = Member(a.name, a.key, a.address, certificate, a.statement, a.succession)
        if earlier is not None and not member.had_key(earlier.key, terms.federation):
            raise TermsError(
                f"{a.name}: there is a member of this name with another key; another organisation "
                "needs another name, a new key of the same one fedh2l rekey, a lost key fedh2l "
                "invite remove first"
            )
        members[a.name] = member
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


def upgraded(terms: Terms) -> Terms:
    """The next version, in the protocol of this release."""
    check(
        terms.protocol < PROTOCOL,
        f"the federation speaks protocol {terms.protocol}, that of this release, already",
    )
    return replace(terms, version=terms.version + 1, protocol=PROTOCOL)


def _sorted(members: dict[str, Member]) -> tuple[Member, ...]:
    return tuple(members[n] for n in sorted(members))


def write_version(path: Path, terms: Terms, convener: Identity) -> None:
    """Replace the invite's file by a later version of it."""
    invite_bytes = signed(terms, convener)
    read_terms(invite_bytes)
    write_file(path, invite_bytes)
