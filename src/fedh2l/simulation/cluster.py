"""Workers that are actors on a Ray cluster, on one machine or many (arXiv:1712.05889)."""

import os
import signal
import socket
import tempfile
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any, cast

from fedh2l.error import FedH2LError
from fedh2l.simulation.executors import StartWorker, Work, Worker, WorkerDied
from fedh2l.simulation.worker import host

LOCAL = "local"
REACHED, STARTED = 5.0, 180.0  # seconds in which a cluster answers, and an actor begins
STORE = 200 * 2**20  # bytes of shared memory of a cluster of our own: frames are small


class Actor:
    """Does its work in a thread, and says one thing per call."""

    def __init__(
        self, work: Work, group: Sequence[str], key_every: int | None, folder: str
    ) -> None:
        if Path(folder).is_dir():
            os.chdir(folder)  # paths of data and models are relative to it
        self._said, self._replies = SimpleQueue[tuple[str, Any]](), SimpleQueue[Any]()
        arguments = (work, group, key_every, self._talk)
        threading.Thread(target=host, args=arguments, daemon=True).start()

    def first(self) -> tuple[str, Any]:
        return self._said.get()

    def next(self, reply: Any) -> tuple[str, Any]:
        self._replies.put(reply)
        return self._said.get()

    def _talk(self, message: tuple[str, Any]) -> Any:
        self._said.put(message)
        return self._replies.get()


class ActorWorker:
    """See `executors.Worker`."""

    def __init__(self, ray: Any, actor: Any) -> None:
        self._ray, self.actor = ray, actor
        self._next, self._begun = actor.first.remote(), False

    def receive(self) -> tuple[str, Any]:
        if not self._begun:
            self._await_start()
        try:
            said = cast(tuple[str, Any], self._ray.get(self._next))
        except self._ray.exceptions.RayActorError as error:
            raise WorkerDied from error
        self._begun = True
        return said

    def send(self, reply: Any) -> None:
        self._next = self.actor.next.remote(reply)

    def end(self) -> None:
        self._ray.kill(self.actor, no_restart=True)

    def _await_start(self) -> None:
        ready, _ = self._ray.wait([self._next], timeout=STARTED)
        if not ready:
            has = {k: v for k, v in self._ray.available_resources().items() if "node:" not in k}
            raise FedH2LError(
                f"no worker began within {STARTED:.0f} s: the cluster has {has} left; wait for it, "
                "or ask for fewer --workers or --gpus-per-worker"
            )


@contextmanager
def on_ray(address: str, workers: int | None, gpus: float) -> Generator[tuple[StartWorker, int]]:
    """How to start a worker on the cluster at this address, HOST:PORT, or on one of our own on this
    machine ("local"); and how many there are to be, by default one per core.

    Nothing of it is left when the context ends. Raises FedH2LError, with the reason, where the
    cluster cannot be reached in time.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anybody
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    # On a busy machine a cluster of our own may take longer to start than Ray waits for it.
    os.environ.setdefault("RAY_raylet_start_wait_time_s", f"{STARTED:.0f}")
    try:
        import ray
    except ModuleNotFoundError as error:
        raise FedH2LError("--ray needs Ray: pip install 'fedh2l[ray]'") from error

    quiet: dict[str, Any] = {
        "log_to_driver": False,
        "logging_level": "ERROR",
        "include_dashboard": False,
    }
    with _folder() as folder:
        try:
            if address == LOCAL:
                count = workers or os.cpu_count() or 1
                size: dict[str, Any] = {
                    "num_cpus": count,
                    "object_store_memory": STORE,
                    "_temp_dir": folder,
                }
                # Half started, a cluster leaves processes behind.
                with interrupted_later():
                    ray.init(address=LOCAL, **size, **quiet)
            else:
                _check_address(address)
                del quiet["include_dashboard"]
                ray.init(address=address, **quiet)
                count = workers or int(ray.cluster_resources().get("CPU", 1))
            yield _starter(ray, gpus), count
        except Exception as error:
            if ray.is_initialized() or isinstance(error, FedH2LError):
                raise
            raise FedH2LError(
                f"Ray at {address} does not take us: {_first_line(error)}; start it with the same "
                "releases of Python and Ray as here, and with RAY_AUTH_MODE as here"
            ) from error
        finally:
            ray.shutdown()


@contextmanager
def interrupted_later() -> Generator[None]:
    """Ctrl-C is heard when the context has ended."""
    if threading.current_thread() is not threading.main_thread():
        yield  # interrupts reach the main thread only
        return
    heard: list[tuple[int, Any]] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: heard.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if heard and callable(before):
        before(*heard[0])


def _starter(ray: Any, gpus: float) -> StartWorker:
    # A worker that dies is replaced by us: Ray knows nothing of rounds.
    remote = ray.remote(num_cpus=1, num_gpus=gpus, max_restarts=0, max_task_retries=0)(Actor)

    def start(work: Work, group: Sequence[str], key_every: int | None) -> Worker:
        return ActorWorker(ray, remote.remote(work, group, key_every, str(Path.cwd())))

    return start


def _check_address(address: str) -> None:
    """Ray itself would wait for minutes for a machine that is not there, or for one that a file of
    an earlier session names.
    """
    name, _, port = address.rpartition(":")
    if not name or not port.isdigit() or "/" in name:
        raise FedH2LError(
            f"--ray {address}: expected HOST:PORT as ray start --head --port 6379 tells it, or "
            f"{LOCAL}"
        )
    try:
        socket.create_connection((name, int(port)), timeout=REACHED).close()
    except OSError as error:
        raise FedH2LError(
            f"nothing answers at {address} within {REACHED:.0f} s ({error}); start Ray there with "
            "ray start --head --port 6379, or correct --ray or RAY_ADDRESS"
        ) from error


@contextmanager
def _folder() -> Generator[str]:
    """For the sockets of a cluster of our own: their paths may have 107 bytes."""
    short = Path("/tmp")  # noqa: S108  (a new folder in it, which nobody else may enter)
    place = str(short) if short.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="h2l", dir=place, ignore_cleanup_errors=True) as folder:
        yield folder


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
