"""An attack by a member that was removed: it listens on through a relay that goes on running."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("zenoh")
from attacker import OPEN, both, files, session, soon

from fedh2l.live.network import relay as relays
from fedh2l.live.network.exchange import ZenohP2P
from fedh2l.live.network.link import root
from fedh2l.live.trust.terms import Terms
from members import free_port, identity_of, invite, make_terms


def member(folder: Path, terms: Terms, name: str) -> ZenohP2P:
    return ZenohP2P(terms, identity_of(folder, name), folder / name / "run", delivered={})


def rounds(members: tuple[ZenohP2P, ...], start: int, end: int) -> None:
    with ThreadPoolExecutor(2) as pool:
        for t in range(start, end):
            list(pool.map(lambda m, t=t: m(t, {m.me: b"%d" % t}), members))


@both
def test_who_is_removed_hears_nothing_through_the_relay_either(
    tmp_path: Path, protected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control is a relay that read its rules once."""
    if not protected:
        monkeypatch.setattr(relays, "_version", lambda _: 0)
    behind = dict.fromkeys("abc", "")
    terms = make_terms(tmp_path, behind, {"r": f"127.0.0.1:{free_port()}"}, quorum=2)
    terms = replace(terms, deadline=20.0)
    states: list[relays.Carrying] = []
    carrying = relays.relay(terms, identity_of(tmp_path, "r"), tmp_path / "r" / "run")
    ended = threading.Event()
    thread = threading.Thread(target=carry, args=(carrying, states, ended))
    thread.start()
    try:
        assert soon(lambda: bool(states), 10.0)
        heard: list[Any] = []
        own = files(tmp_path, terms, "c")
        with (
            session("client", "", [terms.relays[0].address], own, OPEN) as removed,
            member(tmp_path, terms, "a") as a,
            member(tmp_path, terms, "b") as b,
        ):
            removed.declare_subscriber(f"{root(terms)}/**", heard.append)
            rounds((a, b), 0, 2)
            assert soon(lambda: bool(heard), 5.0), "it never heard anything"
            others = tuple(m for m in terms.members if m.name != "c")
            later, data = invite(tmp_path, terms, members=others)
            for m in (a, b):
                m.update(later, data)
            rounds((a, b), 2, 3)
            assert soon(lambda: states[-1].version == later.version, 10.0) == protected
            time.sleep(1.0)
            heard.clear()
            rounds((a, b), 3, 6)
            assert bool(heard) == (not protected)
    finally:
        ended.set()
        thread.join()


def carry(
    carrying: Iterator[relays.Carrying], states: list[relays.Carrying], ended: threading.Event
) -> None:
    """Carry until the end; a token that changes wakes it."""
    with closing(carrying):  # type: ignore[type-var]
        for state in carrying:
            states.append(state)
            if ended.is_set():
                return
