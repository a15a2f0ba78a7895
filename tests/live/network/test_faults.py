import os
import signal
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("zenoh")
from hosts import hosts, ip, running, send_out

from members import local_terms, make_terms

pytestmark = pytest.mark.slow
SIZE = 500_000


def events(rounds: Sequence[dict[str, Any]], *kinds: str) -> set[tuple[str, str]]:
    return {(kind, peer) for r in rounds for kind, peer, _ in r["events"] if kind in kinds}


def test_a_frozen_member_delays_nobody_beyond_the_quorum_rule_and_catches_up(
    tmp_path: Path,
) -> None:
    names, frozen, n = "abcd", "d", 30
    terms = replace(local_terms(tmp_path, names, quorum=3), grace=0.5, deadline=20.0)
    send_out(tmp_path, terms)
    with running(tmp_path, dict.fromkeys(names, n), bytes=SIZE) as members:
        first = {m: members[m].rounds(5) for m in names}
        os.kill(members[frozen].process.pid, signal.SIGSTOP)
        during = {m: members[m].rounds(20) for m in "abc"}
        os.kill(members[frozen].process.pid, signal.SIGCONT)
        after = {m: members[m].rounds(n - 25) for m in "abc"} | {
            frozen: members[frozen].rounds(n - 5)
        }
    for m in "abc":
        healthy = [o for o in "abc" if o != m]
        assert not [
            r["t"] for r in during[m] if any(r["heard"][o] != [f"{o}{r['t']}"] for o in healthy)
        ], f"{m} missed a healthy member"
        assert max(r["seconds"] for r in during[m]) < terms.deadline, (
            f"{m}: a round was closed by the deadline, not by its quorum"
        )
        assert events(during[m] + after[m], "left", "refused", "equivocation") <= {("left", frozen)}
    caught_up = {
        o: [p for r in first[frozen] + after[frozen] for p in r["heard"][o]] for o in "abc"
    }
    assert caught_up == {o: [f"{o}{t}" for t in range(n)] for o in "abc"}
    print(
        "seconds of a round, the frozen one's grace included:",
        max(r["seconds"] for m in "abc" for r in during[m]),
    )


def test_a_partition_heals_by_itself(tmp_path: Path) -> None:
    addresses = {n: f"10.77.0.{i + 1}" for i, n in enumerate("abcd")}
    terms = make_terms(tmp_path, {n: f"{a}:7447" for n, a in addresses.items()}, quorum=2)
    send_out(tmp_path, replace(terms, grace=0.5, deadline=5.0))
    halves, n = ("ab", "cd"), 40
    with (
        hosts({"x": addresses}) as where,
        running(tmp_path, dict.fromkeys("abcd", n), where, pause=0.5) as members,
    ):
        before = {m: members[m].rounds(5) for m in "abcd"}
        ip("-n", where["x"], "link", "add", "other", "type", "bridge")
        ip("-n", where["x"], "link", "set", "other", "up")
        for m in halves[1]:
            ip("-n", where["x"], "link", "set", f"to-{m}", "master", "other")
        during = {m: members[m].rounds(10) for m in "abcd"}
        for m in halves[1]:
            ip("-n", where["x"], "link", "set", f"to-{m}", "master", "bridge")
        after = {m: members[m].rounds(n - 15) for m in "abcd"}
    for m in "abcd":
        assert all(all(r["heard"].values()) for r in before[m])
        (mate,) = (o for half in halves if m in half for o in half if o != m)
        apart = [o for o in "abcd" if o not in (m, mate)]
        assert all(r["heard"][mate] for r in during[m]), f"{m} lost the one on its side"
        assert not any(r["heard"][o] for r in during[m][2:] for o in apart), (
            "the network was not parted"
        )
        assert all(after[m][-1]["heard"].values()), f"{m} does not hear all again"
        assert not events(before[m] + during[m] + after[m], "refused", "equivocation")
        for o in apart:  # what was said meanwhile is pulled when the network is whole
            assert [p for r in before[m] + during[m] + after[m] for p in r["heard"][o]] == [
                f"{o}{t}" for t in range(n)
            ]
