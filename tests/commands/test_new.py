"""`fedh2l new`: what it writes works as it stands, and nothing of the user's is lost."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import fedh2l.templates
from fedh2l.cli import main
from fedh2l.commands.new import MODULES


def new(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[Any, Any]:
    """Exit code, and the answer or the refusal."""
    with pytest.raises(SystemExit) as end:
        main(["new", *arguments, "--json"])
    output = capsys.readouterr()
    return end.value.code, output.err if end.value.code else json.loads(output.out)


def test_every_template_is_a_kind() -> None:
    sources = Path(fedh2l.templates.__path__[0]).glob("*.py")
    assert {s.stem for s in sources} - {"__init__", "test_model"} == set(MODULES)


@pytest.mark.parametrize("kind", MODULES)
def test_what_is_written_passes_its_test_the_doctor_and_a_run(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(MODULES[kind])
    code, answer = new(capsys, str(tmp_path / "mine"), "--kind", kind)
    assert code == 0 and answer["needs"] == "nothing more"
    doctor, test, run, _ = (command.split() for command in answer["next"])
    monkeypatch.chdir(tmp_path)
    quick = ["--no-baselines", "--workers", "1", "--rounds", "2", "--out", "run"]
    for command in (doctor[1:], run[1 : run.index("--rounds")] + quick):
        with pytest.raises(SystemExit) as end:
            main(command)
        assert end.value.code == 0, capsys.readouterr().out
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    alone = [sys.executable, "-m", *test, "-q", "-c", "/dev/null", "-p", "no:cacheprovider"]
    subprocess.run(alone, check=True)


def test_nothing_is_overwritten_without_being_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "model.py"
    mine.write_text("# mine")
    code, refusal = new(capsys, str(tmp_path), "--kind", "sklearn")
    assert code == 2 and "--overwrite" in refusal and mine.read_text() == "# mine"
    assert not (tmp_path / "test_model.py").exists()
    assert new(capsys, str(tmp_path), "--kind", "sklearn", "--overwrite")[0] == 0
    assert "SklearnLearner" in mine.read_text()
    assert new(capsys, str(tmp_path), "--kind", "tensorflow")[0] == 2
