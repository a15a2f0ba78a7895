"""Fifty members behind one relay on this machine, each a `fedh2l join` of its own: what their own
records say.
"""

import json
import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("zenoh")
from hosts import send_out

from fedh2l.data.seedset_file import save_seed_set
from fedh2l.live.posts.post import ENVELOPE
from fedh2l.live.trust.accepted import remember
from fedh2l.seedset import SeedSet
from live_member import rows
from members import free_port, make_terms

pytestmark = pytest.mark.slow
HERE = Path(__file__).parent
MEMBERS, ROUNDS = [f"m{i}" for i in range(50)], 12
# Rounds: the first waits until all fifty have started, the next ones for those who came last.
STARTED = 3
ENOUGH = 6 << 30  # bytes of memory that must be free: 120 MB for each


def test_fifty_members_close_a_round_within_three_seconds(tmp_path: Path) -> None:
    if os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") < ENOUGH:
        pytest.skip("fifty processes need 6 GB of free memory")
    convened(tmp_path)
    with (
        running(tmp_path, ["r"], "relay"),
        running(
            tmp_path, MEMBERS, "join", "--model", f"{HERE / 'small_member.py'}:peer"
        ) as members,
    ):
        for name, process in members.items():
            assert process.wait(600) == 0, (tmp_path / f"{name}.txt").read_text()
    journals = [
        [json.loads(line) for line in (tmp_path / name / "rounds.jsonl").read_text().splitlines()]
        for name in MEMBERS
    ]
    others = len(MEMBERS) - 1
    assert {len(lines) for lines in journals} == {ROUNDS} and all(
        len(x["heard"]) == others for lines in journals for x in lines
    )
    seconds = [max(lines[t]["seconds"] for lines in journals) for t in range(ROUNDS)]
    copies = len(MEMBERS) * others  # of posts in a round
    # So far.
    sent_by_round = [
        sum(b for lines in journals for b, _ in lines[t]["wire"].values()) / copies
        for t in (STARTED - 1, ROUNDS - 1)
    ]
    payload = sum(x["payload_bytes"] for lines in journals for x in lines) / len(MEMBERS) / ROUNDS
    starting, wire = (
        sent_by_round[0] / STARTED,
        (sent_by_round[1] - sent_by_round[0]) / (ROUNDS - STARTED),
    )
    memory = max(lines[-1]["memory_bytes"] for lines in journals)
    figures = {
        "payload a post": payload,
        "wire a post": wire,
        "at the start": starting,
        "altogether": sent_by_round[1] / ROUNDS,
        "memory": memory,
    }
    print(json.dumps({"seconds": seconds} | figures))
    assert max(seconds[STARTED:]) <= 3.0
    assert payload + ENVELOPE < wire < payload + 2 * ENVELOPE
    assert starting < 2 * wire, "told and asked for at the same time, but not all of them"
    assert memory < 120e6
    assert "of memory" in (tmp_path / MEMBERS[0] / "log.txt").read_text()


def convened(folder: Path) -> None:
    """An invite to fifty members without addresses, and their seed set.

    Frames of 2 kB that are cheap to decode: 2,450 in a round, here.
    """
    x, y = rows(99, 600)
    seeds = SeedSet(x, ("a", "b", "c"), y)
    save_seed_set(seeds, folder / "seeds.safetensors")
    terms = make_terms(folder, dict.fromkeys(MEMBERS, ""), {"r": f"127.0.0.1:{free_port()}"})
    terms = replace(
        terms,
        seed_set=seeds.digest,
        classes=seeds.classes,
        codec="uint8",
        rounds=ROUNDS,
        deadline=120.0,
    )
    for name in (*MEMBERS, "r"):
        remember(folder / name, terms)
    send_out(folder, terms)


@contextmanager
def running(
    folder: Path, names: list[str], *command: str
) -> Generator[dict[str, "subprocess.Popen[Any]"]]:
    """Each as a process in the folder, killed after the block if it still runs."""
    alone = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(HERE.parents[1])}
    processes: dict[str, subprocess.Popen[Any]] = {}
    try:
        for name in names:
            line = [
                sys.executable,
                "-m",
                "fedh2l",
                command[0],
                "invite.json",
                *command[1:],
                "--identity",
                name,
                "--out",
                name,
            ]
            with (folder / f"{name}.txt").open("w") as out:
                processes[name] = subprocess.Popen(
                    line, cwd=folder, stdout=out, stderr=out, env=alone
                )
        yield processes
    finally:
        for process in processes.values():
            process.kill()
            process.wait()
