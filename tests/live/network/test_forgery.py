"""Attacks by those who carry: a relay or a mirror that forges what a member says.

The controls believe every signature.
"""

import threading
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("zenoh")
from attacker import OPEN, both, files, session, soon

from fedh2l.live.network.exchange import ZenohP2P
from fedh2l.live.network.link import access, root
from fedh2l.live.posts import post as posts
from fedh2l.live.posts.post import PostError, seal
from fedh2l.live.posts.register import Register, bundle
from fedh2l.live.trust.identity import make_identity
from members import free_port, identity_of, local_terms, make_terms

pytestmark = pytest.mark.slow


def believe(monkeypatch: pytest.MonkeyPatch, *, protected: bool) -> None:
    """The control believes every signature: what a relay could do if posts were not signed."""
    if not protected:
        monkeypatch.setattr(posts, "verify", lambda *_: True)


@both
def test_a_relay_or_a_mirror_forges_nothing(
    tmp_path: Path, protected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind a relay access control proves the relay only: what it hands on is another's post or
    nothing.
    """
    believe(monkeypatch, protected=protected)
    author, liar = make_identity(tmp_path / "a", "a"), make_identity(tmp_path / "liar", "liar")
    register = Register("00" * 8, {"a": author.public, "liar": liar.public})
    forged = seal(liar.sign, "00" * 8, "a", 1, 1, 0, b"forged").data
    true = seal(author.sign, "00" * 8, "a", 1, 2, 0, b"true")
    # Said in another round than it was.
    altered = true.data[:28] + (7).to_bytes(4, "little") + true.data[32:]
    accepted = 0
    for data in (forged, altered):
        try:
            accepted += register.take("a", data) is not None
        except PostError:
            accepted += 0
    assert accepted == (0 if protected else 2)


@both
def test_a_relay_that_lies_in_the_middle_is_seen_and_harms_nothing(
    tmp_path: Path, protected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A router with a valid relay certificate answers for a member.

    The control believes signatures blindly.
    """
    believe(monkeypatch, protected=protected)
    terms = replace(
        make_terms(tmp_path, {"a": "", "b": ""}, {"r": f"127.0.0.1:{free_port()}"}),
        quorum=2,
        deadline=5.0,
    )
    liar = make_identity(tmp_path / "liar", "liar")
    forged = bundle([seal(liar.sign, terms.federation, "b", 1, 1, 0, b"forged")], 1000)
    own = files(tmp_path, replace(terms, members=(*terms.members, *terms.relays)), "r")
    with session("router", terms.relays[0].address, [], own, OPEN) as relay:
        relay.declare_queryable(
            f"{root(terms)}/b/post", lambda query: query.reply(query.key_expr, forged)
        )
        with ZenohP2P(terms, identity_of(tmp_path, "a"), tmp_path / "a" / "run", delivered={}) as a:
            payloads = a(0, {"a": b"a0"})["a"]["b"]
            assert payloads == (() if protected else (b"forged",))
            assert (("refused", "b") in {(e.kind, e.peer) for e in a.events()}) == protected
    assert not [t for t in threading.enumerate() if t.name.startswith("fedh2l-")]


@both
def test_a_mirror_that_lies_is_passed_over_for_the_next(
    tmp_path: Path, protected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """c is gone; b answers for it with a forgery, d with what c said."""
    believe(monkeypatch, protected=protected)
    terms = replace(local_terms(tmp_path, "abcd"), quorum=3, grace=6.0, deadline=12.0)
    forged = seal(identity_of(tmp_path, "b").sign, terms.federation, "c", 1, 1, 0, b"forged")
    true = seal(identity_of(tmp_path, "c").sign, terms.federation, "c", 1, 2, 0, b"true")
    addresses = [terms.member(n).address for n in "ad"]
    with (
        ZenohP2P(terms, identity_of(tmp_path, "d"), tmp_path / "d" / "run", delivered={}) as d,
        session(
            "peer", terms.member("b").address, addresses, files(tmp_path, terms, "b"), access(terms)
        ) as b,
    ):
        b.declare_queryable(
            f"{root(terms)}/b/mirror/c",
            lambda query: query.reply(query.key_expr, bundle([forged], 1000)),
        )
        token = b.liveliness().declare_token(f"{root(terms)}/b/alive/x")
        with ZenohP2P(terms, identity_of(tmp_path, "a"), tmp_path / "a" / "run", delivered={}) as a:
            assert soon(lambda: a.present() == {"b", "d"}, 5.0)
            if protected:
                d._register.take("c", true.data)  # pyright: ignore[reportPrivateUsage]
            payloads = a(0, {"a": b"a0"})["a"]["c"]
            assert payloads == ((b"true",) if protected else (b"forged",))
            reasons = [e.reason for e in a.events() if e.kind == "refused"]
            assert any("from the mirror of b" in reason for reason in reasons) or not protected
        assert token
