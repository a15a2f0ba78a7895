"""A member's next keys: made beside the present ones, and in their place once the terms have them,
also while the member runs.
"""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fedh2l.error import FedH2LError
from fedh2l.live.trust.answer import answer
from fedh2l.live.trust.identity import Identity, make_identity, open_identity, read_key
from fedh2l.live.trust.succession import succeed
from fedh2l.live.trust.terms import Terms
from fedh2l.record.atomic import sync_folder

NEXT = "next"  # the folder with the next keys, in that of the present ones
# The key of the posts, by which the next keys are known, is moved last.
FILES = ("link.key", "identity.json", "posts.key")


def answer_with_next_keys(terms: Terms, me: Identity, address: str) -> bytes:
    """The member's answer, for the convener, with its next keys, which are made now if there are
    none. `address`: another than that of the terms.
    """
    terms.check_key(me)
    if me.public == terms.convener:
        raise FedH2LError(
            f"{me.name}: this key signs the invite; pass on the convener's role instead, if need "
            "be to new keys of your own: fedh2l invite take-over"
        )
    folder, before = me.folder / NEXT, terms.member(me.name)
    has_next = (folder / "identity.json").exists()
    following = open_identity(folder) if has_next else make_identity(folder, me.name)
    succession = before.succession + succeed(me, terms.federation, following.public)
    return answer(terms, following, address or before.address, relay=False, succession=succession)


def adopt(me: Identity, terms: Terms) -> Identity:
    """The identity to which these terms belong: the next one, if its key is in them. Then its files
    take the place of the present ones.

    After a kill in between, the files that are left are moved by the next call.
    """
    folder = me.folder / NEXT
    in_terms = {m.name: m.key for m in terms.members}.get(me.name)
    if in_terms in (None, me.public) or not (folder / "posts.key").exists():
        return me
    following = read_key(folder / "posts.key", Ed25519PrivateKey).public_key()
    if following.public_bytes_raw().hex() != in_terms:
        return me

    for name in FILES:
        if (folder / name).exists():
            (folder / name).replace(me.folder / name)
    sync_folder(me.folder)
    return open_identity(me.folder)
