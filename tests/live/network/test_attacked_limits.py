"""Attacks by a member that signs what it likes: giant posts, rounds that the terms do not have, and
rounds that nobody has reached. The controls lack just the one check.
"""

import threading
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("zenoh")
from attacker import both, files, session, soon

from conftest import seed_set, torch_learner
from fedh2l.live.join import join
from fedh2l.live.member_folder import MemberFolder, read_journal
from fedh2l.live.network.exchange import ZenohP2P
from fedh2l.live.network.link import access, root
from fedh2l.live.network.pull import NEWS
from fedh2l.live.posts.post import seal
from fedh2l.live.posts.register import LARGEST, bundle
from fedh2l.live.trust.accepted import remember
from fedh2l.live.trust.terms import Terms, signed
from members import CONVENER, identity_of, local_terms

SEEDS = seed_set()


@contextmanager
def liar(
    folder: Path, terms: Terms, name: str, posts: Sequence[tuple[int, bytes]]
) -> Generator[list[int]]:
    """A member that answers for its posts with these rounds and payloads, one post a message."""
    sign, me = identity_of(folder, name).sign, terms.member(name)
    sealed = [
        seal(sign, terms.federation, name, 1, seq, t, payload)
        for seq, (t, payload) in enumerate(posts)
    ]
    questions: list[int] = []

    def answer(query: Any) -> None:
        with query:
            if str(query.key_expr).endswith("/post"):
                since = int(query.parameters.get("since"))
                questions.append(since)
                rest = [post for post in sealed if post.round > since]
                query.reply(f"{root(terms)}/{name}/post", bundle(rest[:1], LARGEST + 1000))

    own = files(folder, terms, name)
    with session("peer", me.address, [], own, access(terms)) as s:
        s.declare_queryable(f"{root(terms)}/{name}/**", answer)
        token = s.liveliness().declare_token(f"{root(terms)}/{name}/alive/x")
        ended = threading.Event()
        news = NEWS.pack(posts[-1][0], terms.version, terms.digest)

        def announce() -> None:
            while not ended.wait(0.2):
                s.put(f"{root(terms)}/{name}/news", news)

        thread = threading.Thread(target=announce)
        thread.start()
        try:
            yield questions
        finally:
            ended.set()
            thread.join()
            token.undeclare()


@both
def test_a_post_larger_than_any_frame_of_the_session_is_not_kept(
    tmp_path: Path, protected: bool
) -> None:
    """The largest frame here has 424 bytes; b signs posts of 6.9 MB."""
    terms = replace(local_terms(tmp_path, "ab"), deadline=4.0)
    posts = [(t, bytes(6_900_000)) for t in range(3)]
    a = ZenohP2P(
        terms,
        identity_of(tmp_path, "a"),
        tmp_path / "a" / "run",
        delivered={},
        limit=424 if protected else LARGEST,
    )
    with liar(tmp_path, terms, "b", posts) as questions, a:
        a(0, {"a": b"a0"})
        assert soon(lambda: len(questions) >= 1)
        time.sleep(1.0)
        kept = sum(len(p.data) for p in a._register.posts_after("b", -1))  # pyright: ignore[reportPrivateUsage]
        assert kept == 0 if protected else kept > 6_900_000
        refusals = [e for e in a.events() if e.kind == "refused" and "bytes, expected" in e.reason]
        assert bool(refusals) == protected


def joined(folder: Path, terms: Terms, name: str) -> list[int]:
    """The rounds of a member that comes now and takes part until the end."""
    invite = folder / "invite.json"
    invite.write_bytes(signed(terms, identity_of(folder, CONVENER)))
    remember(folder / name, terms)
    with MemberFolder(folder / name / "run") as place:
        list(join(invite, identity_of(folder, name), SEEDS, torch_learner(), place))
    return [line["round"] for line in read_journal(folder / name / "run")]


def live_terms(folder: Path, names: str) -> Terms:
    return replace(
        local_terms(folder, names),
        seed_set=SEEDS.digest,
        classes=SEEDS.classes,
        parameters={"steps": 2},
        rounds=6,
        quorum=1,
        deadline=3.0,
    )


@both
@pytest.mark.parametrize("claimed", [4_000_000_000, 5], ids=["absurd", "the last"])
def test_a_newcomer_skips_no_round_for_one_member_that_claims_to_be_far_ahead(
    tmp_path: Path, protected: bool, claimed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the control it takes part in one round, and an untrained model is declared finished."""
    if not protected:
        monkeypatch.setattr("fedh2l.live.join.first_round", lambda e, _: min(claim(e), 5))
    terms = live_terms(tmp_path, "ab")
    with liar(tmp_path, terms, "b", [(0, b"x"), (claimed, b"x")]) as questions:
        rounds = joined(tmp_path, terms, "a")
        assert questions, "the claim was never heard"
    assert rounds == (list(range(6)) if protected else [5])


def claim(exchange: ZenohP2P) -> int:
    """The newest round of b, once it is here: what was believed before."""
    register = exchange._register  # pyright: ignore[reportPrivateUsage]
    register.rounds = 2**32
    assert soon(lambda: register.has_spoken("b", 1), 8.0)
    newest = register.newest("b")
    assert newest is not None
    return newest.round
