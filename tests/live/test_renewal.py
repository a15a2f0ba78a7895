"""Certificates that end while all run: renewed in time, by documented commands, nobody notices."""

import shutil
import time

import pytest

from local_federation import MEMBERS, LocalFederation, convene

pytest.importorskip("zenoh", reason="needs the extra zenoh")
from attacker import both
from test_leaving import until_it_says

from fedh2l.live.trust import invite as invites

TWO, ENDLESS, LIFE = MEMBERS[:2], 100_000, 50.0


@pytest.mark.slow
@both
def test_certificates_are_renewed_while_all_run(
    federation: LocalFederation, protected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They live for 50 seconds. In the control they are not renewed, and no link holds any more."""
    monkeypatch.setattr(invites, "DAYS", LIFE / 86_400)
    convene(federation, TWO, rounds=ENDLESS, deadline=4.0)
    end = time.monotonic() + LIFE
    for name in TWO:
        shutil.copy(federation.folder / "invite.json", federation.folder / f"{name}.json")
        federation.join(name, f"{name}.json", "oslo")
    for name in TWO:
        federation.until(name, 2)
        until_it_says(federation, name, f"the certificate of {name} ends in 0 days")
    if protected:
        monkeypatch.setattr(invites, "DAYS", 365)
        renew(federation)
        for name in TWO:
            until_it_says(federation, name, "version 3 of the invite")
    assert time.monotonic() < end, "the certificates have ended before they were renewed"
    time.sleep(end - time.monotonic() + 5.0)
    for name in TWO:
        start = len(federation.rounds(name))
        federation.until(name, start + 2)
        heard = [bool(x["heard"]) for x in federation.rounds(name)[start:]]
        assert all(heard) == protected and any(heard) == protected, federation.said(name)
    status = federation.command("status", "lyon", "--check", code=0 if protected else 3)
    assert ("the certificate of lyon has ended" in status) != protected


def renew(federation: LocalFederation) -> None:
    from fedh2l.live.trust.terms import open_invite

    terms = open_invite(federation.folder / "invite.json")
    for name in TWO:
        words = ("--name", name, "--identity", f"keys-{name}", "--seed-set", "seeds.safetensors")
        address = ("--address", terms.member(name).address)
        federation.command("accept", "invite.json", *words, *address, "--yes")
    answers = [f"{name}.answer.json" for name in TWO]
    federation.command("invite", "add", "invite.json", *answers, "--identity", "keys-kiev")
    shutil.copy(federation.folder / "invite.json", federation.folder / "kiev.json")
