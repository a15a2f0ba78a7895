from collections.abc import Mapping
from pathlib import Path

import networkx as nx
import pytest

from conftest import torch_peers
from fedh2l.algorithms.fedh2l import FedH2L
from fedh2l.error import FedH2LError
from fedh2l.exchange.graph import Gossip, graph
from fedh2l.exchange.in_process import InProcess
from fedh2l.loop import run
from fedh2l.wire.frame import is_key

NAMES = ["a", "b", "c", "d", "e", "f"]


@pytest.mark.parametrize(
    ("kind", "degrees"),
    [
        ("full", [5] * 6),
        ("ring", [2] * 6),
        ("star", [5, 1, 1, 1, 1, 1]),
        ("regular", [3] * 6),
        ("clusters", [4, 3, 3, 3, 2, 1]),
    ],
)
def test_the_usual_graphs(kind: str, degrees: list[int]) -> None:
    neighbours = graph(kind, NAMES)
    assert isinstance(neighbours, Mapping)
    assert [len(neighbours[n]) for n in NAMES] == degrees


def test_a_small_world_hangs_together_and_is_drawn_by_its_seed() -> None:
    names = [f"p{i}" for i in range(100)]
    drawn = [graph("small-world", names, degree=4, seed=seed) for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]
    hears = drawn[0]
    assert isinstance(hears, Mapping)
    assert sum(map(len, hears.values())) == 400
    assert nx.is_connected(nx.Graph({name: list(others) for name, others in hears.items()}))
    with pytest.raises(FedH2LError, match="an even degree"):
        graph("small-world", names, degree=3)


def test_gossip_meets_two_by_two_afresh_in_each_round() -> None:
    gossip = graph("gossip", [*NAMES, "g"], seed=1)
    assert isinstance(gossip, Gossip)
    for t in range(5):
        hears = gossip(t)
        assert sorted(map(len, hears.values())) == [0, 1, 1, 1, 1, 1, 1]
        assert all(hears[other] == [name] for name, of in hears.items() for other in of)
        assert graph("gossip", [*NAMES, "g"], seed=1)(t) == hears  # pyright: ignore[reportCallIssue]
    assert len({repr(gossip(t)) for t in range(5)}) == 5


def test_peers_that_meet_others_in_each_round_can_read_each_other() -> None:
    names = "abcdef"
    rounds = list(
        run(FedH2L(steps=1), torch_peers(names), InProcess(graph("gossip", names)), rounds=4)
    )
    assert all(len(heard) == 1 for r in rounds for heard in r.heard.values())
    assert not any(any(r.refused.values()) for r in rounds)
    assert all(is_key(frame) for r in rounds for frame in r.frames.values())


def test_a_graph_in_which_all_hear_all_is_as_good_as_none() -> None:
    outbox = {n: n.encode() for n in NAMES}
    named, default = InProcess(graph("full", NAMES))(0, outbox), InProcess()(0, outbox)
    assert named == default == {me: {s: (s.encode(),) for s in NAMES if s != me} for me in NAMES}
    assert named.receivers == default.receivers


def test_any_graph_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "edges"
    file.write_text("# who hears whom\na b\nb c\n")
    hears = graph(str(file), NAMES)
    assert isinstance(hears, Mapping)
    assert (hears["b"], hears["f"]) == (["a", "c"], [])
    file.write_text("a z\n")
    with pytest.raises(FedH2LError, match="unknown peer 'z'"):
        graph(str(file), NAMES)
    file.write_text("a b not-data\n")
    with pytest.raises(FedH2LError, match="one edge per line"):
        graph(str(file), NAMES)


def test_refusals_name_the_fix() -> None:
    with pytest.raises(FedH2LError, match="did you mean 'ring'"):
        graph("rign", NAMES)
    with pytest.raises(FedH2LError, match="has degree 3"):
        graph("regular", NAMES[:3])
    with pytest.raises(FedH2LError, match="participation"):
        InProcess(participation=0.0)
    with pytest.raises(FedH2LError, match="the graph has no peer 'f'"):
        InProcess(graph("ring", NAMES[:5]))(0, dict.fromkeys(NAMES, b""))


def test_a_networkx_graph_is_a_graph() -> None:
    ring = nx.relabel_nodes(nx.cycle_graph(6), dict(enumerate(NAMES)))
    inboxes = InProcess(dict(ring.adjacency()))(0, {n: n.encode() for n in NAMES})
    assert inboxes["a"] == {"b": (b"b",), "f": (b"f",)}


def test_faults_depend_on_seed_and_round_alone() -> None:
    outbox = {n: n.encode() for n in NAMES}
    one, again, other = (
        InProcess(participation=0.7, loss=0.3, seed=1),
        InProcess(participation=0.7, loss=0.3, seed=1),
        InProcess(loss=0.3),
    )
    assert [one(t, outbox) for t in (3, 1)] == [again(t, outbox) for t in (3, 1)]
    assert one(1, outbox) != one(2, outbox)
    assert one(1, outbox) != other(1, outbox)


def test_receivers_are_all_to_whom_a_copy_was_put_on_the_network() -> None:
    outbox = dict.fromkeys(NAMES, b"x")
    assert InProcess(graph("star", NAMES))(0, outbox).receivers == {"a": list("bcdef")} | {
        n: ["a"] for n in "bcdef"
    }
    lossy = InProcess(loss=0.5, seed=3)
    # Lost on the way is sent all the same.
    assert all(len(to) == 5 for to in lossy(0, outbox).receivers.values())
    assert any(not frames for box in lossy(0, outbox).values() for frames in box.values())
    half = InProcess(participation=0.5, seed=3)
    assert sorted(len(to) for to in half(0, outbox).receivers.values()) == [0, 0, 0, 2, 2, 2]
