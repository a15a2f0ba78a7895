"""A relay: it carries posts between members that cannot reach each other.

It sees sizes and times, and can forge nothing. It hears of later versions of the invite from the
members and takes them up, so that a member that was removed hears nothing more.
"""

import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import zenoh

from fedh2l.live.network.link import open_relay, root
from fedh2l.live.network.pull import NEWS
from fedh2l.live.trust.identity import Identity
from fedh2l.live.trust.rules import TermsError
from fedh2l.live.trust.terms import Terms, open_invite, read_terms
from fedh2l.record.atomic import write_file

OFTEN = 0.2  # seconds between two looks
ASK_AGAIN = 1.0  # seconds between two questions for a later version
NEWEST = "invite.json"  # the newest version that was taken up, in the relay's folder


@dataclass(frozen=True)
class Carrying:
    """The members that seem to be connected, and the version of the invite that says who may be."""

    names: frozenset[str]
    version: int


def relay(terms: Terms, identity: Identity, folder: Path, listen: str = "") -> Iterator[Carrying]:
    """Carry posts until the iterator is closed, or a later version is without this relay. Yields at
    once, and whenever something changes.

    `listen`: host:port here, where it is not the address in the invite (behind a forwarded port, or
    0.0.0.0:7447).
    """
    terms = _newest(terms, folder)
    while True:
        at = listen or next((r.address for r in terms.relays if r.name == identity.name), "")
        session = open_relay(terms, identity, folder, name=identity.name, listen=at)
        try:
            later = yield from _carry(session, terms)
        finally:
            session.close()
        # With the links opened anew, who is not in the later version has none.
        write_file(folder / NEWEST, later[1])
        terms = later[0]
        if identity.name not in {r.name for r in terms.relays}:
            return


def _carry(session: zenoh.Session, terms: Terms) -> Generator[Carrying, None, tuple[Terms, bytes]]:
    """Carry under one version. Returns the later one, once a member has it."""
    tokens = session.liveliness().declare_subscriber(f"{root(terms)}/*/alive/*", history=True)
    news = session.declare_subscriber(f"{root(terms)}/*/news")
    keys, last, asked_at = set[str](), None, 0.0
    while True:
        while (sample := tokens.try_recv()) is not None:
            change = keys.add if sample.kind == zenoh.SampleKind.PUT else keys.discard
            change(str(sample.key_expr))
        names = frozenset(key.removeprefix(f"{root(terms)}/").partition("/")[0] for key in keys)
        if names != last:
            last = names
            yield Carrying(names, terms.version)

        while (sample := news.try_recv()) is not None:
            is_later = _version(sample.payload.to_bytes()) > terms.version
            if is_later and time.monotonic() > asked_at + ASK_AGAIN:
                asked_at = time.monotonic()
                member = str(sample.key_expr).removeprefix(f"{root(terms)}/").partition("/")[0]
                later = _ask(session, terms, member)
                if later is not None:
                    return later
        time.sleep(OFTEN)


def _version(data: bytes) -> int:
    """The version of the invite in an announcement, which a stranger may have written."""
    return NEWS.unpack_from(data)[1] if len(data) >= NEWS.size else 0


def _ask(session: zenoh.Session, terms: Terms, member: str) -> tuple[Terms, bytes] | None:
    """The later version that this member follows, if the convener has signed it."""
    for reply in session.get(f"{root(terms)}/{member}/terms?me=relay", timeout=ASK_AGAIN):
        data = reply.ok.payload.to_bytes() if reply.ok else b""
        try:
            return read_terms(data, terms), data
        except TermsError:
            continue
    return None


def _newest(terms: Terms, folder: Path) -> Terms:
    """The later of these terms and those that were last taken up here."""
    path = folder / NEWEST
    if not path.exists():
        return terms
    known = open_invite(path)
    is_newer = known.federation == terms.federation and known.version > terms.version
    return read_terms(path.read_bytes(), terms) if is_newer else terms
