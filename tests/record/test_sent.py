"""The record of what left: it is what was sent, a changed one is found out, and a resumed run's
equals a straight one's.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedh2l.error import FedH2LError
from fedh2l.exchange.in_process import InProcess
from fedh2l.loop import run
from fedh2l.message import Inbox, Message, Posteriors
from fedh2l.peer import Peer
from fedh2l.record.audit import audit, decode_posteriors
from fedh2l.record.sent import (
    RECORD,
    TCP_IP,
    TLS,
    Sent,
    append_frames,
    on_wire,
    with_receivers,
)
from fedh2l.simulation import run_folder
from fedh2l.simulation.build import data_of, peers_of
from fedh2l.simulation.settings import compose
from fedh2l.simulation.simulate import simulate
from fedh2l.wire import CODECS

Settings = dict[str, Any]
SMALL: Settings = {
    "peers": ["mlp", "forest"],
    "domains": 3,
    "rounds": 4,
    "steps": 2,
    "evaluate": 2,
    "participation": 0.7,
}


def finished(settings: Settings, folder: Path, workers: int = 1, most: int = 99) -> Path:
    with run_folder.open_new(folder, compose(settings).resolved()) as run_:
        for i, event in enumerate(simulate(list(run_.cells.values()), workers=workers)):
            run_.take(event)
            if i + 1 == most:
                return folder
        run_.finish()
    return folder


@pytest.mark.parametrize("codec", sorted(CODECS))
def test_what_is_decoded_from_the_record_is_what_the_receivers_read(
    codec: str, tmp_path: Path
) -> None:
    settings = SMALL | {"codec": codec, "participation": 1.0}
    folder = finished(settings, tmp_path / "run")
    experiment = compose(settings).resolved()
    peers = peers_of(experiment, data_of(experiment), experiment.names)
    posteriors: dict[tuple[str, int], np.ndarray] = {}

    class Listening:
        def speak(self, peer: Peer, t: int) -> Message | None:
            return algorithm.speak(peer, t)

        def listen(self, peer: Peer, t: int, inbox: Inbox) -> float | None:
            posteriors.update(
                {(name, t): m.probs for name, m in inbox.items() if isinstance(m, Posteriors)}
            )
            return algorithm.listen(peer, t, inbox)

    algorithm = experiment.algorithm
    for _ in run(Listening(), peers, InProcess(), rounds=4, codec=codec):
        pass
    assert len(posteriors) == 12
    for (name, t), probs in posteriors.items():
        np.testing.assert_array_equal(decode_posteriors(folder, name, t), probs)


def test_the_sums_of_the_record_are_the_counts_of_the_summary(tmp_path: Path) -> None:
    folder = finished(SMALL, tmp_path / "run")
    summary = json.loads((folder / "summary.json").read_text())
    lines = [json.loads(line) for line in (folder / "rounds.jsonl").read_text().splitlines()]
    entries = list(audit(folder))
    for name, peer in summary["peers"].items():
        copies = [(e["bytes"], len(e["receivers"])) for e in entries if e["author"] == name]
        assert peer["payload_bytes_sent"] == sum(size * n for size, n in copies)
        assert peer["wire_bytes_sent"] == sum(on_wire(size) * n for size, n in copies)
        for way in ("sent", "received"):
            rounds = [n for line in lines for n in line["peers"][name][way]]
            assert len(rounds) == 4
            assert sum(rounds) == peer[f"payload_bytes_{way}"]
        received_bytes = sum(e["bytes"] for e in entries if name in e["receivers"])
        assert peer["payload_bytes_received"] == received_bytes
        assert (peer["weights_bytes"] is None) == (peer["model"] == "forest")


def test_two_workers_and_a_resumed_run_leave_the_same_record(tmp_path: Path) -> None:
    straight = finished(SMALL, tmp_path / "one")
    two = finished(SMALL, tmp_path / "two", workers=2)
    cut = finished(SMALL, tmp_path / "cut", most=2)
    for name in ("sent.jsonl", "sent.bin"):
        with (cut / name).open("ab") as file:
            file.write(b"what a killed run wrote")
    with run_folder.open_again(cut) as again:
        for event in simulate(list(again.cells.values())):
            again.take(event)
    for name in ("sent.jsonl", "sent.bin"):
        assert (
            (straight / name).read_bytes() == (two / name).read_bytes() == (cut / name).read_bytes()
        )


def test_a_changed_record_is_found_out(tmp_path: Path) -> None:
    folder = finished(SMALL, tmp_path / "run")
    hurt = bytearray((folder / "sent.bin").read_bytes())
    hurt[4] ^= 1
    (folder / "sent.bin").write_bytes(hurt)
    with pytest.raises(FedH2LError, match="in round 0 is not what was sent"):
        list(audit(folder))


def test_weights_are_listed_and_not_kept(tmp_path: Path) -> None:
    folder = finished(SMALL | {"peers": ["mlp"], "algorithm": "fedavg"}, tmp_path / "run")
    entries = list(audit(folder))
    assert entries
    assert all(e["kind"] == "weights" and e["at"] is None for e in entries)
    assert (folder / "sent.bin").stat().st_size == 0
    summary = json.loads((folder / "summary.json").read_text())
    for peer in summary["peers"].values():
        assert peer["payload_bytes_sent"] == peer["weights_bytes"]


def test_where_receivers_are_many_their_names_are_written_once(tmp_path: Path) -> None:
    names = [f"p{i:02d}" for i in range(40)]
    frames = [
        Sent(t, name, tuple(n for n in names if n != name), b"frame", "posteriors", (1, 2))
        for t in range(3)
        for name in names
    ]
    chain = append_frames(tmp_path, frames[:60], {"codec": "uint8", "seed_set": ""}, "")
    append_frames(tmp_path, frames[60:], {"codec": "uint8", "seed_set": ""}, chain)
    text = (tmp_path / "sent.jsonl").read_text()
    assert text.count(names[-1]) < 3 + 2 + 1  # its own three lines, and each append's first one
    entries = with_receivers([json.loads(line) for line in text.splitlines()])
    assert [(e["author"], tuple(e["receivers"])) for e in entries] == [
        (s.author, s.receivers) for s in frames
    ]


@given(st.integers(1, 10**7))
def test_on_the_wire_a_message_is_larger_by_its_heads(payload: int) -> None:
    assert (
        payload + TLS + TCP_IP
        <= on_wire(payload)
        <= 1.04 * payload + (TLS + TCP_IP) * (2 + payload // RECORD)
    )
    assert on_wire(0) == 0
