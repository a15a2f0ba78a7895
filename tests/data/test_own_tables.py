"""What a user's table holds is inferred and told; what has no meaning is refused in one line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
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
    assert dropped.seed_set.x.dtype.names == ("key", "age")


def test_a_row_without_a_label_becomes_a_seed_row_without_one() -> None:
    columns = clinic()
    columns["risk"] = ["" if i % 4 == 0 else risk for i, risk in enumerate(columns["risk"])]
    write_csv("clinic.csv", columns)
    data = loaded("clinic.csv", domain="site", label="risk")
    seeds = data.seed_set
    assert sorted(keys(seeds.x[~seeds.labelled])) == [i + 0.5 for i in range(0, 120, 4)]
    assert seeds.labelled.sum() == 3 * 4  # a fifth of 18, of each
    everywhere = [k for d in data.domains.values() for x, _ in d for k in keys(x)]
    assert not any(int(k) % 4 == 0 for k in everywhere)
    assert any("30 rows without a label, which become seed rows" in note for note in data.notes)


def test_columns_are_numbers_or_categories_with_gaps_and_ids_are_left_out() -> None:
    drugs = ["" if i % 10 == 0 else "abc"[i % 3] for i in range(120)]
    doses = ["?" if i % 6 == 0 else i for i in range(120)]
    columns = clinic(drug=drugs, dose=doses, name=[f"patient {i}" for i in range(120)])
    columns |= {"ward": [i % 4 for i in range(120)], "day": ["2024-01-02"] * 120}
    columns |= {"pulse": ["high" if i == 7 else i for i in range(120)]}
    write_csv("clinic.csv", columns)
    data = loaded("clinic.csv", domain="site", label="risk", categories=["ward"], drop=["pulse"])
    x = data.domains["rome"].train[0]
    kinds = {name: x.dtype[name].kind for name in x.dtype.names or ()}
    assert kinds == {"key": "f", "age": "f", "drug": "U", "dose": "f", "ward": "U"}
    number = x["key"].astype(int)
    np.testing.assert_array_equal(np.isnan(x["dose"]), number % 6 == 0)
    np.testing.assert_array_equal(x["drug"] == "", number % 10 == 0)
    told = "\n".join(data.notes)
    for note in (
        "2 columns of categories: drug, ward",
        "missing values in drug (12), dose (20)",
        "left out column 'name': it has 120 values in 120 rows",
        "left out column 'day': it holds times",
    ):
        assert note in told
    both = "\n".join(loaded("clinic.csv", domain="site", label="risk").notes)
    assert "column 'pulse': it is text because of 'high' among its numbers" in both


def test_a_column_of_text_may_be_what_is_learnt_from() -> None:
    words = ["good fine well" if i // 3 % 2 else "bad awful poor" for i in range(120)]
    write_csv("mail.csv", clinic(body=[f"{w} {i}" for i, w in enumerate(words)]))
    data = loaded("mail.csv", domain="site", label="risk", text="body")
    assert data.seed_set.x.dtype.kind == "U"
    assert any("left out the other columns: key, age" in note for note in data.notes)
    assert "did you mean 'body'" in refusal("mail.csv", domain="site", label="risk", text="bodi")


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
    assert answer["row"] == "(2,): 2 columns of numbers, 0 of categories"
