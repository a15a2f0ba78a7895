"""Whole runs, on real digits with real networks in real processes."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fedh2l.commands.report import write_report
from fedh2l.error import FedH2LError
from fedh2l.simulation import run_folder
from fedh2l.simulation.experiment import Experiment
from fedh2l.simulation.simulate import Evaluation, simulate

SMALL = Experiment(
    peers=("mlp", "batchnorm-cnn", "forest"),
    rounds=6,
    steps=3,
    evaluate=1,
    references=False,
    loss=0.1,
    mixtures=True,
)


def finished(config: Experiment, folder: Path, workers: int = 1) -> dict[str, Any]:
    run = run_folder.open_new(folder, config.resolved(), overwrite=False)
    for event in simulate(run.config, folder, workers=workers):
        run.take(event)
    return run.finish()


def lines(folder: Path) -> list[dict[str, Any]]:
    """rounds.jsonl without its timings."""
    found = [json.loads(line) for line in (folder / "rounds.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k != run_folder.TIMINGS} for line in found]


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
    for peer in (straight / "checkpoints/000006").iterdir():
        assert (tmp_path / "two/checkpoints/000006" / peer.name).read_bytes() == peer.read_bytes()


def test_another_seed_gives_another_run(straight: Path, tmp_path: Path) -> None:
    finished(replace(SMALL, seed=1, rounds=1), tmp_path / "other")
    assert lines(tmp_path / "other")[0] != lines(straight)[0]


def test_a_run_killed_at_random_and_resumed_equals_the_straight_run(
    straight: Path, tmp_path: Path
) -> None:
    folder, rng = tmp_path / "killed", random.Random(os.getpid())
    (tmp_path / "config.toml").write_text(run_folder.to_toml(SMALL))
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
        "references",
        "conflict_rate",
        "seconds",
        "versions",
    ):
        assert key in summary
    assert {"digest", "rows", "classes"} <= set(summary["seed_set"])
    assert {"total", "train"} <= set(summary["seconds"])
    assert list(summary["peers"]) == ["rot00", "rot38", "rot75"]
    for peer in summary["peers"].values():
        accuracies = {"own_accuracy", "all_domain_accuracy", "worst_domain_accuracy"}
        traffic = {
            f"{kind}_bytes_{way}" for kind in ("payload", "wire") for way in ("sent", "received")
        }
        assert set(peer) == {"model", "weights_bytes"} | accuracies | traffic
        assert 0 <= peer["worst_domain_accuracy"] <= peer["all_domain_accuracy"] <= 1
    assert summary["missing"] > 0  # --loss 0.1
    assert 0 <= summary["conflict_rate"] <= 1


def test_bytes_are_counted_as_they_were_sent(tmp_path: Path) -> None:
    summary = finished(replace(SMALL, codec="float32"), tmp_path / "run")
    rows = 2 * summary["seed_set"]["rows"]  # and as many mixtures
    sizes = {p["payload_bytes_sent"] for p in summary["peers"].values()}
    assert sizes == {6 * 2 * (16 + rows * 10 * 4)}  # rounds × receivers × (header + float32)


def test_references_are_run_beside_it(tmp_path: Path) -> None:
    config = replace(SMALL, peers=("mlp",), domains=2, rounds=2, references=True)
    summary = finished(config, tmp_path / "run")
    assert list(summary["references"]) == ["alone", "seed-only", "pooled"]
    for row in summary["references"]:
        assert len(lines(tmp_path / "run/references" / row)) == 2
    page = write_report(tmp_path / "run").read_text()
    assert len(page) < 500_000
    assert "seed-only" in page
    assert "<svg" in page
    assert not any(f'{a}="http' in page.replace("http://www.w3.org", "") for a in ("src", "href"))
    unlabelled = finished(replace(config, unlabelled=True), tmp_path / "unlabelled")
    assert list(unlabelled["references"]) == ["alone", "pooled"]


def test_without_a_folder_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = replace(SMALL, peers=("mlp",), domains=2, rounds=2, evaluate=2).resolved()
    last = [e for e in simulate(config) if isinstance(e, Evaluation)][-1]
    assert last.last
    assert last.peers["rot00"].test is not None
    assert not list(tmp_path.iterdir())


def copy(straight: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(straight, tmp_path / "copy"))


def test_a_checkpoint_of_another_configuration_is_refused(straight: Path, tmp_path: Path) -> None:
    folder = copy(straight, tmp_path)
    text = (folder / "config.toml").read_text()
    (folder / "config.toml").write_text(text.replace("weight = 3.0", "weight = 4.0"))
    with pytest.raises(FedH2LError, match="a checkpoint of another configuration"):
        run_folder.open_again(folder)
    (folder / "config.toml").write_text(text + "\nunheard_of = 1\n")
    with pytest.raises(FedH2LError, match="not a configuration of this release"):
        run_folder.open_again(folder)


def test_a_truncated_checkpoint_is_refused_by_name(straight: Path, tmp_path: Path) -> None:
    folder = copy(straight, tmp_path)
    file = folder / "checkpoints/000006/rot38.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    run = run_folder.open_again(folder)
    with pytest.raises(FedH2LError, match=r"rot38\.safetensors: missing, truncated or corrupt"):
        list(simulate(run.config, folder))


def test_a_folder_that_holds_a_run_is_not_written_over_unless_asked(
    straight: Path, tmp_path: Path
) -> None:
    folder, config = copy(straight, tmp_path), SMALL.resolved()
    with pytest.raises(FedH2LError, match="already holds a run"):
        run_folder.open_new(folder, config, overwrite=False)
    run_folder.open_new(folder, config, overwrite=True)
    assert (folder / "summary.json").exists()  # nothing is lost before the new run has begun
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("x")
    with pytest.raises(FedH2LError, match="not empty, and not a run"):
        run_folder.open_new(tmp_path / "mine", config, overwrite=True)
    with pytest.raises(FedH2LError, match="no run to go on with"):
        run_folder.open_again(tmp_path / "mine")
