"""What a user's table holds is inferred and told; what has no meaning is refused in one line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clinic import clinic, keys, loaded, refusal, write_csv

pytest.importorskip("pyarrow", reason="needs the extra tables")


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_csv_file_is_read_whatever_separates_its_columns(separator: str) -> None:
    file = write_csv("clinic.csv", clinic(), separator)
    if separator == ";":  # who separates by semicolons writes 0,5
        Path(file).write_text(Path(file).read_text("utf-8").replace(".", ","), "utf-8")
    data = loaded(file, domain="site", label="risk")
    everywhere = [k for d in data.domains.values() for x, _ in d for k in keys(x)]
    assert sorted(everywhere + keys(data.seed_set.x)) == [i + 0.5 for i in range(120)]


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        ([True, False], ("False", "True")),
        ([1.0, 0.0], ("0", "1")),
        ([2, 10], ("2", "10")),
        (["no", "yes"], ("no", "yes")),
    ],
)
def test_labels_of_any_kind_become_classes(labels: list[Any], classes: tuple[str, ...]) -> None:
    write_csv("clinic.csv", clinic(risk=[labels[i // 3 % 2] for i in range(120)]))
    assert loaded("clinic.csv", domain="site", label="risk").seed_set.classes == classes


def test_what_was_inferred_is_told() -> None:
    columns = clinic(same=[7] * 120, number=range(120))
    write_csv("clinic.csv", columns)
    told = "\n".join(loaded("clinic.csv", domain="site", label="risk").notes)
    for note in (
        "4 columns of numbers: key, age, same, number",
        "classes high (60), low (60)",
        "column 'same': it is the same in every row",
        "column 'number': it has another whole number in every row: if it is an id, --drop it",
        "rome: 19 rows to train, 6 to choose on, 10 to test, 5 seeds",
    ):
        assert note in told
    dropped = loaded("clinic.csv", domain="site", label="risk", drop=["number", "same"])
    assert dropped.seed_set.x.shape[1:] == (2,)


def test_a_domain_of_one_class_is_told() -> None:
    columns = clinic()
    columns["risk"] = [
        "low" if s == "oslo" else r for s, r in zip(columns["site"], columns["risk"], strict=True)
    ]
    write_csv("clinic.csv", columns)
    data = loaded("clinic.csv", domain="site", label="risk")
    assert any("oslo" in note and "only class is 'low'" in note for note in data.notes)


@pytest.mark.parametrize(
    ("change", "settings", "complaint"),
    [
        ({}, {}, "no column is called 'label'; name the one of the labels with --label: key, age"),
        ({}, {"label": "rsk"}, "did you mean 'risk'"),
        ({}, {"label": "age", "drop": ["risk"]}, "is not a whole number"),
        ({"risk": range(120)}, {"label": "risk"}, "120 different labels in 120 rows"),
        ({"risk": ["low"] * 120}, {"label": "risk"}, "every label is 'low'"),
        ({"risk": ["low", "Low"] * 60}, {"label": "risk"}, "one class in two spellings"),
        ({"site": ["rome", "oslo"] * 58 + ["olso"] * 4}, {}, "'olso' has 4 labelled rows"),
        ({"site": ["rome", "Rome"] * 60}, {}, "makes no name for a peer that can be told from"),
        ({"site": ["rome", ""] * 60}, {}, "row 1 has no site, 60 rows in all"),
        ({}, {"domains": 2}, "2 domains are asked for, and it names 3"),
        ({}, {"side": 8}, "--side is of images"),
        ({}, {"drop": ["agee"]}, "did you mean 'age'"),
        ({}, {"classes": ["high", "lo"]}, "unknown class in clinic.csv 'low': did you mean 'lo'"),
    ],
)
def test_what_has_no_meaning_is_refused_in_one_line(
    change: dict[str, Any], settings: dict[str, Any], complaint: str
) -> None:
    write_csv("clinic.csv", clinic() | change)
    usual = {} if complaint.startswith("no column") else {"label": "risk", "domain": "site"}
    assert complaint in refusal("clinic.csv", **(usual | settings))


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("a.csv", b"", "no table that can be read"),
        ("a.csv", b"x,label\n", "no rows below the names"),
        ("a.csv", b"1,2\n3,4\n", "its first line holds numbers"),
        ("a.csv", b"x,label\n1,2,3\n", "no table that can be read"),
        ("a.csv", b"x,x,label\n1,2,3\n", "two columns are called 'x'"),
        ("a.csv", b"x,label\n\xff,1\n", "column 'x' holds text that is not UTF-8"),
        ("a.parquet", b"PAR1 no table", "no table that can be read"),
        ("a.xlsx", b"PK", "neither .npz, .csv, .parquet nor a folder"),
    ],
)
def test_a_file_that_is_none_is_refused(name: str, content: bytes, complaint: str) -> None:
    Path(name).write_bytes(content)
    message = refusal(name)
    assert complaint in message
    assert message.startswith(name)


def test_a_name_that_is_neither_known_nor_a_file_is_refused() -> None:
    assert "no such file" in refusal("clinic.csv")
    assert "unknown data 'digit': did you mean 'digits'" in refusal("digit")


def test_one_way_to_read_a_file_for_run_and_for_a_seed_set(
    seedset_build: Callable[..., Any],
) -> None:
    columns = clinic()
    del columns["site"]
    write_csv("clinic.csv", columns)
    answer = seedset_build("clinic.csv", "--label", "risk")
    assert answer["classes"] == {"high": 60, "low": 60}
    assert answer["row"] == "(2,)"
