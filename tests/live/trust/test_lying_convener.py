"""Attacks by the convener, whose signature is on every version of the invite."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path

import pytest

pytest.importorskip("zenoh", reason="needs the extra zenoh")
from attacker import both, soon

from fedh2l.live.network.exchange import ZenohP2P
from fedh2l.live.network.mailbox import Event
from fedh2l.live.trust import member as member_file
from fedh2l.live.trust.accepted import changes, note_members, remember
from fedh2l.live.trust.authority import open_authority
from fedh2l.live.trust.canonical import canonical
from fedh2l.live.trust.identity import make_identity, open_identity
from fedh2l.live.trust.member import Member
from fedh2l.live.trust.rules import TermsError
from fedh2l.live.trust.statement import state
from fedh2l.live.trust.terms import Terms, open_invite, read_terms, signed
from local_federation import MEMBERS, LocalFederation, convene
from members import CONVENER, identity_of, invite, local_terms

THREE = MEMBERS[:3]


def forged(folder: Path, terms: Terms) -> bytes:
    """The convener's signature on terms that its own program would not sign."""
    entries = asdict(terms)
    signature = identity_of(folder, CONVENER).sign(b"fedh2l terms\n" + canonical(entries)).hex()
    return json.dumps({"terms": entries, "signature": signature}).encode()


def with_member(terms: Terms, changed: Member) -> Terms:
    members = tuple(changed if m.name == changed.name else m for m in terms.members)
    return replace(terms, version=terms.version + 1, members=members)


@both
@pytest.mark.parametrize("what", ["certificate", "address"])
def test_the_convener_puts_no_certificate_or_address_in_the_place_of_a_members_own(
    tmp_path: Path, protected: bool, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would speak and be dialled as b."""
    if not protected:
        monkeypatch.setattr(member_file, "is_stated", lambda *_, **__: True)
    terms = local_terms(tmp_path, "ab")
    spy = make_identity(tmp_path / "spy", "b")
    certificate = open_authority(tmp_path / "authority").issue(
        spy.request(["127.0.0.1"]), "b", ["127.0.0.1"], 30
    )
    changed = {"certificate": certificate, "address": "127.0.0.1:9"}
    data = forged(tmp_path, with_member(terms, replace(terms.member("b"), **{what: changed[what]})))
    if protected:
        with pytest.raises(TermsError, match="b has not signed its address and certificate"):
            read_terms(data, terms)
    else:
        assert getattr(read_terms(data, terms).member("b"), what) == changed[what]


@pytest.mark.parametrize("removed_first", [False, True])
def test_another_key_under_a_members_name_waits_for_the_owner(
    tmp_path: Path, removed_first: bool
) -> None:
    """The convener has made the key, and signs with it what b must sign. Nor does it help to remove
    b in one version and to take it in again in the next.
    """
    terms = local_terms(tmp_path, "abc")
    spy = make_identity(tmp_path / "spy", "b")
    statement = state(spy, terms.federation, terms.member("b").address)
    certificate = open_authority(tmp_path / "authority").issue(
        spy.request(["127.0.0.1"]), "b", ["127.0.0.1"], 30
    )
    old = terms.member("b")
    new = Member("b", spy.public, old.address, certificate, statement)
    owner = tmp_path / "a"
    if removed_first:
        without = tuple(m for m in terms.members if m.name != "b")
        between, _ = invite(tmp_path, terms, members=without)
        assert changes(owner, between) == []
        note_members(owner, between)
    later = read_terms(forged(tmp_path, with_member(terms, new)), terms)
    assert any("b has another key" in change for change in changes(owner, later))
    note_members(owner, later)
    assert changes(owner, later), "a key is not accepted by being seen"
    remember(owner, later)  # its owner has compared the key over the telephone
    assert changes(owner, later) == []


@both
def test_two_different_invites_of_one_version_are_noticed_by_the_members(
    tmp_path: Path, protected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the control members compare the numbers of their versions only."""
    if not protected:
        monkeypatch.setattr(Terms, "digest", bytes(16))
    terms = local_terms(tmp_path, "ab")
    one, bytes_of_one = invite(tmp_path, terms, grace=1.0)
    other, bytes_of_other = invite(tmp_path, terms, grace=2.0)
    assert one.version == other.version
    a, b = (
        ZenohP2P(
            its_terms,
            identity_of(tmp_path, name),
            tmp_path / name / "run",
            delivered={},
            invite_bytes=data,
        )
        for name, its_terms, data in (("a", one, bytes_of_one), ("b", other, bytes_of_other))
    )
    with a, b, ThreadPoolExecutor(2) as pool:
        events = list(pool.map(told, (a, b)))
    noticed = [
        any(e.kind == "equivocation" and e.peer == "convener" for e in of_one) for of_one in events
    ]
    assert noticed == [protected, protected]


def told(m: ZenohP2P) -> list[Event]:
    """The events of a few rounds."""
    for t in range(4):
        m(t, {m.me: b"%d" % t})
        time.sleep(0.3)
    time.sleep(1.0)
    return list(m.events())


@pytest.mark.slow
def test_other_parameters_in_a_new_version_wait_for_the_owners_consent(
    federation: LocalFederation,
) -> None:
    """The convener's steps become 500 instead of 10. Who has consented takes them up, which shows
    that the others would have, too.
    """
    convene(federation, THREE, quorum=2, rounds=100_000, grace=0.2)
    for name in THREE:
        data = (federation.folder / "invite.json").read_bytes()
        (federation.folder / f"{name}.json").write_bytes(data)
        federation.join(name, f"{name}.json", "oslo")
    for name in THREE:
        federation.until(name, 2)

    terms = open_invite(federation.folder / "invite.json")
    more = replace(terms, version=terms.version + 1, parameters=terms.parameters | {"steps": 2})
    convener = open_identity(federation.folder / "keys-kiev")
    (federation.folder / "kiev.json").write_bytes(signed(more, convener))
    for name in ("lyon", "oslo"):
        assert soon(lambda name=name: "steps 10 becomes 2" in federation.said(name), 60.0)
        assert (federation.folder / name / "pending.json").exists()
    keys = ("--identity", "keys-lyon")
    refusal = federation.command("consent", "lyon/pending.json", *keys, code=2)
    assert "version 3 changes steps 10 becomes 2: give --yes" in refusal
    federation.command("consent", "lyon/pending.json", *keys, "--yes")
    assert soon(lambda: federation.rounds("lyon")[-1]["version"] == 3, 60.0)
    assert federation.rounds("oslo")[-1]["version"] == 2
    assert federation.rounds("kiev")[-1]["version"] == 3, "the convener has signed it"
    assert "oslo" in federation.rounds("lyon")[-1]["heard"], "two versions understand each other"
