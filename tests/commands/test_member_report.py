"""The page of a live member is made of its journal and its invite, running or not."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("cryptography", reason="needs the extra zenoh")
from conftest import blobs, torch_peers
from fedh2l.algorithms.fedh2l import FedH2L
from fedh2l.cli import main
from fedh2l.commands.pages.member_counts import runs_of, senders_of
from fedh2l.live.member_folder import MemberFolder
from fedh2l.live.trust.invite import convene
from fedh2l.record.kept import KEPT, keep_round

ROUNDS = 4


def line(t: int, **more: Any) -> dict[str, Any]:
    """A round in which oslo was heard and kiev was missing."""
    return {
        "round": t,
        "version": 1,
        "payload_bytes": 60,
        "heard": {"oslo": 70},
        "missing": ["kiev"],
        "refused": {},
        "apart": {"oslo": 0.5 - t / 10},
        "conflict_rate": None,
        "accuracy": 0.8 + t / 100,
        "wire": {"oslo": [100 * (t + 1), 120 * (t + 1)]},
        "present": ["oslo"],
        "memory_bytes": None,
        "seconds": 0.5,
    } | more


LINES = [
    line(0),
    line(1),
    # It was started anew: its counters are those of this process.
    line(2, wire={"oslo": [30, 40]}),
    line(3, heard={}, missing=[], refused={"oslo": "not probabilities <b>"}, apart={}),
]


def test_a_journal_adds_up_over_restarts() -> None:
    senders = senders_of(LINES[:3], ["oslo", "kiev", "rome"])
    assert (senders["oslo"].wire_sent, senders["oslo"].wire_received) == (230, 280)
    assert senders["oslo"].count("heard") == 3 and senders["oslo"].last_heard == 2
    assert senders["kiev"].count("missing") == 3 and senders["kiev"].last_heard is None
    assert senders["rome"].fates == {} and senders["oslo"].apart[2] == pytest.approx(0.3)


def test_rounds_of_one_fate_are_joined_to_spans() -> None:
    fates = senders_of(LINES, [])["oslo"].fates
    assert runs_of(fates, "heard") == [(-0.5, 3.0)]
    assert runs_of(fates, "refused") == [(2.5, 1.0)]
    assert runs_of({0: "heard", 1: "missing", 2: "heard"}, "heard") == [(-0.5, 1.0), (1.5, 1.0)]


def member_folder(folder: Path) -> Path:
    """A folder as join leaves it, of a member that kept its model after round 3."""
    peer = torch_peers()[0]
    invite = convene(
        folder / "keys",
        "a",
        "127.0.0.1:7447",
        peer.seed_set,
        FedH2L(),
        "lattice",
        rounds=ROUNDS,
        quorum=1,
        grace=1.0,
        deadline=1.0,
    )
    with MemberFolder(folder / "a") as place:
        place.keep(invite)
        place.restore(peer)
        for journal_line in LINES:
            place.write_round(journal_line, [], {})
            place.log(f"round {journal_line['round']}")
            t, accuracy = journal_line["round"], journal_line["accuracy"]
            keep_round(
                place.path / KEPT, peer, t + 1, accuracy if t < 3 else 0.1, blobs(60, seed=1)
            )
            place.commit(peer, t + 1, {"oslo": t})
    return folder / "a"


def test_a_members_page_says_whom_it_heard_and_what_it_keeps(tmp_path: Path) -> None:
    folder = member_folder(tmp_path)
    # Of a member that takes part at this moment, too.
    with MemberFolder(folder), pytest.raises(SystemExit):
        main(["report", str(folder)])
    page = (folder / "report.html").read_text()
    assert "a took part in 4 of 4 rounds and heard oslo, but never kiev." in page
    assert "It is running" in page and "kept: the model after round 3" in page
    assert "it has 83.0 %, 3.0 points more than after its first round here (80.0 %)" in page
    assert "oslo: heard in 3, missing in 0, refused in 1 rounds" in page
    assert "not probabilities &lt;b&gt;" in page and "50.0 → 30.0" in page
    assert "no member any more" in page  # oslo and kiev are not in version 1
