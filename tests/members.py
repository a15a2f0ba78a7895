"""Members of a small federation on this machine, with real keys and certificates."""

import os
import socket
from dataclasses import replace
from pathlib import Path

from fedh2l.live.trust.accepted import remember
from fedh2l.live.trust.authority import Authority, make_authority
from fedh2l.live.trust.identity import Identity, make_identity
from fedh2l.live.trust.member import Member
from fedh2l.live.trust.protocol import PROTOCOL
from fedh2l.live.trust.statement import state
from fedh2l.live.trust.terms import Terms, signed

CONVENER = "convener"


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def make_terms(
    folder: Path,
    addresses: dict[str, str],
    relays: dict[str, str] | None = None,
    *,
    quorum: int = 0,
) -> Terms:
    """Members and relays by name, each with its identity in `folder/NAME`; an empty address is a
    member behind NAT.
    """
    authority, convener = (
        make_authority(folder / "authority"),
        make_identity(folder / CONVENER, CONVENER),
    )

    federation = os.urandom(8).hex()

    def made(name: str, address: str, *, relay: bool = False) -> Member:
        return make_member(folder, authority, federation, name, address, relay=relay)

    terms = Terms(
        federation=federation,
        version=1,
        protocol=PROTOCOL,
        convener=convener.public,
        seed_set="ab" * 32,
        classes=("x", "y"),
        algorithm="fedh2l",
        parameters={},
        codec="float32",
        rounds=100,
        quorum=quorum or len(addresses),
        grace=0.0,
        deadline=30.0,
        asynchronous=False,
        guard=False,
        members=tuple(made(n, a) for n, a in addresses.items()),
        relays=tuple(made(n, a, relay=True) for n, a in (relays or {}).items()),
        authority=authority.certificate,
    )
    for name in (*addresses, *(relays or {})):
        remember(folder / name, terms)
    return terms


def make_member(
    folder: Path, authority: Authority, federation: str, name: str, address: str, *, relay: bool
) -> Member:
    """A member or a relay with new keys."""
    identity = make_identity(folder / name, name)
    hosts = [address.rpartition(":")[0]] if address else []
    return Member(
        name,
        "" if relay else identity.public,
        address,
        authority.issue(identity.request(hosts), name, hosts, 30),
        "" if relay else state(identity, federation, address),
    )


def local_terms(folder: Path, names: str, *, quorum: int = 0) -> Terms:
    return make_terms(folder, {n: f"127.0.0.1:{free_port()}" for n in names}, quorum=quorum)


def invite(folder: Path, terms: Terms, **changes: object) -> tuple[Terms, bytes]:
    """The next version of the terms, and its signed file."""
    from fedh2l.live.trust.identity import open_identity

    later = replace(terms, **{"version": terms.version + 1} | changes)
    return later, signed(later, open_identity(folder / CONVENER))


def identity_of(folder: Path, name: str) -> Identity:
    from fedh2l.live.trust.identity import open_identity

    return open_identity(folder / name)
