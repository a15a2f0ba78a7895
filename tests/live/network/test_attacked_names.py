"""Attacks on names: a member with a valid certificate writes under its own name, and under no
other.
"""

import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("zenoh")
from attacker import both, soon, victim_and_attacker

from fedh2l.live.network.link import root

pytestmark = pytest.mark.slow


@both
@pytest.mark.parametrize("key", ["c/news", "*/news", "**"])
def test_nobody_announces_in_the_name_of_another_or_of_all(
    tmp_path: Path, protected: bool, key: str
) -> None:
    with victim_and_attacker(tmp_path, protected=protected) as (terms, victim, attacker):
        samples: list[Any] = []
        victim.declare_subscriber(f"{root(terms)}/c/news", samples.append)
        own_samples: list[Any] = []
        victim.declare_subscriber(f"{root(terms)}/b/news", own_samples.append)
        time.sleep(0.5)
        assert soon(lambda: attacker.put(f"{root(terms)}/b/news", b"own") or bool(own_samples)), (
            "the channel itself does not work"
        )
        assert soon(
            lambda: attacker.put(f"{root(terms)}/{key}", b"forged") or bool(samples), 1.5
        ) == (not protected)


@both
def test_nobody_answers_for_another(tmp_path: Path, protected: bool) -> None:
    with victim_and_attacker(tmp_path, protected=protected) as (terms, victim, attacker):
        for name in "bc":
            key = f"{root(terms)}/{name}/post"
            attacker.declare_queryable(key, lambda query: query.reply(query.key_expr, b"forged"))
        time.sleep(0.5)

        def answers(name: str) -> bool:
            return any(r.ok for r in victim.get(f"{root(terms)}/{name}/post", timeout=1.0))

        assert soon(lambda: answers("b"))
        assert soon(lambda: answers("c"), 1.5) == (not protected)


@both
def test_nobody_is_present_in_the_name_of_another(tmp_path: Path, protected: bool) -> None:
    with victim_and_attacker(tmp_path, protected=protected) as (terms, victim, attacker):
        tokens = [
            attacker.liveliness().declare_token(f"{root(terms)}/{name}/alive/x") for name in "bc"
        ]

        def present(name: str) -> bool:
            return any(
                r.ok for r in victim.liveliness().get(f"{root(terms)}/{name}/alive/*", timeout=1.0)
            )

        assert soon(lambda: present("b"))
        assert soon(lambda: present("c"), 1.5) == (not protected)
        assert len(tokens) == 2
