"""Certificate, clock, port, and the way to each other member."""

import datetime
import errno
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec

from fedh2l.finding import Finding
from fedh2l.live.trust.identity import Identity, read_key
from fedh2l.live.trust.member import Member
from fedh2l.live.trust.terms import Terms

PATIENCE = 5.0  # seconds for a connection
UNTIMELY = (9, 10)  # OpenSSL's numbers for a certificate that is not valid yet, or no longer
SOON = 14  # days before a certificate's end from which on the finding says how to renew it
ANOTHER = (
    "its certificate is of another federation or address, or a proxy opens your TLS: compare the "
    "invites"
)


def look_at_certificate(terms: Terms, member: Member, me: Identity) -> Iterator[Finding]:
    """Whether the member's certificate is this federation's, of its own key, and valid now."""
    certificate, authority = (
        x509.load_pem_x509_certificate(pem.encode())
        for pem in (member.certificate, terms.authority)
    )
    fix = f"run fedh2l accept with --name {me.name} again and send the answer to the convener"
    try:
        certificate.verify_directly_issued_by(authority)
        link_key = read_key(me.link_key, ec.EllipticCurvePrivateKey)
        is_mine = link_key.public_key() == certificate.public_key()
    except (InvalidSignature, ValueError, TypeError, OSError) as error:
        yield Finding("certificate", False, f"not of this federation's authority ({error})", fix)
        return
    if not is_mine:
        yield Finding("certificate", False, "for another link key than the one here", fix)

    now, end, start = _now(), certificate.not_valid_after_utc, certificate.not_valid_before_utc
    if now >= end:
        yield Finding("certificate", False, f"ended on {end:%Y-%m-%d}", fix)
    else:
        days = (end - now).days
        yield Finding("certificate", is_mine, f"{days} days left", fix if days < SOON else "")
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


def look_at_port(member: Member) -> Finding:
    """Whether the member can listen at its port."""
    if not member.address:
        return Finding("port", True, "none: behind NAT, a client of the relays")

    port = int(member.address.rpartition(":")[2])
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("", port))
        except OSError as error:
            fix = "choose a port above 1023 in --address"
            if error.errno == errno.EADDRINUSE:
                fix = (
                    "is fedh2l join running already? else stop what uses the port (ss -ltnp), or "
                    "accept with another --address"
                )
            return Finding("port", False, f"{port}: {error.strerror}", fix)

    return Finding(
        "port", True, f"{port} is free; let the others' TCP connections to it through your firewall"
    )


def reach(terms: Terms, mine: Member, other: Member, me: Identity) -> Finding:
    """Whether the other answers at its address, under its own name."""
    what = f"reach {other.name}"
    if not other.address:
        behind = "behind NAT, through a relay"
        if terms.relays:
            return Finding(what, True, behind)
        return Finding(what, False, behind, "the invite has no relay: ask the convener to add one")

    try:
        subject = _subject_at(other.address, terms, mine, me)
    except OSError as error:
        return Finding(what, False, *_trouble(error, other))
    if subject != f"CN={other.name}":
        return Finding(
            what,
            False,
            f"{subject} answers at {other.address}",
            f"tell {other.name}: its address leads to somebody else",
        )
    return Finding(what, True, f"{other.address}, mutual TLS")


def _subject_at(address: str, terms: Terms, mine: Member, me: Identity) -> str:
    """The name in the certificate of the process that answers at this address."""
    with TemporaryDirectory() as place:
        chain = Path(place) / "link.pem"
        chain.write_text(mine.certificate)
        context = ssl.create_default_context(cadata=terms.authority)
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        context.load_cert_chain(chain, me.link_key)
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    with (
        socket.create_connection((host, int(port)), PATIENCE) as link,
        context.wrap_socket(link, server_hostname=host) as tls,
    ):
        theirs = x509.load_der_x509_certificate(tls.getpeercert(binary_form=True) or b"")
    return theirs.subject.rfc4514_string()


def _trouble(error: OSError, other: Member) -> tuple[str, str]:
    """The state of the way to the other member, and what to do about it."""
    host, _, port = other.address.rpartition(":")
    match error:
        case socket.gaierror():
            unknown = "the name is not known to your DNS; ask for an address that is"
            return f"{host}: {error.strerror}", unknown
        case ConnectionRefusedError():
            idle = f"{other.name} is not running yet, or its firewall refuses"
            return f"{other.address}: nobody listens", idle
        case TimeoutError():
            dropped = (
                f"a firewall drops it: yours must let TCP {port} out, {other.name}'s must let it "
                "in; or use a relay"
            )
            return f"{other.address}: no answer in {PATIENCE:.0f} s", dropped
        case ssl.SSLCertVerificationError():
            trouble = f"{other.address}: {error.verify_message}"
            if error.verify_code in UNTIMELY:
                return trouble, f"compare the clocks; here it is {_now():%Y-%m-%d %H:%M} UTC"
            return trouble, ANOTHER
        case ssl.SSLError():
            return f"{other.address}: {error.reason or error}", ANOTHER
        case _:
            no_way = "no way there from this machine; see docs/live.md on firewalls"
            return f"{other.address}: {error}", no_way
