"""Whose word a member takes for the round at which the others are."""

from pathlib import Path

import pytest

pytest.importorskip("zenoh", reason="needs the extra zenoh")
from dataclasses import replace

from fedh2l.live.network.exchange import ZenohP2P
from fedh2l.live.posts.own_posts import OwnPosts
from members import identity_of, local_terms


@pytest.mark.parametrize(
    ("rounds", "at"),
    [
        ({}, -1),
        ({"b": 7}, -1),
        ({"b": 5, "c": 10**6}, 5),
        ({"b": 5, "c": 6, "d": 10**6}, 6),
        ({"b": 50, "c": 51, "d": 3}, 50),
    ],
)
def test_one_who_claims_to_be_far_ahead_takes_nobody_along(
    tmp_path: Path, rounds: dict[str, int], at: int
) -> None:
    terms = replace(local_terms(tmp_path, "abcd"), rounds=10**6)
    exchange = ZenohP2P(terms, identity_of(tmp_path, "a"), tmp_path / "run", delivered={})
    for name, t in rounds.items():
        post = OwnPosts(tmp_path / name / "run", terms.federation, identity_of(tmp_path, name)).say(
            t, b"frame"
        )
        exchange._register.take(name, post.data)  # pyright: ignore[reportPrivateUsage]
    assert exchange.rounds_heard()[1] == at
