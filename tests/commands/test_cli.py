"""The command line as a person meets it: in a process of its own, for the exit code and what is
printed.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

QUICK = [
    "--peers",
    "mlp",
    "--domains",
    "2",
    "--rounds",
    "2",
    "--steps",
    "2",
    "--no-baselines",
    "--workers",
    "1",
]

WITHOUT_EXTRAS = """import sys
class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "zenoh", "cryptography"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Nothing())
"""


def fedh2l(
    *arguments: object, cwd: Path, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error::ResourceWarning", "-m", "fedh2l", *map(str, arguments)]
    return subprocess.run(
        command, cwd=cwd, env=os.environ | (env or {}), capture_output=True, text=True, timeout=120
    )


def test_help_is_light() -> None:
    code = (
        "import sys; from fedh2l.cli import main\ntry: main(['--help'])\nexcept SystemExit: "
        "pass\nprint(*sys.modules, file=sys.stderr)"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert "Simulate a federation" in process.stdout
    assert not {"torch", "sklearn", "numpy", "scipy", "matplotlib", "networkx"} & set(
        process.stderr.split()
    )


def test_the_help_of_run_teaches_every_flag(tmp_path: Path) -> None:
    text = fedh2l("run", "--help", cwd=tmp_path).stdout
    flags = (
        "data domains algorithm peers rounds steps seed views no-views unlabelled "
        "baselines no-baselines workers out resume config json"
    )
    for flag in flags.split():
        assert f"--{flag}" in text, flag
    assert "λ" in text


@pytest.mark.parametrize("workers", [1, 2])
def test_what_is_not_installed_is_named_with_what_installs_it(tmp_path: Path, workers: int) -> None:
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_EXTRAS)
    process = fedh2l("run", *QUICK[:-1], workers, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)})
    assert process.returncode == 2
    assert (
        process.stderr.splitlines()[-1]
        == "fedh2l: rot00: this model needs torch, which is not installed: "
        "pip install 'fedh2l[torch]'"
    )


@pytest.mark.parametrize("command", ["join invite.json", "invite show invite.json", "relay x"])
def test_a_command_whose_extra_is_missing_names_it(tmp_path: Path, command: str) -> None:
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_EXTRAS)
    process = fedh2l(*command.split(), cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)})
    assert process.returncode == 2
    (line,) = process.stderr.splitlines()
    assert line.endswith("which is not installed: pip install 'fedh2l[zenoh]'")


def test_a_run_from_flags_file_and_environment(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        'rounds = 9\nsteps = 1\npeers = ["mlp"]\ndomains = 2\nbaselines = false\n'
    )
    process = fedh2l(
        "run",
        "--config",
        "mine.toml",
        "--steps",
        2,
        "--out",
        "r",
        "--json",
        cwd=tmp_path,
        env={"FEDH2L_RUN_ROUNDS": "2"},
    )
    assert process.returncode == 0, process.stderr
    summary = json.loads(process.stdout)
    # The environment over the file, flags over both.
    assert (summary["rounds"], summary["steps"]) == (2, 2)
    assert summary == json.loads((tmp_path / "r/summary.json").read_text())
    files = {
        "config.toml",
        "rounds.jsonl",
        "summary.json",
        "report.html",
        "sent.jsonl",
        "sent.bin",
        "checkpoints",
        "lock",
    }
    assert {p.name for p in (tmp_path / "r").iterdir()} == files
    again = fedh2l("run", "--config", "r/config.toml", "--out", "s", "--json", cwd=tmp_path)
    assert json.loads(again.stdout)["mean"] == summary["mean"]


def test_the_tables_are_for_people(tmp_path: Path) -> None:
    process = fedh2l("run", *QUICK, "--out", "r", cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    assert "all domains" in process.stdout
    assert "fedh2l 2/2" in process.stdout
    assert "r/report.html" in process.stdout


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--data", "digit"], "did you mean 'digits'"),
        (["--algorithm", "fedhl2"], "did you mean 'fedh2l'"),
        (["--peers", "lennet"], "did you mean 'lenet'"),
        (
            ["--data", "rotated-mnist", "--data-dir", "nowhere"],
            "no train-images-idx3-ubyte.gz there",
        ),
        (["--seed-share", "0.001"], "raise --seed-share"),
        (["--every", "2.5"], "'2.5', expected a whole number"),
        (["--batch", "0"], "batch is 0; it must be 1 or more"),
        (["--rate", "nan"], "rate is nan, expected a finite number"),
        (["--temperature", "1e308"], "temperature is 1e+308; it must be"),
        (["--seed", "99999999999999999999"], "seed is 99999999999999999999; it must be"),
        (["--warmup", "2"], "warmup is 2 of 2 rounds"),
        (["--proximal", "0.1"], "proximal is a setting of algorithm fedprox, not of fedh2l"),
        (["--turn", "10"], "turn is a setting of data skewed-mnist, not of digits"),
        (["--algorithm", "alone", "--weight", "1"], "fedh2l and fd and 11 more, not of alone"),
        (["--rounds", "many"], "--rounds"),
        (["--roundz", "3"], "unknown setting 'roundz': did you mean 'rounds'"),
        (["--config", "absent.toml"], "absent.toml"),
        (["--graph", "rign"], "did you mean 'ring'"),
    ],
)
def test_bad_input_gets_one_line_and_leaves_nothing(
    tmp_path: Path, flags: list[str], complaint: str
) -> None:
    process = fedh2l("run", *QUICK, "--out", "r", *flags, cwd=tmp_path)
    assert process.returncode == 2
    assert complaint in process.stderr
    assert "Traceback" not in process.stderr
    assert len([line for line in process.stderr.splitlines() if line.strip()]) == 1, process.stderr
    assert not (tmp_path / "r").exists()


def test_resuming_needs_a_run_and_no_other_flags(tmp_path: Path) -> None:
    for flags, complaint in (
        (["--resume", "absent"], "no run to go on with"),
        (["--resume", ".", "--rounds", "9"], "leave the other flags out"),
    ):
        process = fedh2l("run", *flags, cwd=tmp_path)
        assert process.returncode == 2
        assert complaint in process.stderr


def test_an_audit_lists_and_decodes_what_was_sent(tmp_path: Path) -> None:
    assert fedh2l("run", *QUICK, "--out", "r", cwd=tmp_path).returncode == 0
    process = fedh2l("audit", "r", cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    assert "4 messages" in process.stdout
    # One line each.
    assert len(re.findall(r"rot\d\d .* lattice .* [0-9a-f]{16} ", process.stdout)) == 4
    entries = [
        json.loads(line)
        for line in fedh2l(
            "audit", "r", "--json", "--peer", "rot75", cwd=tmp_path
        ).stdout.splitlines()
    ]
    assert [(t["round"], t["receivers"], t["codec"]) for t in entries] == [
        (0, ["rot00"], "lattice"),
        (1, ["rot00"], "lattice"),
    ]
    rows = json.loads(
        fedh2l("audit", "r", "--peer", "rot75", "--decode", 1, "--json", cwd=tmp_path).stdout
    )
    assert [len(rows), len(rows[0])] == entries[1]["shape"]
    for flags, complaint in (
        (["--decode", "1"], "--peer"),
        (["--peer", "rot75", "--decode", "7"], "no posteriors in round 7"),
        (["--peer", "rot7"], "did you mean 'rot75'"),
    ):
        refusal = fedh2l("audit", "r", *flags, cwd=tmp_path)
        assert refusal.returncode == 2
        assert complaint in refusal.stderr
    assert fedh2l("audit", ".", cwd=tmp_path).returncode == 2


def test_a_report_needs_a_finished_run(tmp_path: Path) -> None:
    process = fedh2l("report", ".", cwd=tmp_path)
    assert process.returncode == 2
    assert "no finished run" in process.stderr
