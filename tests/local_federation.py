"""A federation in one folder, by the documented commands: its members' folders, and the processes
that run.
"""

import io
import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

import live_member
from fedh2l.cli import main

MEMBERS = ("kiev", "lyon", "oslo", "rome")
FEDH2L = (sys.executable, "-m", "fedh2l")
MODEL = Path(live_member.__file__)
RELAY = "relay1"


class LocalFederation:
    """All its processes are gone at the end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.separate = False  # whether all commands are processes; joining always is
        self.running: dict[str, subprocess.Popen[str]] = {}

    def command(self, *arguments: str | Path, code: int = 0) -> str:
        if not self.separate and arguments[0] != "join":  # which sets signal handlers
            return self._called([str(a) for a in arguments], code)
        process = subprocess.run(
            [*FEDH2L, *map(str, arguments)],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert process.returncode == code, process.stdout + process.stderr
        return process.stdout + process.stderr

    def _called(self, arguments: list[str], code: int) -> str:
        out = io.StringIO()
        with (
            chdir(self.folder),
            redirect_stdout(out),
            redirect_stderr(out),
            pytest.raises(SystemExit, match=str(code)),
        ):
            main(arguments)
        return out.getvalue()

    def start(self, name: str, *words: str) -> None:
        with (self.folder / f"{name}.out").open("a") as out:
            self.running[name] = subprocess.Popen(
                (*FEDH2L, *words), cwd=self.folder, stdout=out, stderr=out, text=True
            )

    def join(self, name: str, invite: str = "invite.json", model: str = "") -> None:
        self.start(name, *self.joining(name, invite, model))

    def joining(
        self, name: str, invite: str = "invite.json", model: str = "", out: str = ""
    ) -> list[str]:
        return [
            "join",
            invite,
            "--model",
            f"{MODEL}:{model or name}",
            "--identity",
            f"keys-{name}",
            "--out",
            out or name,
        ]

    def relay(self) -> None:
        self.start(RELAY, "relay", "invite.json", "--identity", f"keys-{RELAY}", "--out", RELAY)

    def wait(self, *names: str, seconds: float = 300) -> None:
        """Until these members, or all, have ended as they should."""
        for name in names or self.running:
            assert self.running[name].wait(seconds) == 0, (
                f"{name}: {self.running[name].returncode}\n{self.said(name)}"
            )

    def stop(self, name: str) -> None:
        """By Ctrl-C."""
        self.running[name].send_signal(signal.SIGINT)
        assert self.running[name].wait(30) == 130, self.said(name)

    def until(self, name: str, rounds: int) -> None:
        """It runs, and has finished so many rounds; 0: it is ready for the first."""
        end = time.monotonic() + 300
        while not (self.folder / name / "rounds.jsonl").exists() or len(self.rounds(name)) < rounds:
            assert self.running[name].poll() is None and time.monotonic() < end, self.said(name)
            time.sleep(0.02)

    def said(self, name: str) -> str:
        return (self.folder / f"{name}.out").read_text()

    def rounds(self, name: str) -> list[dict[str, Any]]:
        path = self.folder / name / "rounds.jsonl"
        return (
            [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]
            if path.exists()
            else []
        )

    def state(self, name: str) -> dict[str, np.ndarray]:
        return load_file(next((self.folder / name / "checkpoints").glob("*/*.safetensors")))


def ports(n: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    numbers = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return numbers


@pytest.fixture
def federation(tmp_path: Path) -> Iterator[LocalFederation]:
    federation = LocalFederation(tmp_path)
    yield federation
    for process in federation.running.values():
        process.kill()
        process.wait()


def convene(
    federation: LocalFederation,
    members: Sequence[str] = MEMBERS,
    *,
    relay: bool = False,
    quorum: int = 0,
    rounds: int,
    grace: float = 1.0,
    deadline: float = 60.0,
    more: str = "",
    seed_rows: int = 12,
    build: str = "",
) -> None:
    """From the seed set to an invite with these members; `more` and `build`: further flags of
    `invite new` and of `seedset build`.

    With a relay they are behind NAT. The quorum is all of them, if none is given.
    """
    x, y = live_member.rows(99, seed_rows)
    np.savez(federation.folder / "ours.npz", x=x, y=y)
    federation.command("seedset", "build", "ours.npz", *build.split())
    keys = {name: ["--name", name, "--identity", f"keys-{name}"] for name in (*members, RELAY)}
    for name, port in zip(keys, ports(len(keys)), strict=True):
        if name == RELAY or not relay:
            keys[name] += ["--address", f"127.0.0.1:{port}"]

    seeds = ("--seed-set", "seeds.safetensors")
    closing = f"--quorum {quorum or len(members)} --grace {grace} --deadline {deadline}"
    terms = f"--rounds {rounds} {closing} {more}".split()
    summary = federation.command("invite", "new", "invite.json", *seeds, *keys[members[0]], *terms)
    match = re.search(r"^fingerprint: (.*)$", summary, re.MULTILINE)
    assert match

    accept = ("accept", "invite.json", "--fingerprint", match[1])
    for name in members[1:]:
        federation.command(*accept, *seeds, *keys[name])
    if relay:
        federation.command(*accept, "--relay", *keys[RELAY])
    answering = [*members[1:], RELAY] if relay else members[1:]
    answers = [f"{name}.answer.json" for name in answering]
    federation.command("invite", "add", "invite.json", *answers, "--identity", f"keys-{members[0]}")
