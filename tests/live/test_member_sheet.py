"""The sheet of a member of a real federation: what left it, and to whom."""

import json

import pytest

from local_federation import LocalFederation, convene

pytest.importorskip("zenoh", reason="needs the extra zenoh")


def test_a_members_sheet_says_what_went_to_whom(federation: LocalFederation) -> None:
    convene(federation, ("oslo", "rome"), rounds=3, relay=True)
    federation.relay()
    for name in ("oslo", "rome"):
        federation.join(name)
    federation.wait("oslo", "rome")
    facts = json.loads(federation.command("audit", "oslo", "--sheet", "--json"))

    (sent,) = facts["sent"]
    assert (sent["author"], sent["messages"], sent["rounds"]) == ("oslo", 3, [0, 2])
    assert sent["receivers"] == {"rome": 3} and sent["kind"] == "posteriors"
    said = [round_["payload_bytes"] for round_ in federation.rounds("oslo")]
    assert sent["bytes"] == sent["in_copies"] == sum(said)
    assert facts["rounds"] == {"planned": 3, "done": 3} and not facts["is_running"]
    assert {m["name"] for m in facts["members"]} == {"oslo", "rome"}

    page = (federation.folder / "oslo" / "sheet.html").read_text()
    assert "3 messages left this member" in page and "relay1" in page
    assert "can read and keep what passes through them" in page
    assert "whose rows are in the seed set is not known here" in page
