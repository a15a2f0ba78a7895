"""The convener's certificate authority: it certifies which link key belongs to which name, and
nothing else.
"""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from fedh2l.error import FedH2LError
from fedh2l.live.trust.identity import (
    at_hosts,
    make_ec_key,
    read_key,
    read_or_make_key,
    subject,
)
from fedh2l.peer import NAME
from fedh2l.record.atomic import sync_folder, write_file

YEARS = 10  # for which the authority's own certificate is valid
# Certificates are valid from an hour ago: members' clocks differ.
SKEW = datetime.timedelta(hours=1)
LARGEST = 20_000  # bytes of a request


@dataclass(frozen=True)
class Authority:
    """The authority whose key lies in `folder`.

    Losing it ends the federation's growth, not its running.
    """

    folder: Path
    key: ec.EllipticCurvePrivateKey
    certificate: str  # PEM

    def issue(self, request: str, name: str, hosts: Sequence[str], days: int | float) -> str:
        """A PEM certificate, for links in both directions, of the key in a request that its owner
        made for this name.
        """
        if not NAME.fullmatch(name):
            raise FedH2LError(
                f"name {name!r}: expected 1 to 64 letters, digits, _ or -; ask the member to "
                "choose such a name"
            )
        return self._certify(_read_request(request, name).public_key(), name, hosts, days)

    def issue_anew(
        self, certificate: str, name: str, hosts: Sequence[str], days: int | float
    ) -> str:
        """A certificate by this authority for the key in one by another, where it takes over."""
        key = x509.load_pem_x509_certificate(certificate.encode()).public_key()
        return self._certify(key, name, hosts, days)

    def _certify(self, key: object, name: str, hosts: Sequence[str], days: int | float) -> str:
        now = datetime.datetime.now(datetime.UTC)
        own = x509.load_pem_x509_certificate(self.certificate.encode())

        builder = _builder(
            key,
            name,
            own.subject,
            now - SKEW,
            now + datetime.timedelta(days=days),
        )
        builder = builder.add_extension(
            x509.BasicConstraints(ca=False, path_length=None), critical=True
        )
        both = x509.ExtendedKeyUsage(
            [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        )
        builder = builder.add_extension(both, critical=False)
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()),
            critical=False,
        )
        if hosts:
            builder = builder.add_extension(at_hosts(hosts), critical=False)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def make_authority(folder: Path) -> Authority:
    """The authority of this folder, made now if there is none yet.

    A key that a killed call has left behind is taken up.
    """
    if (folder / "authority.pem").exists():
        return open_authority(folder)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = read_or_make_key(folder / "authority.key", ec.EllipticCurvePrivateKey, make_ec_key)

    name = subject("fedh2l authority")
    now = datetime.datetime.now(datetime.UTC)
    builder = _builder(
        key.public_key(),
        "fedh2l authority",
        name,
        now - SKEW,
        now + datetime.timedelta(days=365 * YEARS),
    )
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_may_sign(), critical=True)
    builder = builder.add_extension(
        x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
    )
    certificate = builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()

    write_file(folder / "authority.pem", certificate.encode())
    sync_folder(folder)
    return Authority(folder, key, certificate)


def open_authority(folder: Path) -> Authority:
    """The authority that was made in this folder."""
    path = folder / "authority.pem"
    try:
        key = read_key(folder / "authority.key", ec.EllipticCurvePrivateKey)
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
    except FileNotFoundError as error:
        raise FedH2LError(
            f"{error.filename}: no such file; the federation's authority lies in the folder of "
            "the --identity that made the invite: restore it from a copy"
        ) from error
    except ValueError as error:
        raise FedH2LError(
            f"{path}: no certificate can be read from it ({error}); restore it from a copy"
        ) from error

    if certificate.public_key() != key.public_key():
        raise FedH2LError(
            f"{folder}: its certificate is not of the key beside it; restore both from one copy"
        )
    return Authority(folder, key, certificate.public_bytes(Encoding.PEM).decode())


def _read_request(request: str, name: str) -> x509.CertificateSigningRequest:
    """The request in this PEM, made for this name by the owner of the key in it, or a refusal."""
    if len(request) > LARGEST:
        raise FedH2LError(
            f"{name}: a request of {len(request)} characters, expected at most {LARGEST}; ask "
            "for a new answer"
        )
    try:
        signing_request = x509.load_pem_x509_csr(request.encode())
    except ValueError as error:
        raise FedH2LError(
            f"{name}: its request cannot be read ({error}); ask for a new answer"
        ) from error

    if not signing_request.is_signature_valid:
        raise FedH2LError(
            f"{name}: its request is not signed by the key in it; ask for a new answer"
        )
    if signing_request.subject != subject(name):
        requested = signing_request.subject.rfc4514_string()
        raise FedH2LError(
            f"{name}: its request is for {requested}, expected CN={name}; ask for a new answer"
        )
    if not isinstance(signing_request.public_key(), ec.EllipticCurvePublicKey):
        raise FedH2LError(
            f"{name}: its request has another kind of key than elliptic-curve; ask for a new answer"
        )
    return signing_request


def _builder(
    public: object, name: str, issuer: x509.Name, start: datetime.datetime, end: datetime.datetime
) -> x509.CertificateBuilder:
    assert isinstance(public, ec.EllipticCurvePublicKey)
    builder = (
        x509.CertificateBuilder().subject_name(subject(name)).issuer_name(issuer).public_key(public)
    )
    return (
        builder.serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
    )


def _may_sign() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
