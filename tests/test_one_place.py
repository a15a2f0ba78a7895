"""A new thing is one file and one line in its table: a method, a data set and a learner are
written, and the command line, its help, files, baselines and the contract test know them.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from toy_parts import add_toys

ROOT = Path(__file__).parents[1]
CHOSEN = ("--algorithm", "toy", "--data", "toy", "--peers", "toy")


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("package")
    add_toys(folder)
    return folder


def python(
    package: Path, *words: str, cwd: Path, code: int = 0
) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(package), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", *words]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    return done


def test_a_run_takes_all_three_by_their_names(package: Path, tmp_path: Path) -> None:
    words = ("--points", "50", "--domains", "2", "--workers", "2", "--json", "--out", "r")
    done = python(package, "fedh2l", "run", *CHOSEN, *words, cwd=tmp_path)
    summary = json.loads(done.stdout)
    assert (summary["algorithm"], summary["data"], summary["rounds"]) == ("toy", "toy", 3)
    assert list(summary["baselines"]) == ["alone", "seed-only", "pooled"]
    assert {p["model"] for p in summary["peers"].values()} == {"toy"}
    assert all(p["payload_bytes_sent"] > 0 for p in summary["peers"].values())

    # The trap: FedH2L has a weight too, and another default. Baselines take the method's steps.
    config = (tmp_path / "r/config.toml").read_text()
    assert "weight = 1.0\n" in config
    assert "steps = 5\n" in config
    assert summary["steps"] == 5

    again = ("--config", "r/config.toml", "--workers", "1", "--json", "--out", "s")
    repeated = json.loads(python(package, "fedh2l", "run", *again, cwd=tmp_path).stdout)
    assert repeated["mean"] == summary["mean"]
    assert repeated["baselines"] == summary["baselines"]
    assert "6 messages" in python(package, "fedh2l", "audit", "r", cwd=tmp_path).stdout


def test_help_shows_their_own_settings(package: Path, tmp_path: Path) -> None:
    text = " ".join(
        python(package, "fedh2l", "run", *CHOSEN, "--help", cwd=tmp_path).stdout.split()
    )
    assert "Weight of that mean. [default: 1.0]" in text
    assert "Private rows of each peer. [default: 40]" in text
    for other in ("--temperature", "--seed-share", "--seed-batch"):
        assert other not in text


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--points", "3"), "points is 3; it must be 40 or more"),
        (("--temperature", "2"), "a setting of algorithm fedh2l, not of toy"),
        (("--point", "50"), "did you mean 'points'"),
    ],
)
def test_their_ranges_and_names_are_held(
    package: Path, tmp_path: Path, words: tuple[str, ...], complaint: str
) -> None:
    done = python(package, "fedh2l", "run", *CHOSEN, *words, cwd=tmp_path, code=2)
    assert complaint in done.stderr
    assert not list(tmp_path.iterdir())


def test_the_contract_test_covers_the_method(package: Path, tmp_path: Path) -> None:
    words = ("tests/test_contracts.py", "-k", "toy and forest", "-p", "no:cacheprovider", "-n", "0")
    words += ("--basetemp", str(tmp_path / "inner"))
    done = python(package, "pytest", *words, "-q", cwd=ROOT)
    assert "." in done.stdout and "failed" not in done.stdout
