"""The identity of a member: a key that signs its posts and a key for its links, both made on its
own machine, where they stay.
"""

import ipaddress
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from fedh2l.error import FedH2LError
from fedh2l.peer import NAME
from fedh2l.record.atomic import sync_folder, write_file, write_secret_file

Key = TypeVar("Key", Ed25519PrivateKey, ec.EllipticCurvePrivateKey)


@dataclass(frozen=True)
class Identity:
    """A member's two private keys, in files of `folder` that only their owner may read."""

    name: str
    folder: Path
    signer: Ed25519PrivateKey

    @property
    def public(self) -> str:
        """The key by which others know this member's posts: 64 hexadecimal digits."""
        return self.signer.public_key().public_bytes_raw().hex()

    @property
    def link_key(self) -> Path:
        """The file of the private key of the member's links (mutual TLS)."""
        return self.folder / "link.key"

    def sign(self, data: bytes) -> bytes:
        return self.signer.sign(data)

    def request(self, hosts: Sequence[str]) -> str:
        """A PEM request for a certificate of the link key, for this name at these hosts. No secret
        is in it.
        """
        key = read_key(self.link_key, ec.EllipticCurvePrivateKey)
        builder = x509.CertificateSigningRequestBuilder().subject_name(subject(self.name))
        if hosts:
            builder = builder.add_extension(at_hosts(hosts), critical=False)
        return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def make_identity(folder: Path, name: str) -> Identity:
    """New keys in a folder that has none.

    The process may be killed or run out of disk at any instant: the next call takes up the files
    that are there, and identity.json, the last one, says that all are.
    """
    if not NAME.fullmatch(name):
        raise FedH2LError(
            f"name {name!r}: expected 1 to 64 letters, digits, _ or -; choose such a name"
        )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if (folder / "identity.json").exists():
        raise FedH2LError(
            f"{folder}: there is an identity in it already; use it, or choose another folder"
        )
    signer = read_or_make_key(folder / "posts.key", Ed25519PrivateKey, Ed25519PrivateKey.generate)
    read_or_make_key(folder / "link.key", ec.EllipticCurvePrivateKey, make_ec_key)
    about = {"name": name, "key": signer.public_key().public_bytes_raw().hex()}
    write_file(folder / "identity.json", json.dumps(about).encode() + b"\n")
    sync_folder(folder)
    return Identity(name, folder, signer)


def open_identity(folder: Path) -> Identity:
    """The identity that was made in this folder."""
    try:
        about = json.loads((folder / "identity.json").read_bytes())
        name = str(about["name"])
        signer = read_key(folder / "posts.key", Ed25519PrivateKey)
        read_key(folder / "link.key", ec.EllipticCurvePrivateKey)
        modes = {key: (folder / key).stat().st_mode for key in ("posts.key", "link.key")}
    except FileNotFoundError as error:
        raise FedH2LError(
            f"{folder}: no identity in it ({Path(error.filename).name} is missing); give "
            "--identity the folder of your keys, or run fedh2l accept, which makes them"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise FedH2LError(
            f"{folder}: its identity is damaged ({error}); restore it from a copy, or ask to be "
            "invited anew"
        ) from error

    if not NAME.fullmatch(name):
        raise FedH2LError(
            f"{folder}: its identity is damaged; restore it from a copy, or ask to be invited anew"
        )
    for key, mode in modes.items():
        if mode & 0o077:
            raise FedH2LError(
                f"{folder / key}: others on this machine may read it; run chmod 600 on it"
            )
    return Identity(name, folder, signer)


def verify(public: str, signature: bytes, data: bytes) -> bool:
    """Whether the owner of this key signed exactly these bytes."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


def make_ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def read_or_make_key(path: Path, kind: type[Key], make: Callable[[], Key]) -> Key:
    """The private key in this file, which is made now if there is none."""
    if path.exists():
        return read_key(path, kind)
    key = make()
    write_secret_file(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return key


def read_key(path: Path, kind: type[Key]) -> Key:
    """The private key in this file. Raises FedH2LError where it is damaged or of another kind."""
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise FedH2LError(
            f"{path}: no private key can be read from it ({error}); restore it from a copy"
        ) from error
    if not isinstance(key, kind):
        raise FedH2LError(
            f"{path}: a {type(key).__name__}, expected a {kind.__name__}; restore it from a copy"
        )
    return key


def subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def at_hosts(hosts: Sequence[str]) -> x509.SubjectAlternativeName:
    """The names and addresses under which a certificate is valid; a dialled address must be among
    them.
    """
    return x509.SubjectAlternativeName([_host(host) for host in hosts])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
