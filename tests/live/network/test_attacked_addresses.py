"""An attack on the addresses that members dial: one gossips an address that is in no invite, such
as that of a service inside another's own network.
"""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("zenoh")
from attacker import OPEN, both, files, session, soon

from fedh2l.live.network.link import access
from members import free_port, local_terms


def gossiping(config: dict[str, Any]) -> None:
    config["scouting"]["gossip"]["enabled"] = True


@both
def test_nobody_dials_an_address_that_is_not_in_the_invite(tmp_path: Path, protected: bool) -> None:
    terms = local_terms(tmp_path, "ab")
    a, b = terms.member("a"), terms.member("b")
    own, inside = files(tmp_path, terms, "b"), f"127.0.0.1:{free_port()}"
    with (
        session("peer", b.address, [], own, OPEN, gossiping) as liar,
        session("peer", inside, [b.address], own, OPEN, gossiping) as service,
        session(
            "peer",
            a.address,
            [b.address],
            files(tmp_path, terms, "a"),
            access(terms),
            None if protected else gossiping,
        ) as victim,
    ):
        assert soon(lambda: str(victim.info.zid()) in map(str, liar.info.peers_zid()), 5.0)
        assert soon(lambda: str(service.info.zid()) in map(str, liar.info.peers_zid()), 5.0)
        dialled = soon(lambda: str(victim.info.zid()) in map(str, service.info.peers_zid()), 4.0)
        assert dialled == (not protected)
