"""Members as processes, on hosts with their own addresses (network namespaces on a bridge).

Nothing is left behind.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fedh2l.live.trust.terms import Terms, signed
from members import CONVENER, identity_of


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


def needs_hosts() -> None:
    """Skips where this user may not make network namespaces."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("hosts with their own addresses need root and `ip` (iproute2)")
    trial = subprocess.run(
        ["ip", "netns", "add", "fedh2l-try"], check=False, capture_output=True, text=True
    )
    if trial.returncode:
        pytest.skip(f"no network namespaces here: {trial.stderr.strip()}")
    ip("netns", "del", "fedh2l-try")


@contextmanager
def hosts(networks: dict[str, dict[str, str]]) -> Generator[dict[str, str]]:
    """By network (a bridge in a namespace of its own) the hosts on it with their addresses: the
    namespace of each host.

    A host may be on two networks. Two hosts that share no network have no route to each other.
    """
    needs_hosts()
    tag = f"f{os.getpid() % 100_000}"
    names = {host: f"{tag}-{host}" for addresses in networks.values() for host in addresses}
    namespaces: list[str] = []
    try:
        for network in networks:
            namespaces.append(f"{tag}-net-{network}")
            ip("netns", "add", namespaces[-1])
            ip("-n", namespaces[-1], "link", "add", "bridge", "type", "bridge")
            ip("-n", namespaces[-1], "link", "set", "bridge", "up")
        for host in names.values():
            namespaces.append(host)
            ip("netns", "add", host)
            ip("-n", host, "link", "set", "lo", "up")
        for network, addresses in networks.items():
            for host, address in addresses.items():
                connect(f"{tag}-net-{network}", network, names[host], host, address)
        yield names | {network: f"{tag}-net-{network}" for network in networks}
    finally:
        for name in namespaces:
            with suppress(subprocess.CalledProcessError):
                ip("netns", "del", name)


def connect(bridge: str, network: str, space: str, host: str, address: str) -> None:
    """A cable from a host's namespace to the bridge of a network, under this address."""
    here, there = f"to-{host}"[:15], f"in-{network}"[:15]
    pair = ["type", "veth", "peer", "name", there, "netns", space]
    ip("-n", bridge, "link", "add", here, *pair)
    ip("-n", bridge, "link", "set", here, "master", "bridge", "up")
    ip("-n", space, "addr", "add", f"{address}/24", "dev", there)
    ip("-n", space, "link", "set", there, "up")


@dataclass
class Running:
    """A member that runs."""

    name: str
    process: subprocess.Popen[str]

    def told(self) -> dict[str, Any]:
        """The next round."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"{self.name} ended with {self.process.wait()}"
        return json.loads(line)

    def rounds(self, n: int) -> list[dict[str, Any]]:
        return [self.told() for _ in range(n)]


@contextmanager
def running(
    folder: Path, rounds: dict[str, int], where: dict[str, str] | None = None, **options: Any
) -> Generator[dict[str, Running]]:
    """Each name as a process, for so many rounds (a relay: −1); ended after the block, whatever
    happened in it.
    """
    members: dict[str, Running] = {}
    try:
        for name, n in rounds.items():
            command = [
                sys.executable,
                str(Path(__file__).parent / "member.py"),
                str(folder),
                name,
                str(n),
                json.dumps(options),
            ]
            inside = ["ip", "netns", "exec", where[name]] if where else []
            threads = {"TOKIO_WORKER_THREADS": "1", "OMP_NUM_THREADS": "1"}
            process = subprocess.Popen(
                [*inside, *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env=os.environ | threads,
            )
            members[name] = Running(name, process)
        yield members
    finally:
        for m in members.values():
            m.process.kill()
        for m in members.values():
            m.process.communicate()


def send_out(folder: Path, terms: Terms) -> None:
    """The signed invite, where the members look for it."""
    (folder / "invite.json").write_bytes(signed(terms, identity_of(folder, CONVENER)))
