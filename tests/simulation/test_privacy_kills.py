"""What a kill costs a run with a privacy budget: steps, and never a step that nobody paid for."""

import json
import multiprocessing
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from test_privacy import BUDGET, SMALL, ledgers, steps
from test_simulate import finished

from fedh2l.learners import torch_private
from fedh2l.learners.accountant import epsilon_of
from fedh2l.learners.torch_per_row import clipped_sum
from fedh2l.simulation import run_folder
from fedh2l.simulation.simulate import simulate


def live_a_life(folder: Path, counter: Path) -> None:
    """Begin the run or go on with it; a byte in the counter for each step along private rows."""

    def counted(*arguments: Any) -> Any:
        descriptor = os.open(counter, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(descriptor, b".")
        os.close(descriptor)
        return clipped_sum(*arguments)

    setattr(torch_private, "clipped_sum", counted)  # noqa: B010  (a name that it imports)
    if not (folder / run_folder.CONFIG).is_file():
        finished(LONG, folder)
        return
    with run_folder.open_again(folder) as run:
        for event in simulate(list(run.cells.values())):
            run.take(event)
        run.finish()


LONG = SMALL | {"rounds": 16}
# Not forked: the process of the tests may have threads, of JAX.
LIVES = multiprocessing.get_context("spawn")


def killed_again_and_again(folder: Path, kills: int, seed: int) -> int:
    """Kill the run at random instants, and look at the ledgers after each; how many kills."""
    rng, counter = random.Random(seed), folder.parent / "steps"
    counter.touch()
    for kill in range(kills):
        life = LIVES.Process(target=live_a_life, args=(folder, counter))
        life.start()
        # At some step, and there anywhere: before the ledger, between it and the step, after it.
        until = counter.stat().st_size + rng.randrange(6)
        while life.is_alive() and counter.stat().st_size < until:
            time.sleep(0.001)
        life.join(rng.random() * 0.05)
        if not life.is_alive():
            return kill
        assert life.pid is not None
        os.kill(life.pid, signal.SIGKILL)
        life.join()
        taken, written = counter.stat().st_size, sum(map(steps, ledgers(folder).values()))
        assert written >= taken
    return kills


def looked_at(tmp_path: Path, kills: int, seed: int) -> None:
    folder = tmp_path / "run"
    killed = killed_again_and_again(folder, kills, seed)
    life = LIVES.Process(target=live_a_life, args=(folder, tmp_path / "steps"))
    life.start()
    life.join()
    assert life.exitcode == 0

    summary = json.loads((folder / "summary.json").read_text())
    written = {name: steps(ledger) for name, ledger in ledgers(folder).items()}
    assert sum(written.values()) >= (tmp_path / "steps").stat().st_size
    planned, refused = LONG["rounds"] * LONG["steps"], 0
    for name, peer in summary["peers"].items():
        privacy, spendings = peer["privacy"], ledgers(folder)[name].spendings
        assert privacy["epsilon"] == epsilon_of(spendings, privacy["delta"]) <= BUDGET
        assert privacy["steps"] == written[name]
        assert written[name] + privacy["refused"] >= planned
        refused += privacy["refused"]
    # What was repeated was paid for twice.
    assert killed == 0 or sum(written.values()) + refused > planned * len(written)


def test_a_run_that_is_killed_pays_for_every_step_that_it_takes(tmp_path: Path) -> None:
    looked_at(tmp_path, kills=4, seed=0)


@pytest.mark.slow
def test_a_run_that_is_killed_thirty_times_pays_for_every_step_that_it_takes(
    tmp_path: Path,
) -> None:
    looked_at(tmp_path, kills=30, seed=1)
