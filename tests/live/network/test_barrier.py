"""When a round closes, without sockets and clocks."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("cryptography")
from fedh2l.live.network.barrier import ANNOUNCE, FEW, Barrier
from fedh2l.live.trust.terms import Terms
from members import make_terms


@pytest.fixture(scope="module")
def terms(tmp_path_factory: pytest.TempPathFactory) -> Terms:
    folder: Path = tmp_path_factory.mktemp("terms")
    return replace(make_terms(folder, dict.fromkeys("abcd", "")), quorum=3, grace=5.0)


def test_a_round_closes_with_all_or_after_the_grace_or_at_the_deadline(terms: Terms) -> None:
    barrier = Barrier(terms, start=100.0, deadline=30.0)
    assert barrier.closes_at(2, 101.0) == 130.0
    assert barrier.closes_at(3, 110.0) == 115.0
    assert barrier.closes_at(3, 112.0) == 115.0, "the grace counts from the quorum"
    assert barrier.closes_at(4, 113.0) == 113.0
    assert Barrier(terms, start=100.0, deadline=30.0).closes_at(3, 128.0) == 130.0


def test_who_has_left_is_waited_for_only_where_there_is_no_quorum_without(terms: Terms) -> None:
    barrier = Barrier(terms, start=100.0, deadline=30.0)
    assert barrier.closes_at(2, 101.0, gone=1) == 130.0
    assert barrier.closes_at(3, 102.0, gone=1) == 102.0, "no grace for who does not come"
    assert barrier.closes_at(2, 103.0, gone=2) == 130.0, "2 are no quorum of 3"


@given(st.lists(st.tuples(st.floats(0.01, 9.0), st.integers(0, 1)), min_size=60, max_size=60))
def test_a_round_closes_whatever_comes(terms: Terms, steps: list[tuple[float, int]]) -> None:
    barrier, now, speakers = Barrier(terms, 0.0, 30.0), 0.0, 1
    for wait, more in steps:
        if barrier.closes_at(speakers, now) <= now:
            break
        speakers = min(speakers + more, 4)
        now = min(now + wait, barrier.closes_at(speakers, now))
    assert now <= 30.0


def test_a_member_of_many_announces_more_seldom(terms: Terms) -> None:
    many = replace(terms, members=terms.members * FEW)
    few, rare = Barrier(terms, 0.0, 30.0), Barrier(many, 0.0, 30.0)
    assert [few.may_announce(t) for t in (0.5, 1.0, 1.5, 2.9, 3.0)] == [0, 1, 0, 0, 1]
    assert rare.announce_at == ANNOUNCE * 4
