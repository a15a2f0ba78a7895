"""Attacks on farewells: somebody says, in the place of a member that is slow, that it has left, so
that the others go on without it.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("zenoh")
from attacker import both, files, session

from fedh2l.live.network.exchange import ZenohP2P
from fedh2l.live.network.link import access, root
from fedh2l.live.posts import post as post_file
from fedh2l.live.posts.post import FAREWELL, Post, seal
from fedh2l.live.posts.register import LARGEST, Register, bundle
from fedh2l.live.trust.terms import Terms
from members import identity_of, local_terms

GRACE = 3.0


def mirror(terms: Terms, own: Post, of_b: Post) -> Callable[[Any], None]:
    """The answers of c: its own post, and of b what it likes."""

    def answer(query: Any) -> None:
        with query:
            question = str(query.key_expr).removeprefix(f"{root(terms)}/c/")
            if question in ("post", "mirror/b"):
                post = own if question == "post" else of_b
                query.reply(f"{root(terms)}/c/{question}", bundle([post], LARGEST))

    return answer


@both
@pytest.mark.parametrize("replayed", [False, True], ids=["forged", "replayed"])
def test_nobody_says_farewell_for_another(
    tmp_path: Path, protected: bool, replayed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """b has come back and spoken in round 0; in round 1 it is slow. c, its mirror, signs a farewell
    of b itself, or has the one that b said before it came back. In the controls a signature, or the
    order of what b said, is not looked at.
    """
    terms = replace(local_terms(tmp_path, "abc"), quorum=2, grace=GRACE, deadline=20.0)
    keys = {name: identity_of(tmp_path, name) for name in "abc"}
    post = seal(keys["b"].sign, terms.federation, "b", epoch=5, seq=0, t=0, payload=b"b0")
    if not protected and replayed:
        monkeypatch.setattr(Register, "_take_farewell", take_any)
        monkeypatch.setattr(
            Register, "gone_from", lambda self, a: 1 if a in self.farewells else None
        )
    elif not protected:
        monkeypatch.setattr(post_file, "verify", lambda *_: True)
    signer, epoch = (keys["b"], 4) if replayed else (keys["c"], 9)
    lie = seal(signer.sign, terms.federation, "b", epoch, 7, 1, b"", FAREWELL)

    own = seal(keys["c"].sign, terms.federation, "c", 1, 1, 1, b"c1")
    c, rules = terms.member("c"), access(terms)
    a = ZenohP2P(terms, keys["a"], tmp_path / "a" / "run", delivered={"b": 0, "c": 0})
    a._register.take("b", post.data)  # pyright: ignore[reportPrivateUsage]
    with session("peer", c.address, [], files(tmp_path, terms, "c"), rules) as liar, a:
        liar.declare_queryable(f"{root(terms)}/c/**", mirror(terms, own, lie))
        token = liar.liveliness().declare_token(f"{root(terms)}/c/alive/x")
        start = time.monotonic()
        assert a(1, {"a": b"a1"})["a"] == {"b": (), "c": (b"c1",)}
        seconds, events = time.monotonic() - start, a.events()
        assert token
    gone = [e for e in events if e.kind == "gone"]
    refused = [e for e in events if e.kind == "refused" and e.peer == "b"]
    assert (seconds >= GRACE, bool(gone), bool(refused)) == (protected, not protected, protected)


def take_any(self: Register, post: Post) -> Post:
    self.farewells[post.author] = post
    return post
