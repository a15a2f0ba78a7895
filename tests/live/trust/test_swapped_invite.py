"""An attack on the way: the next version of an invite is swapped for one of a federation of the
attacker's own, by processes of the documented commands.
"""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from local_federation import MEMBERS, LocalFederation, convene

pytest.importorskip("zenoh", reason="needs the extra zenoh")
from fedh2l.error import FedH2LError
from fedh2l.live.trust.accepted import FILE, check_accepted, remember
from fedh2l.live.trust.answer import answer, read_answer
from fedh2l.live.trust.identity import make_identity, open_identity
from fedh2l.live.trust.invite import admit
from fedh2l.live.trust.rules import TermsError
from fedh2l.live.trust.terms import open_invite, read_terms, signed
from members import invite, local_terms

TWO = MEMBERS[:2]


def swapped(federation: LocalFederation, victim: str) -> None:
    """The victim's invite becomes one by mallory, with the victim and mallory in it."""
    words = ("--name", "mallory", "--identity", "keys-mallory", "--seed-set", "seeds.safetensors")
    terms = ("--rounds", "1", "--quorum", "1", "--grace", "0.1", "--deadline", "1")
    federation.command("invite", "new", "hers.json", *words, *terms)
    hers = open_invite(federation.folder / "hers.json")
    keys = open_identity(federation.folder / f"keys-{victim}")
    mine = open_invite(federation.folder / "invite.json").member(victim)
    reply = read_answer(answer(hers, keys, mine.address, relay=False))
    mallory = open_identity(federation.folder / "keys-mallory")
    data = signed(admit(hers, mallory, [reply]), mallory)
    (federation.folder / f"{victim}.json").write_bytes(data)


def test_a_member_does_not_join_a_federation_that_it_did_not_accept(
    federation: LocalFederation,
) -> None:
    """The control is the same invite after the victim has accepted it."""
    convene(federation, TWO, rounds=2)
    swapped(federation, "lyon")
    joining = federation.joining("lyon", "lyon.json", "oslo")
    refusal = federation.command(*joining, code=2)
    assert "was never accepted with the keys in keys-lyon" in refusal and refusal.count("\n") == 1
    assert not federation.rounds("lyon")

    doctor = ("doctor", "lyon.json", "--identity", "keys-lyon")
    assert "FAIL federation: federation" in federation.command(*doctor, code=1)
    assert "ok   federation:" in federation.command(
        "doctor", "invite.json", "--identity", "keys-lyon", code=1
    )
    accept = ("accept", "lyon.json", "--name", "lyon", "--identity", "keys-lyon", "--yes")
    federation.command(*accept, "--seed-set", "seeds.safetensors")
    federation.command(*joining)
    assert len(federation.rounds("lyon")) == 1


def test_an_accepted_federation_has_one_convener_and_one_authority_for_ever(tmp_path: Path) -> None:
    terms = local_terms(tmp_path / "theirs", "ab")
    others = local_terms(tmp_path / "others", "ab")
    remember(tmp_path, terms)
    check_accepted(tmp_path, terms)
    remember(tmp_path, others)  # one identity may take part in several
    stolen = replace(others, federation=terms.federation)
    with pytest.raises(TermsError, match="another convener than you accepted"):
        check_accepted(tmp_path, stolen)
    with pytest.raises(TermsError, match="another convener"):
        remember(tmp_path, stolen)
    with pytest.raises(TermsError, match="another authority than you accepted"):
        check_accepted(tmp_path, replace(terms, authority=others.authority))
    _, later = invite(tmp_path / "theirs", terms, authority=others.authority)
    with pytest.raises(TermsError, match="authority is another than in the version before"):
        read_terms(later, terms)


@pytest.mark.parametrize("content", [b"", b"[]", b'{"a": 1}', b'{"a": {"convener": ""}}'])
def test_a_damaged_list_of_federations_is_refused_with_its_name(
    tmp_path: Path, content: bytes
) -> None:
    terms = local_terms(tmp_path / "theirs", "ab")
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(FedH2LError, match=f"{FILE}: damaged"):
        check_accepted(tmp_path, terms)


def test_a_federation_is_noted_by_accept_and_by_who_convenes_it(
    federation: LocalFederation,
) -> None:
    convene(federation, TWO, rounds=2)
    terms = open_invite(federation.folder / "invite.json")
    for name in TWO:
        entries = json.loads((federation.folder / f"keys-{name}" / FILE).read_bytes())
        assert entries[terms.federation]["convener"] == terms.convener
    make_identity(federation.folder / "stranger", "stranger")
    with pytest.raises(TermsError, match="never accepted"):
        check_accepted(federation.folder / "stranger", terms)
