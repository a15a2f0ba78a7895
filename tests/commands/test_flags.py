"""Flags, files and variables are taken as written, or refused by name."""

from importlib.metadata import version
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
    process = fedh2l("run", "--config", "mine.toml", "--out", "r", cwd=tmp_path)
    assert process.returncode == 2
    assert "mine.toml: " in process.stderr
    assert complaint in process.stderr
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
    process = fedh2l("run", *QUICK, "--out", "r", cwd=tmp_path, env={variable: "3"})
    assert process.returncode == 2
    assert complaint in process.stderr


@pytest.mark.parametrize(
    ("command", "variable", "complaint"),
    [
        (["join", "i.json"], "FEDH2L_JOIN_MODLE", "did you mean 'FEDH2L_JOIN_MODEL'"),
        (["join", "i.json"], "FEDH2L_JOIN_SEEDS", "did you mean 'FEDH2L_JOIN_SEED_SET'"),
        (["audit", "r"], "FEDH2L_AUDIT_PEAR", "did you mean 'FEDH2L_AUDIT_PEER'"),
        (["seedset", "hash", "s"], "FEDH2L_SEEDSET_HASH_JASON", "'FEDH2L_SEEDSET_HASH_JSON'"),
        (["seedset", "hash", "s"], "FEDH2L_SEEDSET_BILD_SIDE", "did you mean 'BUILD'"),
        (["seedset", "hash", "s"], "FEDH2L_SEEDSET_BUILD", "names a command and no flag"),
        (["invite", "new", "i"], "FEDH2L_INVITE_NEW_QUORUN", "'FEDH2L_INVITE_NEW_QUORUM'"),
        (["invite", "new", "i"], "FEDH2L_INVITE_NEW_WEIHGT", "'FEDH2L_INVITE_NEW_WEIGHT'"),
        (["invite", "show", "i"], "FEDH2L_INVITE_SHOW_JSN", "'FEDH2L_INVITE_SHOW_JSON'"),
    ],
)
def test_a_misspelt_variable_of_the_command_that_is_called_is_refused(
    tmp_path: Path, command: list[str], variable: str, complaint: str
) -> None:
    process = fedh2l(*command, cwd=tmp_path, env={variable: "3"})
    assert process.returncode == 2
    assert complaint in process.stderr
    assert variable in process.stderr


def test_a_variable_of_a_live_command_is_taken(tmp_path: Path) -> None:
    process = fedh2l("join", "i.json", cwd=tmp_path, env={"FEDH2L_JOIN_MODEL": "mine.py:model"})
    assert "identity: no identity in it" in process.stderr


def test_a_setting_beside_resume_is_refused_in_the_environment_too(tmp_path: Path) -> None:
    variables = {"FEDH2L_RUN_ROUNDS": "3", "FEDH2L_RUN_WORKERS": "1"}
    process = fedh2l("run", "--resume", "r", cwd=tmp_path, env=variables)
    assert process.returncode == 2
    assert "leave the other flags out (FEDH2L_RUN_ROUNDS)" in process.stderr
    process = fedh2l("run", "--resume", "r", cwd=tmp_path, env={"FEDH2L_RUN_WORKERS": "1"})
    assert "no run to go on with" in process.stderr


@pytest.mark.parametrize("flag", [["--seeds", "absent"], ["--seeds=absent"]])
def test_the_seed_sets_earlier_flag_is_understood_and_not_shown(
    tmp_path: Path, flag: list[str]
) -> None:
    process = fedh2l("doctor", "--model", "mine.py:model", *flag, cwd=tmp_path)
    assert "absent" in process.stdout + process.stderr
    assert "Unknown option" not in process.stderr
    for command in (["join"], ["doctor"], ["accept"], ["invite", "new"]):
        text = fedh2l(*command, "--help", cwd=tmp_path).stdout
        assert "--seed-set" in text
        assert "--seeds" not in text


def test_help_shows_the_settings_of_the_method_that_is_named(tmp_path: Path) -> None:
    text = " ".join(fedh2l("run", "--algorithm", "fedprox", "--help", cwd=tmp_path).stdout.split())
    assert "--proximal" in text
    assert "[default: 0.01]" in text
    for other in ("--weight", "--teachers", "--warmup"):
        assert other not in text
    assert "--alpha" in fedh2l("run", "--help", "--data=skewed-mnist", cwd=tmp_path).stdout


@pytest.mark.parametrize("command", [[], ["join"], ["run"], ["seedset", "hash"]])
def test_the_version_is_that_of_the_package(tmp_path: Path, command: list[str]) -> None:
    process = fedh2l(*command, "--version", cwd=tmp_path)
    assert process.stdout.strip() == version("fedh2l")
