from collections.abc import Iterator, Mapping, Sequence
from multiprocessing import active_children
from pathlib import Path

import networkx as nx
import pytest

from fedh2l.delivery import Exchange
from fedh2l.error import FedH2LError
from fedh2l.exchange.graph import graph
from fedh2l.exchange.in_process import InProcess
from fedh2l.simulation.executors import in_processes, shares

NAMES = ["a", "b", "c", "d", "e", "f"]


@pytest.mark.parametrize(
    ("kind", "degrees"),
    [("full", [5] * 6), ("ring", [2] * 6), ("star", [5, 1, 1, 1, 1, 1]), ("regular", [3] * 6)],
)
def test_the_usual_graphs(kind: str, degrees: list[int]) -> None:
    assert [len(graph(kind, NAMES)[n]) for n in NAMES] == degrees


def test_any_graph_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "edges"
    file.write_text("# who hears whom\na b\nb c\n")
    assert graph(str(file), NAMES)["b"] == ["a", "c"]
    assert graph(str(file), NAMES)["f"] == []
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


def talk(names: Sequence[str], exchange: Exchange) -> Iterator[dict[str, str]]:
    for t in range(3):
        inboxes = exchange(t, {n: f"{n}{t}".encode() for n in names})
        yield {
            n: ",".join(frame.decode() for _, frames in sorted(box.items()) for frame in frames)
            for n, box in inboxes.items()
        }


def fail(names: Sequence[str], exchange: Exchange) -> Iterator[int]:
    yield 1
    if "a" in names:
        raise FedH2LError("a: no such thing; use another")
    raise ZeroDivisionError


def everybody(t: int, outbox: Mapping[str, bytes]) -> dict[str, dict[str, tuple[bytes, ...]]]:
    return {me: {s: (m,) for s, m in outbox.items() if s != me} for me in outbox}


def test_processes_hear_each_other_and_none_is_left() -> None:
    items = list(in_processes(talk, [["a", "b"], ["c"]], everybody))
    assert items[2] == [{"a": "b2,c2", "b": "a2,c2"}, {"c": "a2,b2"}]
    assert not active_children()


def test_a_refusal_in_a_process_is_a_refusal_here() -> None:
    with pytest.raises(FedH2LError, match="a: no such thing; use another"):
        list(in_processes(fail, [["a"], ["b"]], everybody))
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        list(in_processes(fail, [["b"], ["c"]], everybody))
    assert not active_children()


def test_a_caller_that_stops_early_leaves_no_process() -> None:
    for _ in in_processes(talk, [["a"], ["b"]], everybody):
        break
    assert not active_children()


def test_work_is_shared_out_evenly() -> None:
    groups = shares({"a": 3, "b": 14, "c": 18, "d": 14, "e": 12, "f": 4}, 2)
    loads = [
        sum({"a": 3, "b": 14, "c": 18, "d": 14, "e": 12, "f": 4}[n] for n in g) for g in groups
    ]
    assert max(loads) <= 34
    assert sorted(n for g in groups for n in g) == NAMES
    assert shares({"a": 1}, 4) == [["a"]]
