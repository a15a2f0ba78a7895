"""Attacks among hosts with their own addresses, each member a process of its own: c lies to a."""

import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("zenoh")
import liar
from attacker import both
from hosts import hosts, running, send_out

from members import make_terms

pytestmark = pytest.mark.slow
ADDRESSES = {"a": "10.79.1.1", "b": "10.79.1.2", "c": "10.79.1.3"}
GRACE = 4.0


@contextmanager
def victim(folder: Path, lie: str, *, protected: bool) -> Generator[Any]:
    """a, which runs for one round, with c on another host; b never comes. The control is made with
    the key that the lie needs, so that it is none.
    """
    terms = make_terms(folder, {n: f"{at}:7447" for n, at in ADDRESSES.items()})
    send_out(folder, terms)
    paths = {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    with hosts({"x": ADDRESSES}) as where:
        words = [str(folder), lie, "false" if protected else "true"]
        with subprocess.Popen(
            ["ip", "netns", "exec", where["c"], sys.executable, liar.__file__, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | paths,
        ) as process:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
            options = {"quorum": 2, "grace": GRACE, "deadline": 30.0}
            with running(folder, {"a": 1}, where, **options) as members:
                yield members["a"]
            process.communicate("\n")


@both
def test_a_mirror_says_no_farewell_for_a_slow_member(tmp_path: Path, protected: bool) -> None:
    with victim(tmp_path, "farewell", protected=protected) as a:
        line = a.told()
    assert line["heard"] == {"b": [], "c": ["c0"]}
    is_gone = ["gone", "b", "has left; no round waits for it until it is back"] in line["events"]
    assert (line["seconds"] >= GRACE, is_gone) == (protected, not protected)


@both
def test_a_member_that_says_that_another_runs_twice_ends_nobody(
    tmp_path: Path, protected: bool
) -> None:
    with victim(tmp_path, "twin", protected=protected) as a:
        if protected:
            assert a.told()["heard"] == {"b": [], "c": ["c0"]}
        else:
            assert a.process.wait(30) != 0


@both
def test_two_things_that_are_said_in_one_round_are_told(tmp_path: Path, protected: bool) -> None:
    with victim(tmp_path, "two things", protected=protected) as a:
        line = a.told()
    assert line["heard"] == {"b": [], "c": ["c0"]}, "the first holds"
    assert any(e[0] == "equivocation" and e[1] == "c" for e in line["events"]) == protected
