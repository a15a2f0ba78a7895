"""Members of unlike releases: those that understand each other federate, the others are told before
they join which side has to upgrade. The other releases are this one with other protocols.
"""

import shutil
from pathlib import Path

import pytest

import fedh2l
from local_federation import MEMBERS, LocalFederation, convene

pytest.importorskip("zenoh", reason="needs the extra zenoh")
from test_leaving import until_it_says

TWO = MEMBERS[:2]


def release(folder: Path, newest: int, oldest: int) -> Path:
    """A copy of the package that speaks these protocols; the folder for PYTHONPATH."""
    place = folder / f"release-{newest}-{oldest}"
    source = Path(fedh2l.__file__).parent
    shutil.copytree(source, place / "fedh2l", ignore=shutil.ignore_patterns("__pycache__"))
    file = place / "fedh2l" / "live" / "trust" / "protocol.py"
    text = file.read_text()
    assert "PROTOCOL, OLDEST = 1, 1\n" in text
    changed = text.replace("PROTOCOL, OLDEST = 1, 1", f"PROTOCOL, OLDEST = {newest}, {oldest}")
    file.write_text(changed)
    return place


def accepting(name: str) -> tuple[str, ...]:
    keys = ("--name", name, "--identity", f"keys-{name}")
    return ("accept", "invite.json", *keys, "--seed-set", "seeds.safetensors", "--yes")


def test_a_later_release_that_speaks_the_protocol_federates_and_one_that_does_not_is_told_why(
    federation: LocalFederation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """kiev convenes and runs with this release; lyon with one that speaks 1 and 2, and in the end
    kiev upgrades, with it, a federation of which oslo still has this release.
    """
    federation.separate = True
    later, far = release(federation.folder, 2, 1), release(federation.folder, 2, 2)
    convene(federation, MEMBERS[:3], rounds=100_000, deadline=60.0)
    for name in MEMBERS[:3]:
        invite = federation.folder / f"{name}.json"
        shutil.copy(federation.folder / "invite.json", invite)
        if name == "lyon":
            monkeypatch.setenv("PYTHONPATH", str(later))
        federation.join(name, f"{name}.json", "oslo")
        monkeypatch.delenv("PYTHONPATH", raising=False)
    for name in MEMBERS[:3]:
        federation.until(name, 3)
        assert not any(x["missing"] or x["refused"] for x in federation.rounds(name))

    monkeypatch.setenv("PYTHONPATH", str(far))
    for words in (accepting("vigo"), federation.joining("oslo", model="oslo")):
        refusal = federation.command(*words, code=2)
        assert (
            "speaks protocol 1, this release speaks protocol 2: the others must upgrade" in refusal
        )
        assert refusal.count("\n") == 1
    assert not (federation.folder / "vigo.answer.json").exists()

    monkeypatch.setenv("PYTHONPATH", str(later))
    federation.command("invite", "upgrade", "invite.json", "--identity", "keys-kiev")
    shutil.copy(federation.folder / "invite.json", federation.folder / "lyon.json")
    until_it_says(federation, "lyon", "version 3 of the invite")
    monkeypatch.delenv("PYTHONPATH")
    until_it_says(federation, "oslo", "speaks protocol 2, this release speaks protocol 1: upgrade")
    rounds = len(federation.rounds("oslo"))
    federation.until("oslo", rounds + 2)
    assert federation.rounds("oslo")[-1]["version"] == 2, "it goes on as before"
    assert federation.rounds("oslo")[-1]["missing"] == []
    refusal = federation.command(*accepting("vigo"), code=2)
    assert "speaks protocol 2, this release speaks protocol 1: upgrade FedH2L here" in refusal
