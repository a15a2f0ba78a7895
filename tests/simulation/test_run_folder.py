"""The folder of a run: one process at a time, and nothing of another run or of a damaged one."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from test_simulate import SMALL, finished

from fedh2l.error import FedH2LError
from fedh2l.simulation import run_folder
from fedh2l.simulation.settings import compose
from fedh2l.simulation.simulate import simulate

QUICK: dict[str, Any] = SMALL | {"peers": ["mlp"], "domains": 2, "rounds": 2, "steps": 1}


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("straight") / "run"
    finished(QUICK, folder)
    return folder


def copy(straight: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(straight, tmp_path / "copy"))


def test_a_checkpoint_of_another_configuration_is_refused(straight: Path, tmp_path: Path) -> None:
    folder = copy(straight, tmp_path)
    text = (folder / "config.toml").read_text()
    (folder / "config.toml").write_text(text.replace("weight = 3.0", "weight = 4.0"))
    with (
        pytest.raises(FedH2LError, match="a checkpoint of another configuration"),
        run_folder.open_again(folder),
    ):
        pass
    (folder / "config.toml").write_text(text + "\nunheard_of = 1\n")
    with pytest.raises(FedH2LError, match="not a configuration of this release"):
        run_folder.open_again(folder)


def test_a_truncated_checkpoint_is_refused_by_name(straight: Path, tmp_path: Path) -> None:
    folder = copy(straight, tmp_path)
    file = folder / "checkpoints/000002/rot75.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    cells = list(run_folder.open_again(folder).cells.values())
    with pytest.raises(FedH2LError, match=r"rot75\.safetensors: missing, truncated or corrupt"):
        list(simulate(cells))


def test_a_file_that_lost_its_lines_is_not_lengthened(straight: Path, tmp_path: Path) -> None:
    folder = copy(straight, tmp_path)
    (folder / "rounds.jsonl").unlink()
    with run_folder.open_again(folder) as run:
        start = next(simulate(list(run.cells.values())))
        with pytest.raises(FedH2LError, match=r"rounds\.jsonl: 0 bytes are there, but"):
            run.take(start)


def test_a_folder_that_holds_a_run_is_not_written_over_unless_asked(
    straight: Path, tmp_path: Path
) -> None:
    folder, experiment = copy(straight, tmp_path), compose(QUICK).resolved()
    with pytest.raises(FedH2LError, match="already holds a run"):
        run_folder.open_new(folder, experiment)
    run_folder.open_new(folder, experiment, overwrite=True)
    assert (folder / "summary.json").exists()  # nothing is lost before the new run has begun
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("x")
    with pytest.raises(FedH2LError, match="not empty, and not a run"):
        run_folder.open_new(tmp_path / "mine", experiment, overwrite=True)
    with pytest.raises(FedH2LError, match="no run to go on with"):
        run_folder.open_again(tmp_path / "mine")


def test_of_two_runs_that_begin_in_one_folder_the_second_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    settings = {"peers": ["mlp"], "domains": 2, "rounds": 2, "evaluate": 1, "steps": 1}
    # Both find the folder free; a checkpoint of the first is never taken for one of the second.
    first, second, late = (
        run_folder.open_new(folder, compose(settings | {"seed": seed}).resolved())
        for seed in (1, 2, 3)
    )
    with first, second, late:
        events = simulate(list(first.cells.values()))
        for _ in range(2):
            first.take(next(events))
        with pytest.raises(FedH2LError, match="a fedh2l run is writing into this folder"):
            second.take(next(simulate(list(second.cells.values()))))
        for event in events:
            first.take(event)
        first.finish()
        first.__exit__(None, None, None)
        with pytest.raises(FedH2LError, match="already holds a run"):
            late.take(next(simulate(list(late.cells.values()))))
    assert "seed = 1" in (folder / "config.toml").read_text()
    assert json.loads((folder / "summary.json").read_text())["seed"] == 1
