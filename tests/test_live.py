"""Four organisations with unlike models, by the documented commands: the result is the simulated one, whoever is killed."""

import io
import json
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from threadpoolctl import threadpool_limits

import live_member
from fedh2l import FedH2L, Peer, run
from fedh2l.cli import main
from fedh2l.data.seedset_file import load_seed_set

pytest.importorskip("zenoh", reason="needs the extra zenoh")
MEMBERS, ROUNDS = ("kiev", "lyon", "oslo", "rome"), 20
FEDH2L = (sys.executable, "-m", "fedh2l")
MODEL = Path(live_member.__file__)


class Town:
    """A federation in one folder: its members' folders, and the processes that run, all of which are gone at the end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.separate = False  # whether commands, too, are processes; joining always is
        self.running: dict[str, subprocess.Popen[str]] = {}

    def command(self, *arguments: str | Path, code: int = 0) -> str:
        if not self.separate:
            return self._called([str(a) for a in arguments], code)
        done = subprocess.run([*FEDH2L, *map(str, arguments)], cwd=self.folder, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def _called(self, arguments: list[str], code: int) -> str:
        out = io.StringIO()
        with chdir(self.folder), redirect_stdout(out), redirect_stderr(out), pytest.raises(SystemExit, match=str(code)):
            main(arguments)
        return out.getvalue()

    def join(self, name: str, invite: str = "invite.json", model: str = "") -> None:
        line = (*FEDH2L, "join", invite, "--model", f"{MODEL}:{model or name}", "--identity", f"keys-{name}", "--out", name)
        with (self.folder / f"{name}.out").open("a") as out:
            self.running[name] = subprocess.Popen(line, cwd=self.folder, stdout=out, stderr=out, text=True)

    def wait(self, seconds: float = 120) -> None:
        for name, process in self.running.items():
            assert process.wait(seconds) == 0, (self.folder / f"{name}.out").read_text()

    def rounds(self, name: str) -> list[dict[str, Any]]:
        path = self.folder / name / "rounds.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")] if path.exists() else []

    def state(self, name: str) -> dict[str, np.ndarray]:
        return load_file(next((self.folder / name / "checkpoints").glob("*/*.safetensors")))


def ports(n: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    found = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return found


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    town = Town(tmp_path)
    yield town
    for process in town.running.values():
        process.kill()
        process.wait()


def found(town: Town, *, quorum: int = 4, rounds: int = ROUNDS, grace: float = 1.0, deadline: float = 60.0, more: str = "") -> None:
    """From the seed set to an invite with four members, by the documented commands."""
    x, y = live_member.rows(99, 12)
    np.savez(town.folder / "ours.npz", x=x, y=y)
    town.command("seedset", "build", "ours.npz")
    first, *others = zip(MEMBERS, ports(4), strict=True)
    times = ["--rounds", str(rounds), "--quorum", str(quorum), "--grace", str(grace), "--deadline", str(deadline)]
    place = ("--name", first[0], "--address", f"127.0.0.1:{first[1]}", "--identity", f"keys-{first[0]}")
    told = town.command("invite", "new", "invite.json", "--seeds", "seeds.safetensors", *place, *times, *more.split())
    match = re.search(r"^fingerprint: (.*)$", told, re.MULTILINE)
    assert match
    for name, port in others:
        place = ("--name", name, "--address", f"127.0.0.1:{port}", "--identity", f"keys-{name}", "--fingerprint", match[1])
        town.command("accept", "invite.json", "--seeds", "seeds.safetensors", *place)
    town.command("invite", "add", "invite.json", *(f"{name}.answer.json" for name, _ in others), "--identity", f"keys-{first[0]}")


def simulated(town: Town, rounds: int = ROUNDS) -> dict[str, dict[str, np.ndarray]]:
    """The same members in this process."""
    seeds = load_seed_set(town.folder / "seeds.safetensors")
    builders: dict[str, Callable[..., object]] = {n: getattr(live_member, n) for n in MEMBERS}
    peers = [Peer(n, b(seeds), seeds) for n, b in builders.items()]  # pyright: ignore[reportArgumentType]
    torch.set_num_threads(1)
    with threadpool_limits(1):
        for _ in run(FedH2L(), peers, rounds=rounds):
            pass
    return {p.name: {k: np.asarray(v) for k, v in p.state_dict().items()} for p in peers}


def same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    return a.keys() == b.keys() and all(a[k].dtype == b[k].dtype and a[k].tobytes() == b[k].tobytes() for k in a)


def all_heard_once(town: Town, name: str) -> bool:
    lines = town.rounds(name)
    return [x["round"] for x in lines] == list(range(ROUNDS)) and not any(x["missing"] or x["refused"] for x in lines)


def test_a_live_federation_equals_the_simulated_one_to_the_last_bit(town: Town) -> None:
    town.separate = True
    found(town)
    for name in MEMBERS:
        town.join(name)
    town.wait()
    expected = simulated(town)
    for name in MEMBERS:
        assert all_heard_once(town, name) and same(town.state(name), expected[name]), name
    model = load_file(town.folder / "rome" / "model.safetensors")
    assert all(np.array_equal(v, expected["rome"][f"learner.model.{k}"]) for k, v in model.items()) and model
    assert (town.folder / "lyon" / ("model.skops" if _skops() else "model.safetensors")).stat().st_size > 0
    assert "state: finished" in town.command("status", "rome")


def _kills(town: Town, times: int, rng: random.Random) -> None:
    found(town)
    for name in MEMBERS:
        town.join(name)
    killed = 0
    while killed < times:
        name = rng.choice(MEMBERS)
        process = town.running[name]
        try:
            process.wait(rng.uniform(0.0, 4.0))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            killed += 1
        else:
            break  # this one had finished
        town.join(name)
    town.wait()
    expected = simulated(town)
    for name in MEMBERS:
        assert all_heard_once(town, name), (name, town.rounds(name))
        assert same(town.state(name), expected[name]), name


@pytest.mark.parametrize("seed", [0])
def test_members_killed_at_any_instant_go_on_and_the_result_is_the_same(town: Town, seed: int) -> None:
    _kills(town, 3, random.Random(seed))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 18))
def test_fifty_kills_change_nothing(town: Town, seed: int) -> None:
    _kills(town, 3, random.Random(seed))


@pytest.mark.slow
def test_a_member_that_never_comes_delays_a_round_by_the_grace_and_no_more(town: Town) -> None:
    found(town, quorum=3, rounds=3, grace=0.2)
    for name in MEMBERS[:3]:
        town.join(name)
    town.wait()
    assert [x["missing"] for x in town.rounds("kiev")] == [["rome"]] * 3


def test_a_stopped_member_says_so_and_goes_on(town: Town) -> None:
    found(town, rounds=3)
    for name in MEMBERS[1:]:
        town.join(name)
    while not (town.folder / "oslo" / "checkpoints" / "latest.json").exists():
        assert town.running["oslo"].poll() is None
        time.sleep(0.05)
    assert "is running in this folder already" in town.command(
        "join", "invite.json", "--model", f"{MODEL}:oslo", "--identity", "keys-oslo", "--out", "oslo", code=2
    )
    town.running["oslo"].send_signal(signal.SIGINT)
    assert town.running["oslo"].wait(30) == 130
    assert "the same command goes on" in (town.folder / "oslo.out").read_text()
    town.join("oslo")
    town.join("kiev")
    town.wait()
    assert len(town.rounds("oslo")) == 3


@pytest.mark.slow
def test_running_members_take_up_who_comes_and_who_goes_between_two_rounds(town: Town) -> None:
    found(town, quorum=3, rounds=15, grace=1.0)
    for name in MEMBERS[:3]:
        (town.folder / f"{name}.json").write_bytes((town.folder / "invite.json").read_bytes())
        town.join(name, f"{name}.json")
    while len(town.rounds("kiev")) < 2:
        time.sleep(0.1)
    town.command("accept", "invite.json", "--name", "vigo", "--seeds", "seeds.safetensors", "--identity", "keys-vigo", "--yes",
                 "--address", f"127.0.0.1:{ports(1)[0]}")  # fmt: skip
    town.command("invite", "add", "invite.json", "vigo.answer.json", "--identity", "keys-kiev")
    town.command("invite", "remove", "invite.json", "rome", "--identity", "keys-kiev")
    (town.folder / "kiev.json").write_bytes((town.folder / "invite.json").read_bytes())  # the convener's copy; the others hear of it
    town.join("vigo", model="oslo")
    town.wait()
    for name in MEMBERS[:3]:
        lines = town.rounds(name)
        assert [x["round"] for x in lines] == list(range(15)) and lines[-1]["version"] == 4
        assert "vigo" in lines[-1]["heard"] and lines[0]["missing"] == ["rome"] and lines[-1]["missing"] == []
    assert town.rounds("vigo")[0]["round"] not in (0, 1) and town.rounds("vigo")[-1]["round"] == 14


@pytest.mark.slow
def test_without_a_barrier_nobody_waits_for_who_never_comes(town: Town) -> None:
    found(town, rounds=40, more="--asynchronous --steps 200")
    for name in MEMBERS[:3]:
        town.join(name)
    town.wait()
    for name in MEMBERS[:3]:
        assert [x["round"] for x in town.rounds(name)] == list(range(40))
    assert any(x["heard"] for name in MEMBERS[:3] for x in town.rounds(name))
    reasons = [why for name in MEMBERS[:3] for x in town.rounds(name) for why in x["refused"].values()]
    assert all("asked for a key frame" in why for why in reasons), reasons  # who is far ahead is heard from its next key frame on


def _skops() -> bool:
    from importlib.util import find_spec

    return find_spec("skops") is not None
