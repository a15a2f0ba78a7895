"""`fedh2l run --data clinic.csv` as a person meets it: in a process of its own."""

import json
from pathlib import Path

import numpy as np
import pytest
from test_cli import fedh2l

pytest.importorskip("pyarrow", reason="needs the extra tables")

SHORT = ["--rounds", 4, "--steps", 2, "--evaluate", 1, "--workers", 1, "--no-baselines"]
COLUMNS = ["--domain", "site", "--label", "risk"]


def write_clinic(path: Path, noise: int = 0) -> None:
    rng = np.random.default_rng(noise)
    lines = ["age,pressure,site,risk"]
    for i in range(120):
        age, pressure = rng.normal(60, 10), rng.normal(120, 10)
        risk = "high" if age + pressure > 180 else "low"
        lines.append(f"{age:.1f},{pressure:.1f},{('rome', 'oslo')[i % 2]},{risk}")
    path.write_text("\n".join(lines))


def rounds(folder: Path) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in (folder / "rounds.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k != "seconds"} for line in lines]


def test_a_table_is_told_run_repeated_and_not_resumed_once_it_was_changed(tmp_path: Path) -> None:
    write_clinic(tmp_path / "clinic.csv")
    run = ["run", "--data", "clinic.csv", *COLUMNS, *SHORT]
    done = fedh2l(*run, "--out", "a", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    told = done.stdout[: done.stdout.index("fedh2l: 4 rounds")]
    assert "2 columns of numbers: age, pressure" in told
    assert "oslo: " in told
    summary = json.loads((tmp_path / "a" / "summary.json").read_text())
    assert summary["data"] == "clinic.csv"
    assert list(summary["peers"]) == ["oslo", "rome"]

    again = fedh2l("run", "--config", "a/config.toml", "--workers", 2, "--out", "b", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert rounds(tmp_path / "b") == rounds(tmp_path / "a")

    resumed = fedh2l("run", "--resume", "b", cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    write_clinic(tmp_path / "clinic.csv", noise=1)
    changed = fedh2l("run", "--resume", "b", cwd=tmp_path)
    assert changed.returncode == 2
    assert (
        "b: the data are not those that this run began with; restore clinic.csv" in changed.stderr
    )


def test_a_table_with_gaps_and_categories_in_ten_lines_with_a_model_of_ones_own(
    tmp_path: Path,
) -> None:
    """Seven lines of the user's, for a site of his own; the other site has a model by name."""
    lines = ["age,drug,site,risk"]
    for i in range(120):
        drug, risk = ("a", "b", "")[i % 3], ("high", "low", "")[i % 2 if i % 11 else 2]
        lines.append(f"{50 + 9 * (i % 2) + i % 7 if i % 5 else ''},{drug},{i // 2 % 2},{risk}")
    (tmp_path / "clinic.csv").write_text("\n".join(lines))
    (tmp_path / "mine.py").write_text(
        "from sklearn.tree import DecisionTreeClassifier\n"
        "from fedh2l.learners.sklearn import SklearnLearner\n"
        "from fedh2l.learners.table_features import table_features\n\n\n"
        "def model(seeds, rows, training):\n"
        "    featurise = table_features(rows[0], seeds.x)\n"
        "    tree = DecisionTreeClassifier(max_depth=3)\n"
        "    return SklearnLearner(tree, rows, len(seeds.classes), featurise=featurise)\n"
    )
    done = fedh2l(
        *("run", "--data", "clinic.csv", *COLUMNS, "--peers", "1=mine.py:model"),
        *("--peers", "mlp", *SHORT, "--out", "r"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "r" / "summary.json").read_text())
    assert {n: p["model"] for n, p in summary["peers"].items()} == {
        "0": "mlp",
        "1": "mine.py:model",
    }
    assert summary["mean"]["all_domain_auc"] > 0.8
    assert "11 rows without a label" in " ".join(summary["data_notes"])
    assert "own AUC" in done.stdout
    assert "rows without a label" in (tmp_path / "r" / "report.html").read_text()


def test_help_shows_the_settings_of_an_own_file(tmp_path: Path) -> None:
    write_clinic(tmp_path / "clinic.csv")
    text = fedh2l("run", "--data", "clinic.csv", "--help", cwd=tmp_path).stdout
    for flag in ("--domain", "--label", "--group", "--drop", "--classes"):
        assert flag in text


def test_a_setting_of_own_files_is_refused_for_others(tmp_path: Path) -> None:
    done = fedh2l("run", "--label", "risk", "--out", "r", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "label" in done.stderr
