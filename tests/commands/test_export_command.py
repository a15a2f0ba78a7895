"""`fedh2l export`: from the folder of a run to a file."""

import json
from pathlib import Path
from typing import Any

import pytest

from fedh2l.cli import main

RUN = ["run", "--rounds", "1", "--no-baselines", "--workers", "1", "--out", "run"]


@pytest.fixture
def export(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Any:
    """The command beside a run of two peers: its exit code, and the answer or the refusal."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main([*RUN, "--peers", "mlp", "--peers", "logistic"])
    capsys.readouterr()

    def command(*arguments: str) -> tuple[Any, Any]:
        with pytest.raises(SystemExit) as end:
            main(["export", "run", *arguments, "--json"])
        output = capsys.readouterr()
        code = end.value.code
        return code, output.err if code else json.loads(output.out)

    return command


def test_peers_of_a_run_are_exported(export: Any) -> None:
    code, answer = export("--peer", "rot75", "--to", "skops")
    assert code == 0 and answer["file"] == "rot75.skops" and Path("rot75.skops").is_file()
    assert answer["largest_difference"] <= 1e-5 and answer["columns"][3] == "3"
    assert answer["row"] == [1, 8, 8] and answer["compared_rows"] == 108

    code, refusal = export("--peer", "rot75", "--to", "skops")
    assert code == 2 and "--overwrite" in refusal
    code, answer = export("--peer", "rot00", "--to", "safetensors", "--out", "mine.safetensors")
    assert code == 0 and Path("mine.safetensors").stat().st_size == answer["bytes"]


def test_what_cannot_be_exported_is_refused_in_a_line(export: Any) -> None:
    for arguments, why in (
        (["--to", "onnx"], "the run's peers are rot00, rot75"),
        (["--peer", "rome", "--to", "onnx"], "--peer rome: the run's peers are rot00, rot75"),
        (["--peer", "rot00", "--to", "skops"], "it goes to safetensors, onnx"),
    ):
        code, refusal = export(*arguments)
        assert code == 2 and why in refusal and refusal.count("\n") == 1
    assert {p.name for p in Path().iterdir()} == {"run"}
