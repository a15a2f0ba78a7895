"""Flags, files and variables are taken as written, or refused by name."""

from pathlib import Path

import pytest
from test_cli import QUICK, fedh2l


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[run]\nsteps = 3\n", "has a table [run]"),
        ("roundz = 3\n", "did you mean 'rounds'"),
        ("rounds = 2.5\n", "rounds is 2.5, expected a whole number"),
        ("rate = nan\n", "rate is nan"),
        ("proximal = 0.5\n", "a setting of algorithm fedprox, not of fedh2l"),
        ('out = "elsewhere"\n', "give it as --out"),
        ("baselines = 3\n", "expected true or false"),
    ],
)
def test_a_file_is_taken_as_written_or_refused_by_name(
    tmp_path: Path, text: str, complaint: str
) -> None:
    (tmp_path / "mine.toml").write_text(text)
    done = fedh2l("run", "--config", "mine.toml", "--out", "r", cwd=tmp_path)
    assert done.returncode == 2
    assert "mine.toml: " in done.stderr
    assert complaint in done.stderr
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    ("variable", "complaint"),
    [
        ("FEDH2L_RUN_ROUNDZ", "did you mean 'FEDH2L_RUN_ROUNDS'"),
        ("FEDH2L_RUNN_ROUNDS", "did you mean 'RUN'"),
        ("FEDH2L_ROUNDS", "unknown command"),
    ],
)
def test_a_misspelt_variable_is_refused(tmp_path: Path, variable: str, complaint: str) -> None:
    done = fedh2l("run", *QUICK, "--out", "r", cwd=tmp_path, env={variable: "3"})
    assert done.returncode == 2
    assert complaint in done.stderr


def test_help_shows_the_settings_of_the_method_that_is_named(tmp_path: Path) -> None:
    text = " ".join(fedh2l("run", "--algorithm", "fedprox", "--help", cwd=tmp_path).stdout.split())
    assert "--proximal" in text
    assert "[default: 0.01]" in text
    for other in ("--weight", "--teachers", "--warmup"):
        assert other not in text
    assert "--alpha" in fedh2l("run", "--help", "--data=skewed-mnist", cwd=tmp_path).stdout
