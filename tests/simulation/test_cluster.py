"""The same run in this process, in two processes, in actors of Ray, with a worker killed, and on
two nodes: equal to the last bit.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fedh2l.commands.workers import Workers, with_address
from fedh2l.error import FedH2LError
from fedh2l.simulation.cluster import on_ray

SCRIPT = Path(__file__).parent / "on_workers.py"
RAY = Path(sys.executable).parent / "ray"
QUICK = ["mlp", "forest", "mlp"]
NETWORKS = ["mlp", "lenet", "wide-cnn", "resnet", "batchnorm-cnn", "deep-mlp", "forest"]
ENVIRONMENT = os.environ | {
    "OMP_NUM_THREADS": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "disabled",
    "RAY_raylet_start_wait_time_s": "300",
}


def hash_on(
    folder: Path, workers: int, address: str = "-", kill: str = "no", models: list[str] = QUICK
) -> str:
    """The hash of all arrays of all peers, after a run in a process of its own."""
    command = [sys.executable, str(SCRIPT), str(folder), str(workers), address, kill, *models]
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()[-1]


def free_port() -> int:
    with closing(socket.socket()) as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def test_an_address_at_which_nothing_answers_is_said_at_once() -> None:
    pytest.importorskip("ray")
    clock = time.monotonic()
    for address, reason in (
        (f"127.0.0.1:{free_port()}", "nothing answers at"),
        ("ray://127.0.0.1:10001", "expected HOST:PORT"),
        ("auto", "expected HOST:PORT"),
    ):
        with pytest.raises(FedH2LError, match=reason), on_ray(address, 2, 0.0):
            pass
    assert time.monotonic() - clock < 60


def test_ray_without_an_address_takes_that_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert with_address(["--ray", "--workers", "2"]) == ["--ray", "local", "--workers", "2"]
    assert with_address(["--ray", "h:1"]) == ["--ray", "h:1"]
    monkeypatch.setenv("RAY_ADDRESS", "head:6379")
    assert with_address(["--json", "--ray"]) == ["--json", "--ray", "head:6379"]
    with pytest.raises(FedH2LError, match="add --ray"):
        Workers(2, None, 1.0)


@pytest.mark.parametrize("kill", ["between", "within"])
def test_a_run_whose_worker_process_is_killed_has_equal_bits(tmp_path: Path, kill: str) -> None:
    straight = hash_on(tmp_path / "one", 1)
    assert hash_on(tmp_path / "two", 2, kill=kill) == straight


@pytest.mark.slow
def test_actors_give_equal_bits_also_where_one_is_killed(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    straight = hash_on(tmp_path / "one", 1, models=NETWORKS)
    assert hash_on(tmp_path / "two", 2, models=NETWORKS) == straight
    for kill in ("no", "between", "within"):
        assert hash_on(tmp_path / kill, 2, "local", kill, NETWORKS) == straight


@pytest.fixture
def two_nodes(tmp_path: Path) -> Iterator[str]:
    """The address of a cluster of two nodes on the loopback; they are ended in the end."""
    pytest.importorskip("ray")
    address = f"127.0.0.1:{free_port()}"
    common = ["--num-cpus", "1", "--object-store-memory", "100000000", "--block"]
    head = ["--head", "--node-ip-address", "127.0.0.1", "--port", address.rpartition(":")[2]]
    # Paths of sockets are short, and those of pytest are not.
    place = ["--temp-dir", f"/tmp/h2l{os.getpid()}", "--include-dashboard=false"]
    nodes = [_start([*head, *place, *common], tmp_path / "head.log")]
    _wait(lambda: _answers(address))
    nodes.append(_start(["--address", address, *common], tmp_path / "node.log"))
    try:
        _wait(lambda: "Ray runtime started" in (tmp_path / "node.log").read_text())
        yield address
    finally:
        for node in reversed(nodes):
            node.terminate()
        for node in nodes:
            node.wait(60)


def _start(arguments: list[str], log: Path) -> "subprocess.Popen[bytes]":
    with log.open("wb") as file:
        command = [str(RAY), "start", *arguments]
        return subprocess.Popen(
            command, env=ENVIRONMENT, stdout=file, stderr=file, start_new_session=True
        )


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    with closing(socket.socket()) as s:
        return s.connect_ex((host, int(port))) == 0


def _wait(condition: object) -> None:
    assert callable(condition)
    end = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.5)


@pytest.mark.slow
def test_two_nodes_give_equal_bits(tmp_path: Path, two_nodes: str) -> None:
    straight = hash_on(tmp_path / "one", 1, models=NETWORKS)
    assert hash_on(tmp_path / "nodes", 2, two_nodes, models=NETWORKS) == straight
