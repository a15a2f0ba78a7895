"""Attacks with what a member did say and sign: long ago, or in another federation; and a clock set
back, which looks like one.

a hears it from b, a member that lies when it is asked what it holds of c. The controls lack just
the one check.
"""

import shutil
import time
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("zenoh")
from attacker import both, files, session, soon

from fedh2l.live.network.exchange import ZenohP2P
from fedh2l.live.network.link import access, root
from fedh2l.live.posts import own_posts, register
from fedh2l.live.posts.post import Post, PostError, open_post, seal
from fedh2l.live.posts.register import KEPT, Register, bundle
from fedh2l.live.trust.terms import Terms
from members import identity_of, local_terms

pytestmark = pytest.mark.slow
TAKE = Register.take
DAY = 86_400 * 10**9  # nanoseconds


def federation(folder: Path) -> Terms:
    return replace(local_terms(folder, "abc"), quorum=2, deadline=8.0)


def member(folder: Path, terms: Terms, name: str, **delivered: int) -> ZenohP2P:
    return ZenohP2P(terms, identity_of(folder, name), folder / name / "run", delivered=delivered)


def rounds(members: list[ZenohP2P], start: int, end: int) -> list[list[Sequence[bytes]]]:
    """What each of two hears of the other, in each of these rounds."""

    def told(m: ZenohP2P, other: ZenohP2P) -> list[Sequence[bytes]]:
        return [m(t, {m.me: f"{m.me}{t}".encode()})[m.me][other.me] for t in range(start, end)]

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(told, members, reversed(members)))


@contextmanager
def lying_mirror(folder: Path, terms: Terms, a: ZenohP2P, post: Post) -> Generator[None]:
    """b is here, and who asks what it holds of c gets this post."""
    address = terms.member("a").address
    with session(
        "peer", terms.member("b").address, [address], files(folder, terms, "b"), access(terms)
    ) as b:
        b.declare_queryable(
            f"{root(terms)}/b/mirror/c",
            lambda query: query.reply(query.key_expr, bundle([post], 1000)),
        )
        token = b.liveliness().declare_token(f"{root(terms)}/b/alive/x")
        assert soon(lambda: "b" in a.present(), 5.0)
        yield
        token.undeclare()


def newest_round(a: ZenohP2P) -> int:
    """The round of the newest post of c that a holds."""
    newest = a._register.newest("c")  # pyright: ignore[reportPrivateUsage]
    assert newest is not None
    return newest.round


def refused(a: ZenohP2P, why: str) -> bool:
    return any(e.kind == "refused" and e.peer == "c" and why in e.reason for e in a.events())


@both
def test_a_round_of_long_ago_takes_nobody_back(
    tmp_path: Path, protected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not protected:
        monkeypatch.setattr(Register, "take", in_any_order)
    # As one that is killed: of a member that has said that it leaves nobody asks the others.
    monkeypatch.setattr(ZenohP2P, "say_farewell", lambda self: None)  # pyright: ignore
    terms = federation(tmp_path)
    with member(tmp_path, terms, "a") as a:
        with member(tmp_path, terms, "c") as c:
            rounds([a, c], 0, 1)
            data = (tmp_path / "c" / "run" / "posts" / f"{0:08d}.post").read_bytes()
            rounds([a, c], 1, KEPT + 1)
        assert newest_round(a) == KEPT
        with lying_mirror(
            tmp_path, terms, a, open_post(data, terms.federation, "c", terms.member("c").key, 100)
        ):
            assert a(KEPT + 1, {"a": b"a"})["a"]["c"] == ()
            assert newest_round(a) == (KEPT if protected else 0)
            assert refused(a, "replayed, or late (from the mirror of b)") == protected


def in_any_order(register: Register, author: str, data: bytes) -> Post | None:
    """`Register.take`, without its check of the order."""
    try:
        return TAKE(register, author, data)
    except PostError as error:
        if "replayed, or late" not in str(error):
            raise
        post = open_post(data, register.federation, author, register.keys[author], register.limit)
        register.posts[author][post.round] = post
        return post


@both
def test_what_was_said_in_another_federation_is_not_believed(
    tmp_path: Path, protected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """c has one key in two federations, and b is a member of both."""
    if not protected:
        monkeypatch.setattr(register, "open_post", of_any_federation)
    terms = federation(tmp_path)
    elsewhere = seal(identity_of(tmp_path, "c").sign, "11" * 8, "c", 1, 1, 0, b"said elsewhere")
    with member(tmp_path, terms, "a") as a, lying_mirror(tmp_path, terms, a, elsewhere):
        assert a(0, {"a": b"a0"})["a"]["c"] == (() if protected else (b"said elsewhere",))
        assert refused(a, f"of federation {'11' * 8}") == protected


def of_any_federation(data: bytes, _: str, author: str, key: str, limit: int) -> Post:
    """`open_post`, without its check of the federation."""
    return open_post(data, data[4:12].hex(), author, key, limit)


@both
def test_a_clock_set_back_by_a_day_silences_nobody(
    tmp_path: Path, protected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control takes the clock for its epoch. c's last posts, by which c itself would see the
    clock's fault, are lost from its disk.
    """
    if not protected:
        monkeypatch.setattr(own_posts, "next_epoch", lambda _: time.time_ns())
    terms, now = federation(tmp_path), time.time_ns
    with member(tmp_path, terms, "a") as a:
        with member(tmp_path, terms, "c") as c:
            assert rounds([a, c], 0, 2)[0] == [(b"c0",), (b"c1",)]
        shutil.rmtree(tmp_path / "c" / "run" / "posts")
        monkeypatch.setattr(time, "time_ns", lambda: now() - DAY)
        with member(tmp_path, terms, "c", a=1) as c:
            assert rounds([a, c], 2, 3)[0] == [(b"c2",) if protected else ()]
        assert refused(a, "replayed, or late") == (not protected)
