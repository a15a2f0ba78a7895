"""Attacks on presence: somebody says that another process runs under a member's name, to end it.

The controls believe every signature, which is what was done when presence was not signed.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("zenoh")
from attacker import OPEN, both, files, session, soon

from fedh2l.error import FedH2LError
from fedh2l.live.network.exchange import ZenohP2P
from fedh2l.live.network.link import access, root
from fedh2l.live.trust import running
from fedh2l.live.trust.running import CLAIM, claim, new_process
from fedh2l.live.trust.terms import Terms
from members import free_port, identity_of, local_terms, make_terms

EARLIER = new_process(1)  # sorts before every process that runs


def believe(monkeypatch: pytest.MonkeyPatch, *, protected: bool) -> None:
    if not protected:
        monkeypatch.setattr(running, "verify", lambda *_: True)


def member(folder: Path, terms: Terms, name: str) -> ZenohP2P:
    return ZenohP2P(terms, identity_of(folder, name), folder / name / "run", delivered={})


def is_refused(folder: Path, terms: Terms, name: str) -> bool:
    try:
        with member(folder, terms, name):
            return False
    except FedH2LError as error:
        return "a member of this name is running already" in str(error)


@both
@pytest.mark.parametrize("replayed", [False, True], ids=["invented", "replayed"])
def test_a_member_that_says_that_another_runs_twice_ends_nobody(
    tmp_path: Path, protected: bool, replayed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """b answers the question who runs as a: with an invention, or with what a once signed itself,
    over another challenge. With two members b is all the witnesses there are.
    """
    believe(monkeypatch, protected=protected)
    terms = local_terms(tmp_path, "ab")
    lie = EARLIER.encode() + os.urandom(64)
    if replayed:
        own = identity_of(tmp_path, "a")
        lie = claim(own.sign, terms.federation, "a", os.urandom(16), EARLIER)
    assert len(lie) == CLAIM
    b, rules = terms.member("b"), access(terms)
    with session("peer", b.address, [], files(tmp_path, terms, "b"), rules) as liar:
        questions: list[str] = []
        liar.declare_queryable(f"{root(terms)}/b/**", lying(questions, terms, "b", lie))
        token = liar.liveliness().declare_token(f"{root(terms)}/b/alive/x")
        assert is_refused(tmp_path, terms, "a") == (not protected)
        assert any("who/a" in q for q in questions), "the lie was never told"
        assert token


def lying(heard: list[str], terms: Terms, me: str, lie: bytes) -> Callable[[Any], None]:
    """Answers to every question under this name, with the lie."""

    def answer(query: Any) -> None:
        with query:
            heard.append(str(query.key_expr))
            query.reply(f"{root(terms)}/{me}/who/a", lie)

    return answer


@both
def test_a_relay_that_says_that_members_run_twice_ends_nobody(
    tmp_path: Path, protected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It declares tokens of earlier processes of all, and answers in everybody's name."""
    believe(monkeypatch, protected=protected)
    terms = make_terms(tmp_path, {"a": "", "b": ""}, {"r": f"127.0.0.1:{free_port()}"})
    terms = replace(terms, deadline=10.0)
    own = files(tmp_path, replace(terms, members=(*terms.members, *terms.relays)), "r")
    with session("router", terms.relays[0].address, [], own, OPEN) as relay:
        tokens = [
            relay.liveliness().declare_token(f"{root(terms)}/{name}/alive/{EARLIER}")
            for name in "ab"
        ]
        lie, questions = EARLIER.encode() + bytes(64), list[str]()
        relay.declare_queryable(f"{root(terms)}/b/**", lying(questions, terms, "b", lie))
        if not protected:
            assert is_refused(tmp_path, terms, "a")
            return
        with member(tmp_path, terms, "a") as a, member(tmp_path, terms, "b") as b:
            assert soon(lambda: "b" in a.present() and any("who/a" in q for q in questions))
            with ThreadPoolExecutor(2) as pool:
                heard = list(pool.map(lambda m: m(0, {m.me: m.me.encode()})[m.me], (a, b)))
            assert heard == [{"b": (b"b",)}, {"a": (b"a",)}]
            assert not [e for m in (a, b) for e in m.events() if e.kind == "duplicate"]
        assert len(tokens) == 2


@both
def test_a_running_member_is_not_ended_by_a_liar(
    tmp_path: Path, protected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The question is asked again while the run goes on."""
    from fedh2l.live.network import twin

    monkeypatch.setattr(twin, "FIRST_CHECK", 0.5)
    monkeypatch.setattr(twin, "CHECK", 0.5)
    terms = replace(local_terms(tmp_path, "ab"), quorum=1)
    b, rules = terms.member("b"), access(terms)
    with member(tmp_path, terms, "a") as a:
        believe(monkeypatch, protected=protected)
        with session("peer", b.address, [], files(tmp_path, terms, "b"), rules) as liar:
            questions: list[str] = []
            lie = EARLIER.encode() + os.urandom(64)
            liar.declare_queryable(f"{root(terms)}/b/**", lying(questions, terms, "b", lie))
            token = liar.liveliness().declare_token(f"{root(terms)}/b/alive/x")
            twins = a._links.twins  # pyright: ignore[reportPrivateUsage]
            assert soon(lambda: any("who/a" in q for q in questions), 8.0)
            assert soon(lambda: twins.is_second, 3.0) == (not protected)
            assert token
