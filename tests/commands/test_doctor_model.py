"""`fedh2l doctor --model`: a model is looked at without a federation."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import seed_set
from fedh2l.cli import main
from fedh2l.data.seedset_file import save_seed_set

MINE = """
import numpy as np
from sklearn.linear_model import LogisticRegression
from fedh2l.learners.sklearn import SklearnLearner

y = np.arange(90) % 3
x = np.eye(3, 6)[y] * 3 + np.random.default_rng(0).normal(size=(90, 6))

def model(seed_set, rows=None, training=None):
    return SklearnLearner(LogisticRegression(max_iter=1000), rows or (x, y), len(seed_set.classes))

def shifted(seed_set):
    return SklearnLearner(LogisticRegression(), (x, (y + 1) % 3), len(seed_set.classes))
"""


@pytest.fixture
def doctor(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Any:
    """The command in a folder with a model and a seed set: its exit code and what it said."""
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(MINE)
    save_seed_set(seed_set(60), Path("seeds.safetensors"))

    def command(*arguments: str) -> tuple[Any, str, str]:
        with pytest.raises(SystemExit) as end:
            main(["doctor", *arguments])
        output = capsys.readouterr()
        return end.value.code, output.out, output.err

    return command


@pytest.mark.parametrize(
    "given", [[], ["--seed-set", "seeds.safetensors"], ["--data", "digits"]], ids=str
)
def test_a_good_model_passes(doctor: Any, given: list[str]) -> None:
    code, out, _ = doctor("--model", "mine.py:model", *given)
    assert code == 0, out
    lines = out.splitlines()
    assert len(lines) >= 13 and all(line.startswith("ok  ") for line in lines)


def test_a_wrong_model_exits_with_1_and_json_has_the_fix(doctor: Any) -> None:
    given = ("--model", "mine.py:shifted", "--seed-set", "seeds.safetensors")
    code, out, _ = doctor(*given, "--json")
    wrong = {f["what"]: f for f in json.loads(out) if not f["ok"]}
    assert code == 1 and {"private rows", "label order"} <= wrong.keys()
    assert all(f["fix"] for f in wrong.values())
    code, out, _ = doctor(*given)
    assert code == 1 and "FAIL label order" in out and "do this: number your labels" in out


def test_a_file_that_is_not_there_is_a_finding_and_no_model_is_an_error(doctor: Any) -> None:
    code, out, _ = doctor("--model", "nowhere.py:model")
    assert code == 1 and "no such file" in out
    code, _, err = doctor()
    assert code == 2 and "fedh2l doctor --model" in err
    code, out, _ = doctor("--model", "forest")
    assert code == 1 and "give --data" in out


def test_a_table_of_ones_own_gives_the_rows(doctor: Any) -> None:
    rng = np.random.default_rng(0)
    risk = np.arange(120) % 2
    lines = [
        f"{i % 3},{a:.3f},{b:.3f},{r}"
        for i, (a, b, r) in enumerate(
            zip(rng.normal(3 * risk), rng.normal(size=120), risk, strict=True)
        )
    ]
    Path("clinic.csv").write_text("\n".join(["site,age,dose,risk", *lines]))
    given = ("--data", "clinic.csv", "--domain", "site", "--label", "risk")
    code, out, _ = doctor("--model", "mine.py:model", *given)
    assert code == 0 and "clinic.csv, with the private rows of 0" in out, out
    code, out, _ = doctor("--model", "mine.py:model", "--data", "digits", "--label", "risk")
    assert code == 1 and "--label is for a file of your own" in out
