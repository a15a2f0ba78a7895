"""What the attacks share: sessions with any files and rules, a victim and an attacker, and a
control without the protection.
"""

import json
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import zenoh

from fedh2l.live.network.link import access, configuration
from fedh2l.live.trust.terms import Terms
from members import local_terms

OPEN: dict[str, Any] = {"enabled": False}
# Each attack is made twice: against the protection, and in a control without it, in which the
# attack must succeed.
both = pytest.mark.parametrize("protected", [True, False], ids=["protected", "control"])


def files(
    folder: Path, terms: Terms, name: str, *, certificate: str = "", authority: str = ""
) -> dict[str, Any]:
    place = folder / name
    (place / "ca.pem").write_text(authority or terms.authority)
    (place / "own.pem").write_text(certificate or terms.member(name).certificate)
    return {
        "root_ca_certificate": str(place / "ca.pem"),
        "listen_certificate": str(place / "own.pem"),
        "listen_private_key": str(place / "link.key"),
        "connect_certificate": str(place / "own.pem"),
        "connect_private_key": str(place / "link.key"),
    }


@contextmanager
def session(
    mode: str,
    listen: str,
    others: list[str],
    own: dict[str, Any],
    rules: dict[str, Any],
    change: Callable[[dict[str, Any]], None] | None = None,
) -> Generator[Any]:
    config = configuration(mode, listen, others, own, rules)
    if change:
        change(config)
    with zenoh.open(zenoh.Config.from_json5(json.dumps(config))) as opened:
        yield opened


def soon(holds: Callable[[], bool], seconds: float = 2.5) -> bool:
    """Whether it comes true within so many seconds."""
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.05)
    return holds()


@contextmanager
def victim_and_attacker(folder: Path, *, protected: bool) -> Generator[tuple[Terms, Any, Any]]:
    """The session of a, who listens, and of b with a valid certificate of its own.

    The control has no access control.
    """
    terms = local_terms(folder, "abc")
    a, rules = terms.member("a"), access(terms) if protected else OPEN
    with (
        session("peer", a.address, [], files(folder, terms, "a"), rules) as victim,
        session("peer", "", [a.address], files(folder, terms, "b"), OPEN) as attacker,
    ):
        assert soon(lambda: bool(attacker.info.transports()))
        yield terms, victim, attacker
