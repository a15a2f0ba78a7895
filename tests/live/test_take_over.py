"""The convener's role is passed on while all run, by the documented commands: at each member a
person compares both fingerprints, and before that nobody follows.
"""

import re
import shutil
import time

import pytest

from local_federation import MEMBERS, LocalFederation, convene

pytest.importorskip("zenoh", reason="needs the extra zenoh")
from test_leaving import until_it_says

THREE, ENDLESS = MEMBERS[:3], 100_000


def taken_over(federation: LocalFederation, name: str) -> str:
    """The fingerprint of the new convener and authority, as this member reads it out."""
    told = federation.command("invite", "take-over", "invite.json", "--identity", f"keys-{name}")
    match = re.search(r"^from now on: (.*)$", told, re.MULTILINE)
    assert match
    return match[1]


def test_another_member_convenes_once_a_person_at_each_has_consented(
    federation: LocalFederation,
) -> None:
    convene(federation, THREE, quorum=3, rounds=ENDLESS, deadline=5.0)
    for name in THREE:
        shutil.copy(federation.folder / "invite.json", federation.folder / f"{name}.json")
        federation.join(name, f"{name}.json", "oslo")
    for name in THREE:
        federation.until(name, 2)

    fingerprint = taken_over(federation, "lyon")
    for name in ("kiev", "oslo"):
        shutil.copy(federation.folder / "invite.json", federation.folder / f"{name}.json")
    for name in ("kiev", "oslo"):
        until_it_says(federation, name, f"by another convener or authority: {fingerprint}")
        assert {x["version"] for x in federation.rounds(name)} == {2}, "nobody follows"
    consent = ("consent", "kiev.json", "--identity", "keys-kiev")
    assert "compare it with the convener" in federation.command(*consent, "--yes", code=2)
    wrong = "0000 0000 0000 0000"
    assert "it is not the convener's" in federation.command(
        *consent, "--fingerprint", wrong, code=2
    )

    for name in ("kiev", "oslo"):
        identity = ("--identity", f"keys-{name}")
        told = federation.command(
            "consent", f"{name}.json", *identity, "--fingerprint", fingerprint
        )
        assert "convener and authority so far" in told
    shutil.copy(federation.folder / "invite.json", federation.folder / "lyon.json")
    wait_until_all_hear(federation, 3)
    refusal = federation.command(
        "invite", "remove", "invite.json", "oslo", "--identity", "keys-kiev", code=2
    )
    assert "kiev is not the convener of these terms" in refusal
    federation.command("invite", "remove", "invite.json", "oslo", "--identity", "keys-lyon")
    shutil.copy(federation.folder / "invite.json", federation.folder / "lyon.json")
    until_it_says(federation, "kiev", "version 4 of the invite: with lyon")


def wait_until_all_hear(federation: LocalFederation, version: int) -> None:
    end = time.monotonic() + 120
    while not all(
        (last := federation.rounds(name)[-1])["version"] == version and len(last["heard"]) == 2
        for name in THREE
    ):
        assert time.monotonic() < end, federation.said("kiev")
        time.sleep(0.2)


def test_a_lost_authority_is_replaced_and_members_are_admitted_by_the_new_one(
    federation: LocalFederation,
) -> None:
    convene(federation, THREE, rounds=2)
    again = ("invite", "take-over", "invite.json", "--identity", "keys-kiev")
    assert "kiev convenes this federation already" in federation.command(*again, code=2)
    shutil.rmtree(federation.folder / "keys-kiev" / "authority")
    keys = ("--name", "lyon", "--identity", "keys-lyon", "--seed-set", "seeds.safetensors")
    answer = ("accept", "invite.json", *keys, "--address", "127.0.0.1:7447", "--yes")
    federation.command(*answer)
    add = ("invite", "add", "invite.json", "lyon.answer.json", "--identity", "keys-kiev")
    assert "restore it from a copy" in federation.command(*add, code=2)

    fingerprint = taken_over(federation, "kiev")
    joining = federation.joining("oslo", model="oslo")
    refusal = federation.command(*joining, code=2)
    assert "another authority than you accepted" in refusal and "fedh2l consent" in refusal
    for name in ("lyon", "oslo"):
        identity = ("--identity", f"keys-{name}")
        federation.command("consent", "invite.json", *identity, "--fingerprint", fingerprint)
    federation.command(*add)
    for name in THREE:
        federation.join(name, model="oslo")
    federation.wait()
    assert all(not x["missing"] for x in federation.rounds("oslo"))
