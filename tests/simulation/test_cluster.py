"""The same run in this process, in two processes, in actors of Ray, with a worker killed, and on
two nodes: equal to the last bit.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, nullcontext, suppress
from pathlib import Path

import pytest

from fedh2l.commands.workers import Workers, with_address
from fedh2l.error import FedH2LError
from fedh2l.simulation.cluster import interrupted_later, on_ray
from fedh2l.simulation.processes import deaf_to_interrupts

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


@pytest.fixture
def hears_interrupts() -> Iterator[None]:
    """Also where a shell has started the tests in the background, deaf to them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("hears_interrupts")
def test_an_interrupt_is_heard_when_a_cluster_has_started() -> None:
    done: list[str] = []

    def start() -> None:
        with interrupted_later():
            signal.raise_signal(signal.SIGINT)
            done.append("started")

    with pytest.raises(KeyboardInterrupt):
        start()
    assert done == ["started"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("hears_interrupts")
def test_a_process_that_starts_does_not_hear_an_interrupt() -> None:
    code = "import os, signal; os.kill(os.getpid(), signal.SIGINT); print('works')"
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    for deaf, said in ((deaf_to_interrupts(), "works"), (nullcontext(), "")):
        with deaf:
            child = subprocess.Popen([sys.executable, "-c", code], stdout=-1, stderr=-1, text=True)
        assert child.communicate()[0].strip() == said
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == mask


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [5, 12, 25])
def test_ctrl_c_leaves_no_process_of_a_cluster(tmp_path: Path, seconds: float) -> None:
    pytest.importorskip("ray")
    mark, folders = f"TEST_OF_CTRL_C={tmp_path}", set(Path("/tmp").glob("h2l*"))
    command = [RAY.with_name("fedh2l"), "run", "--data", "digits", "--rounds", "500"]
    run = subprocess.Popen(
        [*command, "--ray", "local", "--workers", "2", "--out", tmp_path / "run"],
        env=ENVIRONMENT | dict([mark.split("=")]),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    time.sleep(seconds)
    assert run.poll() is None
    os.killpg(run.pid, signal.SIGINT)
    assert run.wait(120) == 130
    _wait(lambda: not _marked(mark.encode()), seconds=10)
    assert set(Path("/tmp").glob("h2l*")) <= folders  # the cluster's own is gone


def _marked(mark: bytes) -> list[str]:
    """The processes with this in their environment."""
    found: list[str] = []
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark in (place / "environ").read_bytes().split(b"\0"):
                found.append((place / "cmdline").read_text())
    return found


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


def _wait(condition: object, seconds: float = 300) -> None:
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.5)


@pytest.mark.slow
def test_two_nodes_give_equal_bits(tmp_path: Path, two_nodes: str) -> None:
    straight = hash_on(tmp_path / "one", 1, models=NETWORKS)
    assert hash_on(tmp_path / "nodes", 2, two_nodes, models=NETWORKS) == straight
