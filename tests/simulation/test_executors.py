"""Peers in several processes of this machine."""

import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing import active_children
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from fedh2l.delivery import Exchange
from fedh2l.error import FedH2LError
from fedh2l.simulation.executors import Work, in_step, shares
from fedh2l.simulation.processes import start_process

NAMES = ["a", "b", "c", "d", "e", "f"]


class Said(NamedTuple):
    content: Any
    place: tuple[str, int]
    kept: bool = False


def talk(names: Sequence[str], exchange: Exchange) -> Iterator[Said]:
    for t in range(3):
        inboxes = exchange(t, {n: f"{n}{t}".encode() for n in names})
        heard = {
            n: ",".join(frame.decode() for _, frames in sorted(box.items()) for frame in frames)
            for n, box in inboxes.items()
        }
        yield Said(heard, ("cell", t))


def fail(names: Sequence[str], exchange: Exchange) -> Iterator[Said]:
    yield Said(1, ("cell", 0))
    if "a" in names:
        raise FedH2LError("a: no such thing; use another")
    raise ZeroDivisionError


def die(names: Sequence[str], exchange: Exchange) -> Iterator[Said]:
    """Whoever speaks for c dies in round 1, but for the first time only."""
    for said in talk(names, exchange):
        if "c" in names and said.place[1] == 1 and not Path("dead").exists():
            Path("dead").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        yield said


def die_always(names: Sequence[str], exchange: Exchange) -> Iterator[Said]:
    os.kill(os.getpid(), signal.SIGKILL)
    yield from talk(names, exchange)


def everybody(t: int, outbox: Mapping[str, bytes]) -> dict[str, dict[str, tuple[bytes, ...]]]:
    return {me: {s: (m,) for s, m in outbox.items() if s != me} for me in outbox}


def contents(work: Work, groups: list[list[str]]) -> list[list[Any]]:
    return [
        [item.content for item in items]
        for items in in_step(start_process, work, groups, everybody)
    ]


def test_processes_hear_each_other_and_none_is_left() -> None:
    items = contents(talk, [["a", "b"], ["c"]])
    assert items[2] == [{"a": "b2,c2", "b": "a2,c2"}, {"c": "a2,b2"}]
    assert not active_children()


def test_the_peers_of_a_process_that_dies_hear_again_what_they_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert contents(die, [["a", "b"], ["c"]]) == contents(talk, [["a", "b"], ["c"]])
    assert (tmp_path / "dead").exists()
    with pytest.raises(FedH2LError, match=r"the worker of a, b died 3 times .* fewer --workers"):
        contents(die_always, [["a", "b"], ["c"]])
    assert not active_children()


def test_where_nothing_can_be_said_again_no_worker_takes_the_place_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    steps = in_step(start_process, die, [["a", "b"], ["c"]], everybody, repeats=False)
    with pytest.raises(FedH2LError, match="worker of c died, and within a privacy budget"):
        list(steps)
    assert not active_children()


def test_a_refusal_in_a_process_is_a_refusal_here() -> None:
    with pytest.raises(FedH2LError, match="a: no such thing; use another"):
        contents(fail, [["a"], ["b"]])
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        contents(fail, [["b"], ["c"]])
    assert not active_children()


def test_a_caller_that_stops_early_leaves_no_process() -> None:
    for _ in in_step(start_process, talk, [["a"], ["b"]], everybody):
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
