"""A member changes its keys while all run, by the documented commands: the present key signs the
next one, and nobody else has to do anything.
"""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from local_federation import MEMBERS, LocalFederation, convene

pytest.importorskip("zenoh", reason="needs the extra zenoh")
from test_leaving import until_it_says

from fedh2l.live.trust.accepted import changes, note_members
from fedh2l.live.trust.answer import read_answer
from fedh2l.live.trust.authority import open_authority
from fedh2l.live.trust.identity import make_identity, open_identity
from fedh2l.live.trust.member import Member
from fedh2l.live.trust.next_keys import NEXT, adopt, answer_with_next_keys
from fedh2l.live.trust.rules import TermsError
from fedh2l.live.trust.succession import earlier_keys, succeed
from fedh2l.live.trust.terms import Terms, read_terms
from members import identity_of, invite, local_terms

THREE, ENDLESS = MEMBERS[:3], 100_000


def test_keys_change_while_all_run_and_no_round_misses_anybody(
    federation: LocalFederation,
) -> None:
    convene(federation, THREE, rounds=ENDLESS, deadline=60.0)
    for name in THREE:
        shutil.copy(federation.folder / "invite.json", federation.folder / f"{name}.json")
        federation.join(name, f"{name}.json", "oslo")
    for name in THREE:
        federation.until(name, 2)
    keys = federation.folder / "keys-lyon"
    before = open_identity(keys).public
    shutil.copytree(keys, federation.folder / "stolen")

    federation.command("rekey", "invite.json", "--identity", "keys-lyon")
    assert open_identity(keys).public == before, "the next key waits for the invite"
    federation.command(
        "invite", "add", "invite.json", "lyon.answer.json", "--identity", "keys-kiev"
    )
    shutil.copy(federation.folder / "invite.json", federation.folder / "kiev.json")
    until_it_says(federation, "lyon", "lyon signs with another key from now on")
    # Killed as soon as it says so, which is before the version is on its disk, or right after.
    process = federation.running["lyon"]
    process.kill()
    process.wait()
    federation.join("lyon", "lyon.json", "oslo")
    for name in THREE:
        until_it_says(federation, name, "lyon signs with another key from now on")
        federation.until(name, len(federation.rounds(name)) + 3)
        lines = federation.rounds(name)
        assert lines[-1]["version"] == 3
        assert not any(x["missing"] or x["refused"] for x in lines), name
        assert not (federation.folder / name / "pending.json").exists(), "nobody had to consent"
    assert open_identity(keys).public != before
    assert not (keys / NEXT / "posts.key").exists()
    stolen = federation.joining("lyon", "invite.json", "oslo", "elsewhere")
    stolen[stolen.index("keys-lyon")] = "stolen"
    assert "its key in stolen is not the one" in federation.command(*stolen, code=2)


def with_next_key(folder: Path, terms: Terms, name: str) -> Terms:
    """The version in which this member has its next key, as it was signed by the convener."""
    reply = read_answer(answer_with_next_keys(terms, identity_of(folder, name), ""))
    certificate = open_authority(folder / "authority").issue(reply.request, name, ["127.0.0.1"], 30)
    member = Member(name, reply.key, reply.address, certificate, reply.statement, reply.succession)
    members = tuple(member if m.name == name else m for m in terms.members)
    later, data = invite(folder, terms, members=members)
    assert read_terms(data, terms) == later
    return later


def test_a_key_that_the_one_before_has_signed_needs_no_consent(tmp_path: Path) -> None:
    """Also for an owner that was away while it changed twice; the first is no key any more."""
    terms = local_terms(tmp_path, "abc")
    first = terms.member("b").key
    once = with_next_key(tmp_path, terms, "b")
    me = adopt(identity_of(tmp_path, "b"), once)
    assert me.public == once.member("b").key and adopt(me, once).public == me.public
    twice = with_next_key(tmp_path, once, "b")
    assert twice.member("b").earlier_keys(twice.federation) == [once.member("b").key, first]
    assert changes(tmp_path / "a", once) == changes(tmp_path / "a", twice) == []
    note_members(tmp_path / "a", twice)
    back = replace(twice, version=4, members=terms.members)
    assert "b has another key" in changes(tmp_path / "a", back)[0]


def test_a_key_that_another_has_signed_waits_for_a_person(tmp_path: Path) -> None:
    """The convener makes a key under b's name, and the succession with a key of its own."""
    terms = local_terms(tmp_path, "ab")
    good = with_next_key(tmp_path, terms, "b")
    b = good.member("b")
    spy = make_identity(tmp_path / "spy", "b")
    link = succeed(spy, terms.federation, b.key)
    lie = replace(b, succession=link)
    later = replace(good, members=(terms.member("a"), lie))
    assert "b has another key" in changes(tmp_path / "a", later)[0]
    stolen = terms.member("b").key + link[64:]  # the name of the key, not its signature
    with pytest.raises(TermsError, match="has not signed the next one"):
        invite(tmp_path, terms, members=(terms.member("a"), replace(b, succession=stolen)))
    assert earlier_keys(terms.federation, "b", b.key, stolen) is None
    assert earlier_keys("00" * 8, "b", b.key, b.succession) is None, "of another federation"


def test_a_kill_while_the_next_keys_are_taken_up_is_mended_by_the_next_start(
    tmp_path: Path,
) -> None:
    terms = local_terms(tmp_path, "ab")
    later = with_next_key(tmp_path, terms, "b")
    (tmp_path / "b" / NEXT / "link.key").replace(tmp_path / "b" / "link.key")
    me = adopt(identity_of(tmp_path, "b"), later)
    assert me.public == later.member("b").key
    assert not list((tmp_path / "b" / NEXT).iterdir())


def test_the_convener_passes_its_role_on_instead(federation: LocalFederation) -> None:
    convene(federation, THREE, rounds=2)
    refusal = federation.command("rekey", "invite.json", "--identity", "keys-kiev", code=2)
    assert "fedh2l invite take-over" in refusal
