"""Attacks on links: only certificates of the federation's authority get one, and no message is
larger than 8 MB.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("zenoh")
import zenoh
from attacker import OPEN, both, files, session, soon

from fedh2l.live.network.link import LARGEST_MESSAGE, access, root
from fedh2l.live.trust import authority as authorities
from fedh2l.live.trust.authority import make_authority
from fedh2l.live.trust.terms import Terms
from members import identity_of, local_terms

pytestmark = pytest.mark.slow


def no_client_certificates(config: dict[str, Any]) -> None:
    config["transport"]["link"]["tls"]["enable_mtls"] = False


def gets_link(
    folder: Path,
    terms: Terms,
    attacker: dict[str, Any],
    change: Callable[[dict[str, Any]], None] | None = None,
) -> bool:
    """Whether someone with these files gets a link to the honest member a."""
    a = terms.member("a")
    with (
        session("peer", a.address, [], files(folder, terms, "a"), access(terms), change),
        session("peer", "", [a.address], attacker, OPEN, change) as x,
    ):
        return soon(lambda: bool(x.info.transports()))


@both
@pytest.mark.parametrize("whose", ["another authority's", "none", "expired"])
def test_who_has_no_certificate_of_this_authority_that_holds_gets_no_link(
    tmp_path: Path, protected: bool, whose: str
) -> None:
    """The control asks nobody for a certificate."""
    terms = local_terms(tmp_path, "ab")
    assert gets_link(tmp_path, terms, files(tmp_path, terms, "b")), "the link itself does not work"
    attacker = files(tmp_path, terms, "b", certificate=certificate(tmp_path, whose))
    if whose == "none":
        attacker = {"root_ca_certificate": attacker["root_ca_certificate"]}
    assert gets_link(tmp_path, terms, attacker, None if protected else no_client_certificates) == (
        not protected
    )


def test_a_certificate_holds_until_its_last_day(tmp_path: Path) -> None:
    terms = local_terms(tmp_path, "ab")
    assert gets_link(
        tmp_path,
        terms,
        files(tmp_path, terms, "b", certificate=certificate(tmp_path, "good for a day")),
    )


def certificate(folder: Path, whose: str) -> str:
    """For b's key: from another authority, or from the right one and ended a day ago, or good until
    tomorrow.
    """
    authority = make_authority(folder / ("other" if whose.startswith("another") else "authority"))
    days, skew = (-1, authorities.SKEW * 48) if whose == "expired" else (1, authorities.SKEW)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(authorities, "SKEW", skew)
        return authority.issue(identity_of(folder, "b").request([]), "b", [], days)


@both
def test_a_giant_message_is_dropped_and_the_link_goes_on(tmp_path: Path, protected: bool) -> None:
    def no_cap(config: dict[str, Any]) -> None:
        config["transport"]["link"]["rx"]["max_message_size"] = 1 << 30

    terms = local_terms(tmp_path, "ab")
    a, change = terms.member("a"), None if protected else no_cap
    with (
        session(
            "peer", a.address, [], files(tmp_path, terms, "a"), access(terms), change
        ) as victim,
        session("peer", "", [a.address], files(tmp_path, terms, "b"), OPEN) as attacker,
    ):
        sizes: list[int] = []
        victim.declare_subscriber(
            f"{root(terms)}/b/news", lambda sample: sizes.append(len(sample.payload))
        )
        blocked = zenoh.CongestionControl.BLOCK
        time.sleep(0.5)
        assert soon(lambda: attacker.put(f"{root(terms)}/b/news", b"1") or 1 in sizes)
        attacker.put(
            f"{root(terms)}/b/news", bytes(LARGEST_MESSAGE + 1), congestion_control=blocked
        )
        assert soon(lambda: max(sizes) > LARGEST_MESSAGE, 4.0) == (not protected)
        assert soon(lambda: attacker.put(f"{root(terms)}/b/news", b"22") or 2 in sizes, 8.0), (
            "the link did not survive"
        )
