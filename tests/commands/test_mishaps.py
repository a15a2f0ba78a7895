"""What the system refuses, and files that were damaged: one line each, and no traceback."""

import subprocess
import sys
from pathlib import Path

import pytest
from test_cli import QUICK, fedh2l


def test_places_that_cannot_be_written_to_are_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for out, complaint in (
        ("file", "not a directory"),
        ("file/sub", "not a directory"),
        ("a" * 300, "file name too long; choose a shorter name"),
        ("/proc/nothing", "no such file"),
    ):
        process = fedh2l("run", *QUICK, "--out", out, cwd=tmp_path)
        assert process.returncode == 2, process.stderr
        assert complaint in process.stderr
        assert len(process.stderr.splitlines()) == 1, process.stderr


def test_a_path_is_text_and_not_markup(tmp_path: Path) -> None:
    process = fedh2l("run", *QUICK, "--out", "x[/b] [bold]", cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    assert "x[/b] [bold]/report.html" in process.stdout
    again = "fedh2l run --config &#39;x[/b] [bold]/config.toml&#39; --out &#39;x[/b] [bold]-again"
    assert again in (tmp_path / "x[/b] [bold]/report.html").read_text()
    assert "x[/b] [bold]" in fedh2l("audit", "x[/b] [bold]", cwd=tmp_path).stdout


def test_a_reader_that_has_seen_enough_gets_no_traceback(tmp_path: Path) -> None:
    command = f"{sys.executable} -m fedh2l run --help | head -n 1"
    process = subprocess.run(command, shell=True, capture_output=True, text=True, cwd=tmp_path)
    assert process.stderr == ""


def test_a_locale_without_greek_is_no_reason_to_end(tmp_path: Path) -> None:
    process = fedh2l("run", "--help", cwd=tmp_path, env={"PYTHONIOENCODING": "ascii"})
    assert process.returncode == 0, process.stderr
    assert "--weight" in process.stdout


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("summary.json", "report"),
        ("rounds.jsonl", "report"),
        ("sent.jsonl", "audit"),
        ("checkpoints/latest.json", "audit"),
    ],
)
def test_a_damaged_file_is_named_in_one_line(tmp_path: Path, name: str, command: str) -> None:
    assert fedh2l("run", *QUICK, "--out", "r", cwd=tmp_path).returncode == 0
    data = (tmp_path / "r" / name).read_bytes()
    (tmp_path / "r" / name).write_bytes(data[: len(data) // 2])
    process = fedh2l(command, "r", cwd=tmp_path)
    assert process.returncode == 2
    assert name in process.stderr
    assert len(process.stderr.splitlines()) == 1, process.stderr
