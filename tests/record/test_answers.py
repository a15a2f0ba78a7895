"""What peers said is read again from the frames as the loop had it in hand."""

from pathlib import Path

import pytest

from conftest import torch_peers
from fedh2l.algorithms.fedh2l import FedH2L
from fedh2l.loop import run
from fedh2l.record.answers import answers_of
from fedh2l.record.journal import Journal
from fedh2l.record.sent import frames_of


@pytest.mark.parametrize("codec", ["float32", "lattice"])
def test_distances_read_again_are_those_that_the_loop_measured(codec: str, tmp_path: Path) -> None:
    peers = torch_peers()
    journal, rounds = Journal(tmp_path), []
    journal.open()
    for r in run(FedH2L(steps=3), peers, rounds=5, codec=codec):
        about = {"codec": codec, "seed_set": peers[0].seed_set.digest}
        journal.append({"round": r.t}, frames_of(r), about)
        journal.commit(r.t + 1, {})
        rounds.append(r)

    answers = answers_of(tmp_path, 3)
    assert [a.round for a in answers] == [0, 2, 4]
    for a in answers:
        measured = rounds[a.round].apart
        # A receiver measures against what it said itself, before a codec rounds it.
        near = 1e-6 if codec == "float32" else 0.02
        for receiver, row in a.apart().items():
            assert row == pytest.approx(measured[receiver], abs=near)
        assert set(a.apart()) == {p.name for p in peers}
