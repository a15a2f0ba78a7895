"""Will joining work?

One finding per thing that can be wrong, each with what to do about it; nothing is sent but
handshakes.
"""

import datetime
import errno
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from scipy.optimize import linear_sum_assignment

from fedh2l.data.seedset_file import load_seed_set
from fedh2l.error import FedH2LError
from fedh2l.learners.own_file import own_learner
from fedh2l.live.trust.identity import Identity, open_identity
from fedh2l.live.trust.invite import key_print
from fedh2l.live.trust.terms import Member, Terms, open_invite
from fedh2l.peer import Peer
from fedh2l.seedset import SeedSet
from fedh2l.wire import CODECS
from fedh2l.wire.frame import Session, encode

PATIENCE = 5.0  # seconds for a connection
UNTIMELY = (9, 10)  # OpenSSL's numbers for a certificate that is not valid yet, or no longer
SOON = 14  # days before its end at which a certificate is worth a word


class Finding(NamedTuple):
    what: str
    ok: bool
    found: str
    fix: str = ""


def examine(invite: Path, identity: Path, seeds: Path, model: str | None) -> Iterator[Finding]:
    """Everything that can be found out, in the order in which it should be mended."""
    try:
        terms = open_invite(invite)
    except (FedH2LError, OSError) as error:
        yield Finding("invite", False, str(error), "ask the convener to send the invite again")
        return
    yield Finding(
        "invite",
        True,
        f"version {terms.version}, fingerprint {terms.fingerprint}, {len(terms.members)} members",
    )
    try:
        me = open_identity(identity)
        member = terms.member(me.name)
    except FedH2LError as error:
        yield Finding(
            "identity",
            False,
            str(error),
            "give --identity the folder of your keys; fedh2l accept makes them",
        )
        return
    yield _key(member, me)
    yield from _certificate(terms, member, me)
    yield _port(member)
    for other in (*terms.members, *terms.relays):
        if other.name != me.name:
            yield _reach(terms, member, other, me)
    try:
        seed_set = load_seed_set(seeds)
    except FedH2LError as error:
        yield Finding(
            "seed set", False, str(error), "give --seed-set the file that came with the invite"
        )
        return
    yield from _seed_set(terms, seed_set)
    if model is not None:
        yield from _dry_round(terms, me.name, seed_set, model)


def _key(member: Member, me: Identity) -> Finding:
    if member.key == me.public:
        return Finding("key", True, f"{me.name}, {key_print(me.public)}")
    return Finding(
        "key",
        False,
        f"here {key_print(me.public)}, in the invite {key_print(member.key)}",
        "give the --identity with which you accepted, or ask to be removed and accept anew",
    )


def _certificate(terms: Terms, member: Member, me: Identity) -> Iterator[Finding]:
    certificate, authority = (
        x509.load_pem_x509_certificate(pem.encode())
        for pem in (member.certificate, terms.authority)
    )
    again = f"run fedh2l accept with --name {me.name} again and send the answer to the convener"
    try:
        certificate.verify_directly_issued_by(authority)
        mine = (
            load_pem_private_key(me.link_key.read_bytes(), None).public_key()
            == certificate.public_key()
        )
    except Exception as error:
        yield Finding("certificate", False, f"not of this federation's authority ({error})", again)
        return
    if not mine:
        yield Finding("certificate", False, "for another link key than the one here", again)
    now, end, start = _now(), certificate.not_valid_after_utc, certificate.not_valid_before_utc
    if now >= end:
        yield Finding("certificate", False, f"ended on {end:%Y-%m-%d}", again)
    else:
        days = (end - now).days
        yield Finding("certificate", mine, f"{days} days left", again if days < SOON else "")
    if now < start:
        yield Finding(
            "clock",
            False,
            f"{now:%Y-%m-%d %H:%M} UTC, before the certificate was made",
            "set it: timedatectl set-ntp true",
        )
    else:
        yield Finding("clock", True, f"{now:%Y-%m-%d %H:%M} UTC: compare it with your own")


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _port(member: Member) -> Finding:
    if not member.address:
        return Finding("port", True, "none: behind NAT, a client of the relays")
    port = int(member.address.rpartition(":")[2])
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("", port))
        except OSError as error:
            busy = error.errno == errno.EADDRINUSE
            return Finding(
                "port",
                False,
                f"{port}: {error.strerror}",
                "is fedh2l join running already? else stop what uses the port (ss -ltnp), or "
                "accept with another --address"
                if busy
                else "choose a port above 1023 in --address",
            )
    return Finding(
        "port", True, f"{port} is free; let the others' TCP connections to it through your firewall"
    )


def _reach(terms: Terms, mine: Member, other: Member, me: Identity) -> Finding:
    what = f"reach {other.name}"
    if not other.address:
        ok = bool(terms.relays)
        return Finding(
            what,
            ok,
            "behind NAT, through a relay",
            "" if ok else "the invite has no relay: ask the convener to add one",
        )
    host, _, port = other.address.rpartition(":")
    try:
        with TemporaryDirectory() as place:
            (Path(place) / "link.pem").write_text(mine.certificate)
            context = ssl.create_default_context(cadata=terms.authority)
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
            context.load_cert_chain(Path(place) / "link.pem", me.link_key)
        host = host.strip("[]")
        with (
            socket.create_connection((host, int(port)), PATIENCE) as link,
            context.wrap_socket(link, server_hostname=host) as tls,
        ):
            theirs = x509.load_der_x509_certificate(tls.getpeercert(binary_form=True) or b"")
        found = theirs.subject.rfc4514_string()
        if found != f"CN={other.name}":
            return Finding(
                what,
                False,
                f"{found} answers at {other.address}",
                f"tell {other.name}: its address leads to somebody else",
            )
        return Finding(what, True, f"{other.address}, mutual TLS")
    except socket.gaierror as error:
        return Finding(
            what,
            False,
            f"{host}: {error.strerror}",
            "the name is not known to your DNS; ask for an address that is",
        )
    except ConnectionRefusedError:
        return Finding(
            what,
            False,
            f"{other.address}: nobody listens",
            f"{other.name} is not running yet, or its firewall refuses",
        )
    except TimeoutError:
        return Finding(
            what,
            False,
            f"{other.address}: no answer in {PATIENCE:.0f} s",
            f"a firewall drops it: yours must let TCP {port} out, {other.name}'s must let it in; "
            "or use a relay",
        )
    except ssl.SSLError as error:
        unverified = isinstance(error, ssl.SSLCertVerificationError)
        return Finding(
            what,
            False,
            f"{other.address}: {error.verify_message if unverified else error.reason or error}",
            f"compare the clocks; here it is {_now():%Y-%m-%d %H:%M} UTC"
            if unverified and error.verify_code in UNTIMELY
            else "its certificate is of another federation or address, or a proxy opens your "
            "TLS: compare the invites",
        )
    except OSError as error:
        return Finding(
            what,
            False,
            f"{other.address}: {error}",
            "no way there from this machine; see docs/live.md on firewalls",
        )


def _seed_set(terms: Terms, seeds: SeedSet) -> Iterator[Finding]:
    same = seeds.digest == terms.seed_set
    yield Finding(
        "seed set",
        same,
        seeds.fingerprint,
        "" if same else "not the file of the terms; ask the convener for it",
    )
    order = seeds.classes == terms.classes
    yield Finding(
        "classes",
        order,
        ", ".join(seeds.classes[:12]),
        "" if order else f"the terms say {', '.join(terms.classes[:12])}",
    )


def _dry_round(terms: Terms, name: str, seeds: SeedSet, model: str) -> Iterator[Finding]:
    clock = time.perf_counter()
    try:
        learner, _ = own_learner(model, seeds)
        peer = Peer(name, learner, seeds)
        for _ in range(5):
            learner.learn(None, terms.method.steps)
        message = terms.method.speak(peer, terms.method.warmup)
        assert message is not None
        data = encode(message, Session(CODECS[terms.codec], seeds.digest), peer.wire)
    except Exception as error:
        yield Finding(
            "dry round",
            False,
            f"{type(error).__name__}: {error}",
            f"mend {model}; nothing was sent",
        )
        return
    yield Finding(
        "dry round",
        True,
        f"{len(data)} bytes in {time.perf_counter() - clock:.1f} s; nothing was sent",
    )
    if seeds.labels is not None:
        yield _order(peer.posteriors(seeds.x), seeds)


def _order(probs: np.ndarray, seeds: SeedSet) -> Finding:
    """Whether some other order of the columns would fit the seed labels far better than the agreed
    one.
    """
    assert seeds.labels is not None
    table = np.zeros((len(seeds.classes), len(seeds.classes)))
    np.add.at(table, (probs.argmax(1), seeds.labels), 1)
    columns, classes = linear_sum_assignment(-table)
    now, best = np.trace(table) / len(seeds), table[columns, classes].sum() / len(seeds)
    if best < now + 0.2:
        return Finding(
            "label order",
            True,
            f"{100 * now:.0f} % of the seed labels after a little local learning",
        )
    moved = [
        f"column {c} looks like {seeds.classes[k]!r}"
        for c, k in zip(columns, classes, strict=True)
        if c != k
    ]
    return Finding(
        "label order",
        False,
        f"{100 * now:.0f} % of the seed labels, reordered {100 * best:.0f} %: "
        f"{', '.join(moved[:3])}",
        f"number your labels in this order: {', '.join(seeds.classes[:12])}",
    )
