import subprocess
from pathlib import Path

import pytest

pytest.importorskip("zenoh")
from hosts import hosts, ip, running, send_out

from members import free_port, make_terms

pytestmark = pytest.mark.slow


def test_two_members_behind_nat_federate_through_a_relay(tmp_path: Path) -> None:
    networks = {
        "x": {"a": "10.78.1.1", "r": "10.78.1.9"},
        "y": {"b": "10.78.2.1", "r": "10.78.2.9"},
    }
    terms = make_terms(tmp_path, {"a": "", "b": ""}, {"r": "10.78.1.9:7447"})
    send_out(tmp_path, terms)
    with hosts(networks) as where:
        # The relay is all that either can reach.
        ip("-n", where["b"], "route", "add", "10.78.1.9", "via", "10.78.2.9")
        with pytest.raises(subprocess.CalledProcessError):
            ip("-n", where["a"], "route", "get", "10.78.2.1")
        with running(tmp_path, {"r": -1, "a": 5, "b": 5}, where) as members:
            lines = {m: members[m].rounds(5) for m in "ab"}
    assert [r["heard"] for r in lines["a"]] == [{"b": [f"b{t}"]} for t in range(5)]
    assert [r["heard"] for r in lines["b"]] == [{"a": [f"a{t}"]} for t in range(5)]


def test_members_with_and_without_an_address_federate(tmp_path: Path) -> None:
    terms = make_terms(
        tmp_path,
        {n: f"127.0.0.1:{free_port()}" for n in "ac"} | {"b": ""},
        {"r": f"127.0.0.1:{free_port()}"},
    )
    send_out(tmp_path, terms)
    with running(tmp_path, {"r": -1, "a": 5, "b": 5, "c": 5}) as members:
        lines = {m: members[m].rounds(5) for m in "abc"}
    for m in "abc":
        assert [r["heard"] for r in lines[m]] == [
            {o: [f"{o}{t}"] for o in "abc" if o != m} for t in range(5)
        ]
