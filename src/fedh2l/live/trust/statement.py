"""A member's statement of its address and link key, signed by the key of its posts: without it the
convener could put another certificate or address in its place.
"""

from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from fedh2l.live.trust.canonical import canonical
from fedh2l.live.trust.identity import Identity, read_key, verify


def state(me: Identity, federation: str, address: str) -> str:
    """The statement, 128 hexadecimal digits: a signature over name, keys and address."""
    link_key = read_key(me.link_key, ec.EllipticCurvePrivateKey).public_key()
    return me.sign(_stated(federation, me.name, me.public, address, link_key)).hex()


def is_stated(
    federation: str, *, name: str, key: str, address: str, certificate: str, statement: str
) -> bool:
    """Whether a member itself has signed its address and the key in its certificate."""
    try:
        link_key = x509.load_pem_x509_certificate(certificate.encode()).public_key()
        signature = bytes.fromhex(statement)
    except ValueError:
        return False
    if not isinstance(link_key, ec.EllipticCurvePublicKey):
        return False
    return verify(key, signature, _stated(federation, name, key, address, link_key))


def _stated(
    federation: str, name: str, key: str, address: str, link_key: ec.EllipticCurvePublicKey
) -> bytes:
    der = link_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    entries = {"federation": federation, "name": name, "key": key, "address": address}
    return b"fedh2l member\n" + canonical(entries | {"link": sha256(der).hexdigest()})
