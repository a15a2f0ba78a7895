"""Four organisations with unlike models, by the documented commands: the result is the simulated
one, whoever is killed.
"""

import random
import signal
import time
from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from threadpoolctl import threadpool_limits

import live_member
from fedh2l import FedH2L, Peer, run
from fedh2l.data.seedset_file import load_seed_set
from fedh2l.record.checkpoint import latest
from fedh2l.record.kept import KEPT
from local_federation import MEMBERS, LocalFederation, convene

pytest.importorskip("zenoh", reason="needs the extra zenoh")
ROUNDS, WARMUP = 40, 3


State = dict[str, np.ndarray]


def simulated(federation: LocalFederation, rome: list[State] | None = None) -> dict[str, State]:
    """The same members in this process; `rome`: takes the state of that peer after each round."""
    seeds = load_seed_set(federation.folder / "seeds.safetensors")
    builders: dict[str, Callable[..., object]] = {n: getattr(live_member, n) for n in MEMBERS}
    peers = [Peer(n, b(seeds), seeds) for n, b in builders.items()]  # pyright: ignore[reportArgumentType]
    torch.set_num_threads(1)
    with threadpool_limits(1):
        for _ in run(FedH2L(warmup=WARMUP), peers, rounds=ROUNDS):
            if rome is not None:
                rome += [state_of(p) for p in peers if p.name == "rome"]
    return {p.name: state_of(p) for p in peers}


def state_of(peer: Peer) -> State:
    return {k: np.array(v) for k, v in peer.state_dict().items()}


def same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    return a.keys() == b.keys() and all(
        a[k].dtype == b[k].dtype and a[k].tobytes() == b[k].tobytes() for k in a
    )


def all_heard_once(federation: LocalFederation, name: str) -> bool:
    lines = federation.rounds(name)
    return [x["round"] for x in lines] == list(range(ROUNDS)) and not any(
        x["missing"] or x["refused"] for x in lines
    )


def test_a_live_federation_equals_the_simulated_one_to_the_last_bit(
    federation: LocalFederation,
) -> None:
    federation.separate = True
    convene(federation, rounds=ROUNDS, more=f"--warmup {WARMUP}")
    for name in MEMBERS:
        federation.join(name)
    federation.wait()
    rome: list[State] = []
    expected = simulated(federation, rome)
    for name in MEMBERS:
        assert all_heard_once(federation, name) and same(federation.state(name), expected[name]), (
            name
        )
    model = load_file(federation.folder / "rome" / "model.safetensors")
    kept = latest(federation.folder / "rome" / KEPT)
    assert kept is not None and model
    at = rome[kept["rounds"] - 1]
    assert all(np.array_equal(v, at[f"learner.model.{k}"]) for k, v in model.items())
    assert (
        federation.folder / "lyon" / ("model.skops" if find_spec("skops") else "model.safetensors")
    ).stat().st_size > 0
    assert "state: finished" in federation.command("status", "rome")


def harmed(federation: LocalFederation, times: int, rng: random.Random) -> list[str]:
    """The members whose result is not the simulated one, or that did not hear every round once.

    Each kill hits a member that runs, at an instant within a drawn round or within its start,
    before the federation ends.
    """
    # No start takes that long.
    convene(federation, rounds=ROUNDS, deadline=600.0, more=f"--warmup {WARMUP}")
    for name in MEMBERS:
        federation.join(name)
    kills: list[tuple[str, int]] = []
    for at in sorted(rng.choices(range(ROUNDS // 2), k=times)):
        name = rng.choice([m for m in MEMBERS if federation.running[m].poll() is None])
        process = federation.running[name]
        while len(federation.rounds(name)) < at and process.poll() is None:
            time.sleep(0.01)
        lines = federation.rounds(name)
        time.sleep(rng.uniform(0.0, 2 * min(x["seconds"] for x in lines) if lines else 4.0))
        process.kill()
        assert process.wait() == -signal.SIGKILL, f"{name} had ended before it was killed"
        kills.append((name, len(federation.rounds(name))))
        federation.join(name)
    assert len(kills) == times and all(rounds < ROUNDS for _, rounds in kills), kills
    print("killed, after so many rounds:", kills)
    federation.wait()
    assert not list(federation.folder.rglob("*.partial")), "half a file is left of a kill"
    expected = simulated(federation)
    return [
        name
        for name in MEMBERS
        if not (all_heard_once(federation, name) and same(federation.state(name), expected[name]))
    ]


@pytest.mark.parametrize("seed", [0])
def test_members_killed_at_any_instant_go_on_and_the_result_is_the_same(
    federation: LocalFederation, seed: int
) -> None:
    assert not harmed(federation, 3, random.Random(seed))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 18))
def test_fifty_kills_change_nothing(federation: LocalFederation, seed: int) -> None:
    assert not harmed(federation, 3, random.Random(seed))
