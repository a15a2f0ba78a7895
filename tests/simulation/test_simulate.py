"""Whole runs, on real digits with real networks in real processes."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file

from conftest import blobs, torch_peers
from fedh2l.commands.report import write_report
from fedh2l.data.domains import Domain, FederatedData
from fedh2l.error import FedH2LError
from fedh2l.learner import Weighted, under
from fedh2l.simulation import run_folder
from fedh2l.simulation.cells import cells_of
from fedh2l.simulation.config_file import config_text
from fedh2l.simulation.progress import Progress, evaluate
from fedh2l.simulation.settings import compose
from fedh2l.simulation.simulate import Evaluation, simulate
from fedh2l.simulation.summary import TIMINGS
from fedh2l.wire.state import Shelf, WireState

Settings = dict[str, Any]
SMALL: Settings = {
    "peers": ["mlp", "batchnorm-cnn", "forest"],
    "rounds": 6,
    "steps": 3,
    "evaluate": 1,
    "loss": 0.1,
    "mixtures": True,
}


def finished(
    settings: Settings, folder: Path, workers: int = 1, *, baselines: bool = False
) -> dict[str, Any]:
    experiment = compose(settings).resolved()
    with run_folder.open_new(folder, experiment, baselines=baselines) as run:
        for event in simulate(list(run.cells.values()), workers=workers):
            run.take(event)
        return run.finish()


def lines(folder: Path) -> list[dict[str, Any]]:
    """rounds.jsonl without its timings."""
    found = [json.loads(line) for line in (folder / "rounds.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k != TIMINGS} for line in found]


def states(folder: Path) -> dict[str, bytes]:
    """All arrays of all peers in the last checkpoint, whichever process saved them."""
    (place,) = (p for p in (folder / "checkpoints").iterdir() if p.is_dir())
    arrays: dict[str, bytes] = {}
    for name in ("rot00", "rot38", "rot75"):
        with safe_open(place / f"{name}.safetensors", "numpy") as file:
            about = file.metadata()
        state = load_file(place / f"{name}.safetensors")
        wire = WireState(name)
        shelf = Shelf()
        if about["read"]:
            shelf.load_state_dict(load_file(place / f"{about['read']}.safetensors"))
        wire.load_state_dict(under(state, "wire."), shelf)
        whole = {k: v for k, v in state.items() if not k.startswith("wire.")} | wire.state_dict()
        arrays |= {f"{name} {k}": v.tobytes() for k, v in whole.items()}
    return arrays


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("straight") / "run"
    finished(SMALL, folder)
    return folder


def test_equal_seeds_give_equal_bytes_and_two_workers_equal_one(
    straight: Path, tmp_path: Path
) -> None:
    finished(SMALL, tmp_path / "two", workers=2)
    assert lines(tmp_path / "two") == lines(straight)
    assert states(tmp_path / "two") == states(straight)


def test_another_seed_gives_another_run(straight: Path, tmp_path: Path) -> None:
    finished(SMALL | {"seed": 1, "rounds": 1}, tmp_path / "other")
    assert lines(tmp_path / "other")[0] != lines(straight)[0]


def test_a_run_killed_at_random_and_resumed_equals_the_straight_run(
    straight: Path, tmp_path: Path
) -> None:
    folder, rng = tmp_path / "killed", random.Random(os.getpid())
    (tmp_path / "config.toml").write_text(config_text(compose(SMALL), baselines=False))
    command = [sys.executable, "-m", "fedh2l", "run", "--workers", "2"]
    flags = ["--config", str(tmp_path / "config.toml"), "--out", str(folder)]
    for killed_after in (1, 3):
        process = subprocess.Popen(
            [*command, *flags],
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 120
        while not (
            (folder / "rounds.jsonl").exists()
            and len((folder / "rounds.jsonl").read_bytes().splitlines()) >= killed_after
        ):
            assert process.poll() is None, "the run ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.005)
        # Anywhere in the next round, or while something is being written.
        time.sleep(rng.uniform(0, 0.1))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert not (folder / "summary.json").exists()
        flags = ["--resume", str(folder)]
    done = subprocess.run([*command, *flags, "--json"], capture_output=True, check=True)
    assert lines(folder) == lines(straight)
    ours, theirs = (json.loads((f / "summary.json").read_text()) for f in (folder, straight))
    assert {k: v for k, v in ours.items() if k != "seconds"} == {
        k: v for k, v in theirs.items() if k != "seconds"
    }
    assert json.loads(done.stdout)["mean"] == theirs["mean"]


def test_the_summary_has_the_keys_that_others_read(straight: Path) -> None:
    summary = json.loads((straight / "summary.json").read_text())
    for key in (
        "algorithm",
        "data",
        "seed",
        "rounds",
        "steps",
        "seed_set",
        "peers",
        "mean",
        "baselines",
        "conflict_rate",
        "seconds",
        "versions",
    ):
        assert key in summary
    assert {"digest", "rows", "classes"} <= set(summary["seed_set"])
    assert set(summary["seconds"]) == {"total", "train", "cpu"}
    assert list(summary["peers"]) == ["rot00", "rot38", "rot75"]
    for peer in summary["peers"].values():
        accuracies = {"own_accuracy", "all_domain_accuracy", "worst_domain_accuracy"}
        traffic = {
            f"{kind}_bytes_{way}" for kind in ("payload", "wire") for way in ("sent", "received")
        }
        calibration = {f"{of}_{what}" for of in ("own", "all_domain") for what in ("ece", "nll")}
        also = {"model", "weights_bytes", "domain_accuracies"}
        assert set(peer) == also | accuracies | calibration | traffic
        assert set(peer["domain_accuracies"]) == {"rot00", "rot38", "rot75"}
        assert 0 < peer["all_domain_ece"] < 1
        assert 0 <= peer["worst_domain_accuracy"] <= peer["all_domain_accuracy"] <= 1
    assert summary["missing"] > 0  # --loss 0.1
    assert 0 <= summary["conflict_rate"] <= 1


def test_bytes_are_counted_as_they_were_sent(tmp_path: Path) -> None:
    summary = finished(SMALL | {"codec": "float32"}, tmp_path / "run")
    rows = 2 * summary["seed_set"]["rows"]  # and as many mixtures
    sizes = {p["payload_bytes_sent"] for p in summary["peers"].values()}
    assert sizes == {6 * 2 * (16 + rows * 10 * 4)}  # rounds × receivers × (header + float32)


def test_baselines_are_run_beside_it(tmp_path: Path) -> None:
    settings = SMALL | {"peers": ["mlp"], "domains": 2, "rounds": 2}
    summary = finished(settings, tmp_path / "run", baselines=True)
    assert list(summary["baselines"]) == ["alone", "seed-only", "pooled"]
    for cell in summary["baselines"]:
        assert len(lines(tmp_path / "run/baselines" / cell)) == 2
    page = write_report(tmp_path / "run").read_text()
    assert len(page) < 500_000
    assert "seed-only" in page
    assert "<svg" in page
    assert not any(f'{a}="http' in page.replace("http://www.w3.org", "") for a in ("src", "href"))
    unlabelled = finished(settings | {"unlabelled": True}, tmp_path / "not", baselines=True)
    assert list(unlabelled["baselines"]) == ["alone", "pooled"]


def test_without_a_folder_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = SMALL | {"peers": ["mlp"], "domains": 2, "rounds": 2, "evaluate": 2}
    cells = cells_of(compose(settings).resolved(), None, baselines=False)
    last = [e for e in simulate(cells) if isinstance(e, Evaluation)][-1]
    assert last.last
    assert last.peers["rot00"].test is not None
    assert not list(tmp_path.iterdir())


def test_a_model_that_has_diverged_is_said_and_not_counted() -> None:
    peers, rows = torch_peers("ab"), blobs(30)
    data = FederatedData({p.name: Domain(rows, rows, rows) for p in peers}, peers[0].seed_set)
    progress = {p.name: Progress() for p in peers}
    evaluate(progress, peers, data, last=True)
    learner = peers[1].learner
    assert isinstance(learner, Weighted)
    learner.load_weights({k: np.full_like(v, np.nan) for k, v in learner.weights().items()})
    with pytest.raises(FedH2LError, match=r"b, on .* NaN: training has diverged"):
        evaluate(progress, peers, data, last=False)
