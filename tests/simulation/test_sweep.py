"""Sweeps of real cells: small peers on the digits, in real processes that are killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from fedh2l.simulation.sweep.tables import CellLine, read_cells, read_table, table_of

SMALL = """
methods = ["fedh2l", "alone"]
seeds = [3, 4]
[common]
rounds = 3
evaluate = 1
steps = 1
views = false
domains = 2
peers = ["logistic"]
"""


def write_plan(folder: Path, text: str = SMALL) -> Path:
    path = folder / "small.toml"
    path.write_text(text)
    return path


def command(*arguments: Any) -> list[str]:
    return [sys.executable, "-m", "fedh2l", "sweep", *map(str, arguments)]


def sweep(*arguments: Any) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "120"}
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, timeout=300, env=environment
    )


def without_timings(path: Path) -> list[str]:
    """The lines of a table but for what differs between equal sweeps: CPU seconds."""
    lines = path.read_text().splitlines()
    place = lines[0].split(",").index("cpu_seconds")
    return [",".join(w for i, w in enumerate(x.split(",")) if i != place) for x in lines]


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("straight")
    done = sweep(write_plan(folder), "--out", folder / "s", "-j", 1)
    assert done.returncode == 0, done.stderr
    return folder / "s"


def test_a_killed_sweep_repeats_no_finished_cell_and_ends_with_the_same_tables(
    straight: Path, tmp_path: Path
) -> None:
    plan, out = write_plan(tmp_path), tmp_path / "s"
    process = subprocess.Popen(
        command(plan, "--out", out, "-j", 1),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    # Kill the sweep alone once a cell is finished: its children must notice by themselves.
    until = time.monotonic() + 200
    while not list(out.glob("cells/*/summary.json")) and time.monotonic() < until:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    finished = {path: path.stat().st_mtime_ns for path in out.glob("cells/*/summary.json")}
    assert finished and len(finished) < 4

    done = sweep(plan, "--out", out, "-j", 2, "--json")
    assert done.returncode == 0, done.stderr
    assert f"{len(finished)} of 4 cells were finished before" in done.stderr
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    for name in ("table.csv", "cells.csv"):
        assert without_timings(out / name) == without_timings(straight / name)
    # Of every cell the journal has each round once.
    for folder in (out / "cells").iterdir():
        lines = (folder / "rounds.jsonl").read_text().splitlines()
        assert [json.loads(x)["round"] for x in lines] == [1, 2, 3]


def test_a_finished_sweep_computes_nothing(straight: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in straight.rglob("summary.json")}
    again = sweep(write_plan(straight.parent), "--out", straight, "--json")
    assert "4 of 4 cells were finished before" in again.stderr
    assert {p: p.stat().st_mtime_ns for p in straight.rglob("summary.json")} == before
    table = json.loads(again.stdout)["table"]
    assert [(line["algorithm"], line["n"]) for line in table] == [("fedh2l", 2), ("alone", 2)]


def test_the_tables_have_exactly_the_columns_that_others_read(straight: Path) -> None:
    heading = (straight / "table.csv").read_text().splitlines()[0]
    assert heading == (
        "algorithm,data,setting,n,own_mean,own_std,all_domain_mean,all_domain_std,"
        "worst_domain_mean,ece_mean,payload_bytes,cpu_seconds"
    )
    cells = read_cells(straight / "cells.csv")
    assert [(c.algorithm, c.seed) for c in cells] == [
        ("fedh2l", 3),
        ("fedh2l", 4),
        ("alone", 3),
        ("alone", 4),
    ]
    assert [line.n for line in read_table(straight / "table.csv")] == [2, 2]
    for cell in cells:
        summary = json.loads((straight / "cells" / cell.cell / "summary.json").read_text())
        assert cell.all_domain == pytest.approx(summary["mean"]["all_domain_accuracy"], abs=1e-6)
        assert (cell.payload_bytes > 0) == (cell.algorithm == "fedh2l")


BROKEN = """
import os

def model(*_):
    raise ValueError("no such luck")

def dies(*_):
    os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize(
    ("function", "reason"), [("model", "no such luck"), ("dies", "its process died (signal 9)")]
)
def test_a_failed_cell_is_told_with_its_log_and_stops_no_other(
    tmp_path: Path, function: str, reason: str
) -> None:
    (tmp_path / "mine.py").write_text(BROKEN)
    text = SMALL.replace("seeds = [3, 4]", "seeds = [3]").replace(
        '["fedh2l", "alone"]', '["alone"]'
    )
    text += f'[setting.good]\n[setting.bad]\npeers = ["{tmp_path / "mine.py"}:{function}"]\n'
    # A worker that has failed goes on with the next cell, or another one does.
    text += "[setting.later]\nrounds = 2\n"
    done = sweep(write_plan(tmp_path, text), "--out", tmp_path / "s", "-j", 1)
    assert done.returncode == 1
    (words,) = [x for x in done.stdout.splitlines() if x.startswith("failed: alone, digits, bad")]
    assert reason in words
    cells = read_cells(tmp_path / "s" / "cells.csv")
    assert [c.setting for c in cells] == ["good", "later"]
    about = json.loads((tmp_path / "s" / "sweep.json").read_text())
    (failed,) = about["failed"]
    assert Path(failed["log"]).is_file()
    if function == "model":
        assert "Traceback" in Path(failed["log"]).read_text()


def test_tuning_chooses_on_validation_rows(tmp_path: Path) -> None:
    text = SMALL.replace("logistic", "mlp") + "[tune.fedh2l]\nrate = [0.00001, 0.05]\n"
    done = sweep(write_plan(tmp_path, text), "--out", tmp_path / "s", "--tune", "--json")
    assert done.returncode == 0, done.stderr
    candidates = json.loads(done.stdout)["chosen"]
    best = max(candidates, key=lambda c: c["validation_all_domain"])
    assert [c["chosen"] for c in candidates] == [int(c is best) for c in candidates]
    assert best["candidate"] == "rate=0.05"
    # The cells of the table are computed with what was chosen, of all seeds.
    cells = read_cells(tmp_path / "s" / "cells.csv")
    mine = [c for c in cells if c.algorithm == "fedh2l"]
    assert [c.seed for c in mine] == [3, 4]
    for cell in mine:
        assert "rate = 0.05" in (tmp_path / "s" / "cells" / cell.cell / "config.toml").read_text()


def test_two_sweeps_are_never_in_one_folder(tmp_path: Path, straight: Path) -> None:
    from fedh2l.record.lock import lock_folder

    out = tmp_path / "s"
    out.mkdir()
    with lock_folder(out, "test"):
        refused = sweep(write_plan(tmp_path), "--out", out)
    assert refused.returncode == 2
    assert "another fedh2l sweep is writing into this folder" in refused.stderr


def line(seed: int, own: float, algorithm: str = "a") -> CellLine:
    return CellLine(algorithm, "d", "s", seed, own, own, own, 0.1, 0.2, None, 0.5, 9.0, 1.0, "x")


def test_means_and_deviations_by_hand() -> None:
    (two,) = table_of([line(0, 0.5), line(1, 0.7)])
    assert (two.n, two.own_mean) == (2, pytest.approx(0.6))
    assert two.own_std == pytest.approx(0.1 * 2**0.5)
    (one,) = table_of([line(0, 0.5)])
    assert one.own_std is None


def test_a_sweep_of_flags_needs_no_file(tmp_path: Path) -> None:
    flags = ["--methods", "alone", "fedh2l", "--data", "digits", "--seeds", 2, "--set", "rounds=1"]
    done = sweep(*flags, "--out", tmp_path / "s", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "alone, digits, default: seeds 0, 1" in done.stdout
    assert "4 cells" in done.stdout
