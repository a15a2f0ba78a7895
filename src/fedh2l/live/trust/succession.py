"""The succession of a member's keys: each is signed by the one before it, so nobody has to compare
the next one by telephone.

As text it is a link after the other, oldest first, each of 192 hexadecimal digits: the earlier key
and its signature over federation, name, itself and the key that follows.
"""

from fedh2l.live.trust.canonical import canonical
from fedh2l.live.trust.identity import Identity, verify

KEY, LINK = 64, 192  # hexadecimal digits
MOST = 32  # links


def succeed(me: Identity, federation: str, key: str) -> str:
    """The link from this identity's key to the next one."""
    return me.public + me.sign(_stated(federation, me.name, me.public, key)).hex()


def earlier_keys(federation: str, name: str, key: str, succession: str) -> list[str] | None:
    """The keys that this member had before, the last one first; None where one of them has not
    signed the next.
    """
    keys = list[str]()
    for at in range(len(succession) - LINK, -1, -LINK):
        earlier, signature = succession[at : at + KEY], succession[at + KEY : at + LINK]
        if not verify(earlier, bytes.fromhex(signature), _stated(federation, name, earlier, key)):
            return None
        keys.append(earlier)
        key = earlier
    return keys


def _stated(federation: str, name: str, earlier: str, key: str) -> bytes:
    entries = {"federation": federation, "name": name, "earlier": earlier, "key": key}
    return b"fedh2l succession\n" + canonical(entries)
