"""Two processes under one name, with its keys: the second is refused and told what to do, at its
start or as soon as both are seen.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

pytest.importorskip("zenoh")
from attacker import both, soon

from fedh2l.error import FedH2LError
from fedh2l.live.network import twin
from fedh2l.live.network.exchange import ZenohP2P
from fedh2l.live.trust.terms import Terms
from members import free_port, identity_of, local_terms

pytestmark = pytest.mark.slow


def member(folder: Path, terms: Terms, name: str, run: str = "run") -> ZenohP2P:
    return ZenohP2P(terms, identity_of(folder, name), folder / name / run, delivered={})


def elsewhere(terms: Terms) -> Terms:
    """The same terms as the second process reads them: on another machine, so that a's port is free
    there.
    """
    return replace(
        terms,
        members=tuple(
            replace(m, address=f"127.0.0.1:{free_port()}") if m.name == "a" else m
            for m in terms.members
        ),
    )


@both
def test_a_second_process_is_refused_at_its_start(
    tmp_path: Path, protected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control does not ask whether it is the second."""
    terms = local_terms(tmp_path, "ab")
    with member(tmp_path, terms, "a"), member(tmp_path, terms, "b") as b, ExitStack() as stack:
        second = member(tmp_path, elsewhere(terms), "a", "again")
        if protected:
            with pytest.raises(
                FedH2LError,
                match="a: a member of this name is running already; stop that one first",
            ):
                stack.enter_context(second)
        else:
            monkeypatch.setattr(twin.Twins, "refuse_a_second", lambda _: None)
            stack.enter_context(second)
        assert soon(lambda: len(b._links.presence.instances("a")) == (1 if protected else 2))  # pyright: ignore[reportPrivateUsage]


@both
def test_the_owner_is_told_at_once_that_its_keys_are_used_elsewhere(
    tmp_path: Path, protected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The owner runs; its copied keys are tried out on another machine. In the control nobody looks
    at the claim with which that process asks.
    """
    if not protected:
        monkeypatch.setattr(twin.Twins, "_report", lambda *_: None)
    terms = local_terms(tmp_path, "ab")
    with member(tmp_path, terms, "a") as owner, member(tmp_path, terms, "b") as b:
        assert soon(lambda: b.present() == {"a"})
        with pytest.raises(FedH2LError, match="is running already"):
            member(tmp_path, elsewhere(terms), "a", "again").__enter__()
        reasons = [e.reason for e in owner.events() if e.kind == "duplicate"]
        assert any("somebody has copied them" in reason for reason in reasons) == protected
        assert len(reasons) == protected


@both
def test_a_second_process_is_refused_when_both_run(
    tmp_path: Path, protected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is there who could tell at the start.

    The control never believes that anybody else has its name.
    """
    if not protected:
        monkeypatch.setattr(twin, "claimed_process", lambda *_, **__: None)
    terms = replace(local_terms(tmp_path, "ab"), quorum=1)
    with ExitStack() as stack, ThreadPoolExecutor(2) as pool:
        first = stack.enter_context(member(tmp_path, terms, "a"))
        second = stack.enter_context(member(tmp_path, elsewhere(terms), "a", "again"))
        stack.enter_context(member(tmp_path, terms, "b"))
        one, two = (pool.submit(goes_on, m) for m in (first, second))
        assert one.result() is None
        assert ("started before this one; stop one of them" in (two.result() or "")) == protected
        assert ("duplicate" in {e.kind for e in first.events()}) == protected


def goes_on(m: ZenohP2P, seconds: float = 20.0) -> str | None:
    """A word every half second, until it is told not to: why."""
    end = time.monotonic() + seconds
    for t in count():
        try:
            m(t, {m.me: b"%d" % t})
        except FedH2LError as error:
            return str(error)
        if time.monotonic() > end:
            return None
        time.sleep(0.5)
    return None
