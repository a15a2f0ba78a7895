"""Each attack is made twice: against the protection, and in a control without it, in which the attack must succeed."""

import json
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("zenoh")
import zenoh

from fedh2l.exchange.zenoh_link import LARGEST_MESSAGE, access, configuration, root
from fedh2l.live import post as posts
from fedh2l.live.authority import make_authority
from fedh2l.live.identity import make_identity
from fedh2l.live.post import PostError, open_post, seal
from fedh2l.live.register import Register
from fedh2l.live.terms import Terms
from members import free_port, identity_of, local_terms, make_terms

pytestmark = pytest.mark.slow
OPEN: dict[str, Any] = {"enabled": False}


def files(folder: Path, terms: Terms, name: str, *, certificate: str = "", authority: str = "") -> dict[str, Any]:
    place = folder / name
    (place / "ca.pem").write_text(authority or terms.authority)
    (place / "own.pem").write_text(certificate or terms.member(name).certificate)
    return {
        "root_ca_certificate": str(place / "ca.pem"),
        "listen_certificate": str(place / "own.pem"), "listen_private_key": str(place / "link.key"),
        "connect_certificate": str(place / "own.pem"), "connect_private_key": str(place / "link.key"),
    }  # fmt: skip


@contextmanager
def session(
    mode: str,
    listen: str,
    others: list[str],
    own: dict[str, Any],
    rules: dict[str, Any],
    change: Callable[[dict[str, Any]], None] | None = None,
) -> Generator[Any]:
    told = configuration(mode, listen, others, own, rules)
    if change:
        change(told)
    with zenoh.open(zenoh.Config.from_json5(json.dumps(told))) as opened:
        yield opened


def no_client_certificates(told: dict[str, Any]) -> None:
    told["transport"]["link"]["tls"]["enable_mtls"] = False


def soon(holds: Callable[[], bool], seconds: float = 2.5) -> bool:
    """Whether it comes true within so many seconds."""
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.05)
    return holds()


def linked(folder: Path, terms: Terms, attacker: dict[str, Any], change: Callable[[dict[str, Any]], None] | None = None) -> bool:
    """Whether someone with these files gets a link to the honest member a."""
    a = terms.member("a")
    with (
        session("peer", a.address, [], files(folder, terms, "a"), access(terms), change),
        session("peer", "", [a.address], attacker, OPEN, change) as x,
    ):
        return soon(lambda: bool(x.info.transports()))


def test_who_has_no_certificate_of_this_authority_gets_no_link(tmp_path: Path) -> None:
    terms = local_terms(tmp_path, "ab")
    honest = files(tmp_path, terms, "b")
    assert linked(tmp_path, terms, honest)  # the control: the right certificate
    other = make_authority(tmp_path / "other")
    forged = other.issue(identity_of(tmp_path, "b").request([]), "b", [], 30)
    assert not linked(tmp_path, terms, files(tmp_path, terms, "b", certificate=forged))
    none = {"root_ca_certificate": honest["root_ca_certificate"]}
    assert not linked(tmp_path, terms, none)
    assert linked(tmp_path, terms, files(tmp_path, terms, "b", certificate=_expired(tmp_path, expired=False)))
    assert not linked(tmp_path, terms, files(tmp_path, terms, "b", certificate=_expired(tmp_path, expired=True)))


def test_without_mutual_tls_anybody_gets_a_link(tmp_path: Path) -> None:
    terms = local_terms(tmp_path, "ab")
    none = {"root_ca_certificate": files(tmp_path, terms, "b")["root_ca_certificate"]}
    assert linked(tmp_path, terms, none, no_client_certificates)


def _expired(folder: Path, *, expired: bool) -> str:
    """A certificate for b that ended half an hour ago, or ends tomorrow."""
    authority = make_authority(folder / "authority")
    from fedh2l.live import authority as module

    before = module.SKEW
    try:
        module.SKEW = before * 48 if expired else before
        certificate = authority.issue(identity_of(folder, "b").request([]), "b", [], -1 if expired else 1)
    finally:
        module.SKEW = before
    return certificate


@pytest.fixture(params=[True, False], ids=["protected", "control"])
def protected(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@contextmanager
def victim_and_attacker(folder: Path, *, protected: bool, relay: bool = False) -> Generator[tuple[Terms, Any, Any]]:
    """The session of a, who listens, and of b with a valid certificate of its own. The control has no access control."""
    terms = local_terms(folder, "abc")
    a, rules = terms.member("a"), access(terms) if protected else OPEN
    with (
        session("peer", a.address, [], files(folder, terms, "a"), rules) as victim,
        session("peer", "", [a.address], files(folder, terms, "b"), OPEN) as attacker,
    ):
        assert soon(lambda: bool(attacker.info.transports()))
        yield terms, victim, attacker


@pytest.mark.parametrize("key", ["c/news", "*/news", "**"])
def test_nobody_announces_in_the_name_of_another_or_of_all(tmp_path: Path, protected: bool, key: str) -> None:
    with victim_and_attacker(tmp_path, protected=protected) as (terms, victim, attacker):
        got: list[Any] = []
        victim.declare_subscriber(f"{root(terms)}/c/news", got.append)
        own: list[Any] = []
        victim.declare_subscriber(f"{root(terms)}/b/news", own.append)
        time.sleep(0.5)
        assert soon(lambda: attacker.put(f"{root(terms)}/b/news", b"own") or bool(own)), "the channel itself does not work"
        assert soon(lambda: attacker.put(f"{root(terms)}/{key}", b"forged") or bool(got), 1.5) == (not protected)


def test_nobody_answers_for_another(tmp_path: Path, protected: bool) -> None:
    with victim_and_attacker(tmp_path, protected=protected) as (terms, victim, attacker):
        for name in "bc":
            key = f"{root(terms)}/{name}/post"
            attacker.declare_queryable(key, lambda query: query.reply(query.key_expr, b"forged"))
        time.sleep(0.5)

        def answers(name: str) -> bool:
            return any(r.ok for r in victim.get(f"{root(terms)}/{name}/post", timeout=1.0))

        assert soon(lambda: answers("b"))
        assert answers("c") == (not protected)


def test_nobody_is_present_in_the_name_of_another(tmp_path: Path, protected: bool) -> None:
    with victim_and_attacker(tmp_path, protected=protected) as (terms, victim, attacker):
        tokens = [attacker.liveliness().declare_token(f"{root(terms)}/{name}/alive/x") for name in "bc"]

        def present(name: str) -> bool:
            return any(r.ok for r in victim.liveliness().get(f"{root(terms)}/{name}/alive/*", timeout=1.0))

        assert soon(lambda: present("b"))
        assert present("c") == (not protected)
        assert len(tokens) == 2


def test_a_giant_message_is_dropped_and_the_link_goes_on(tmp_path: Path, protected: bool) -> None:
    def no_cap(told: dict[str, Any]) -> None:
        told["transport"]["link"]["rx"]["max_message_size"] = 1 << 30

    terms = local_terms(tmp_path, "ab")
    a, change = terms.member("a"), None if protected else no_cap
    with (
        session("peer", a.address, [], files(tmp_path, terms, "a"), access(terms), change) as victim,
        session("peer", "", [a.address], files(tmp_path, terms, "b"), OPEN) as attacker,
    ):
        sizes: list[int] = []
        victim.declare_subscriber(f"{root(terms)}/b/news", lambda sample: sizes.append(len(sample.payload)))
        blocked = zenoh.CongestionControl.BLOCK
        time.sleep(0.5)
        assert soon(lambda: attacker.put(f"{root(terms)}/b/news", b"1") or 1 in sizes)
        attacker.put(f"{root(terms)}/b/news", bytes(LARGEST_MESSAGE + 1), congestion_control=blocked)
        assert soon(lambda: max(sizes) > LARGEST_MESSAGE, 4.0) == (not protected)
        assert soon(lambda: attacker.put(f"{root(terms)}/b/news", b"22") or 2 in sizes, 8.0), "the link did not survive"


def believed(monkeypatch: pytest.MonkeyPatch, *, protected: bool) -> None:
    """The control believes every signature: what a relay could do if posts were not signed."""
    if not protected:
        monkeypatch.setattr(posts, "verify", lambda *_: True)


def test_a_relay_or_a_mirror_forges_nothing(tmp_path: Path, protected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind a relay access control proves the relay only: what it hands on is another's post or nothing."""
    believed(monkeypatch, protected=protected)
    author, liar = make_identity(tmp_path / "a", "a"), make_identity(tmp_path / "liar", "liar")
    held = Register("00" * 8, {"a": author.public, "liar": liar.public})
    forged = seal(liar.sign, "00" * 8, "a", 1, 1, 0, b"forged").data
    true = seal(author.sign, "00" * 8, "a", 1, 2, 0, b"true")
    altered = true.data[:28] + (7).to_bytes(4, "little") + true.data[32:]  # said in another round than it was
    taken = 0
    for data in (forged, altered):
        try:
            taken += held.take("a", data) is not None
        except PostError:
            taken += 0
    assert taken == (0 if protected else 2)


def test_what_was_said_in_another_federation_is_not_believed(tmp_path: Path, protected: bool) -> None:
    author = make_identity(tmp_path / "a", "a")
    data = seal(author.sign, "11" * 8, "a", 1, 1, 0, b"said elsewhere").data
    if protected:
        with pytest.raises(PostError, match="federation 1111"):
            open_post(data, "00" * 8, "a", author.public, 100)
    else:
        assert open_post(data, "11" * 8, "a", author.public, 100).payload == b"said elsewhere"


def test_a_relay_that_lies_in_the_middle_is_seen_and_harms_nothing(
    tmp_path: Path, protected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A router with a valid relay certificate answers for a member. The control believes signatures blindly."""
    from fedh2l.exchange.zenoh_p2p import ZenohP2P
    from fedh2l.live.register import bundle

    believed(monkeypatch, protected=protected)
    terms = replace(make_terms(tmp_path, {"a": "", "b": ""}, {"r": f"127.0.0.1:{free_port()}"}), quorum=2, deadline=5.0)
    liar = make_identity(tmp_path / "liar", "liar")
    forged = bundle([seal(liar.sign, terms.federation, "b", 1, 1, 0, b"forged")], 1000)
    own = files(tmp_path, replace(terms, members=(*terms.members, *terms.relays)), "r")
    with session("router", terms.relays[0].address, [], own, OPEN) as relay:
        relay.declare_queryable(f"{root(terms)}/b/post", lambda query: query.reply(query.key_expr, forged))
        with ZenohP2P(terms, identity_of(tmp_path, "a"), tmp_path / "a" / "run", since={}) as a:
            heard = a(0, {"a": b"a0"})["a"]["b"]
            assert heard == (() if protected else (b"forged",))
            assert (("refused", "b") in {(e.kind, e.peer) for e in a.events()}) == protected
    assert not [t for t in threading.enumerate() if t.name.startswith("fedh2l-")]


def test_a_mirror_that_lies_is_passed_over_for_the_next(tmp_path: Path, protected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """c is gone; b answers for it with a forgery, d with what c said."""
    from fedh2l.exchange.zenoh_p2p import ZenohP2P
    from fedh2l.live.register import bundle

    believed(monkeypatch, protected=protected)
    terms = replace(local_terms(tmp_path, "abcd"), quorum=3, grace=6.0, deadline=12.0)
    forged = seal(identity_of(tmp_path, "b").sign, terms.federation, "c", 1, 1, 0, b"forged")
    true = seal(identity_of(tmp_path, "c").sign, terms.federation, "c", 1, 2, 0, b"true")
    addresses = [terms.member(n).address for n in "ad"]
    with (
        ZenohP2P(terms, identity_of(tmp_path, "d"), tmp_path / "d" / "run", since={}) as d,
        session("peer", terms.member("b").address, addresses, files(tmp_path, terms, "b"), access(terms)) as b,
    ):
        b.declare_queryable(f"{root(terms)}/b/mirror/c", lambda query: query.reply(query.key_expr, bundle([forged], 1000)))
        token = b.liveliness().declare_token(f"{root(terms)}/b/alive/x")
        with ZenohP2P(terms, identity_of(tmp_path, "a"), tmp_path / "a" / "run", since={}) as a:
            assert soon(lambda: a.present() == {"b", "d"}, 5.0)
            if protected:
                d._register.take("c", true.data)  # pyright: ignore[reportPrivateUsage]
            heard = a(0, {"a": b"a0"})["a"]["c"]
            assert heard == ((b"true",) if protected else (b"forged",))
            refused = [e.reason for e in a.events() if e.kind == "refused"]
            assert any("from the mirror of b" in reason for reason in refused) or not protected
        assert token
