"""A table for each site, and functions of one's own, as data sets."""

from pathlib import Path

import numpy as np
import pytest

from clinic import clinic, keys, loaded, refusal, write_csv
from fedh2l.simulation.settings import compose, settings_of

pytest.importorskip("pyarrow", reason="needs the extra tables")


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write_site(path: str, first: int, rows: int) -> None:
    """A site's own table: its rows are numbered from `first`."""
    columns = clinic(rows)
    columns["key"] = [first + i + 0.5 for i in range(rows)]
    del columns["site"]
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    write_csv(path, columns)


# --- a table for each site


def test_every_table_of_a_folder_is_a_site() -> None:
    write_site("sites/rome.csv", 0, 40)
    write_site("sites/oslo.csv", 100, 50)
    Path("sites/notes.md").write_text("of no use")
    data = loaded("sites", label="risk")
    assert list(data.domains) == ["oslo", "rome"]
    assert min(keys(data.domains["oslo"].train[0])) >= 100 > max(keys(data.domains["rome"].test[0]))


@pytest.mark.parametrize("name", ["{part}/{site}.csv", "{site}/{part}.csv"])
def test_folders_or_names_that_say_the_part_are_followed(name: str) -> None:
    for i, site in enumerate(("rome", "oslo")):
        for j, part in enumerate(("train", "validation", "test")):
            write_site(f"sites/{name.format(site=site, part=part)}", 1000 * i + 100 * j, 20)
    data = loaded("sites", label="risk")
    assert sorted(keys(data.domains["oslo"].test[0])) == [1200.5 + i for i in range(20)]
    assert sorted(keys(data.domains["rome"].validation[0])) == [100.5 + i for i in range(20)]


def test_tables_of_parts_are_one_data_set() -> None:
    for first, part in ((0, "train"), (100, "test")):
        write_csv(f"{part}.csv", clinic(60) | {"key": [first + i + 0.5 for i in range(60)]})
    Path("both").mkdir()
    for part in ("train", "test"):
        Path(f"{part}.csv").rename(f"both/{part}.csv")
    data = loaded("both", domain="site", label="risk")
    assert len(data.domains) == 3
    assert all(min(keys(d.test[0])) > 100 > max(keys(d.train[0])) for d in data.domains.values())


def test_sites_with_unlike_columns_are_refused() -> None:
    write_site("sites/rome.csv", 0, 40)
    write_csv("sites/oslo.csv", {"key": range(40), "risk": ["high", "low"] * 20})
    assert "column 'age' is not in both" in refusal("sites", label="risk")


# --- a function


def write_function(body: str) -> str:
    Path("mine.py").write_text(f"import numpy as np\nfrom helper import rows\n\n{body}\n")
    Path("helper.py").write_text(
        "import numpy as np\n\n\ndef rows(n, shift=0.0):\n"
        "    y = np.arange(n) % 2\n    return np.arange(n)[:, None] + np.zeros((n, 3)) + shift, y\n"
    )
    return "mine.py:federation"


def test_a_function_gives_the_rows_of_each_domain() -> None:
    where = write_function(
        "def federation():\n    return {'rome': rows(40), 'Oslo 1': rows(30, .5)}"
    )
    data = loaded(where)
    assert list(data.domains) == ["rome", "Oslo-1"]
    assert data.seed_set.classes == ("0", "1")
    experiment = compose({"data": where}).resolved()
    assert compose(settings_of(experiment)) == experiment
    assert "3 domains are asked for, and it gives 2" in refusal(where, domains=3)


def test_a_function_is_called_with_domains_and_seed_where_it_takes_them() -> None:
    where = write_function(
        "def federation(domains, seed):\n"
        "    return {f'd{i}': rows(40, seed + i) for i in range(domains or 4)}"
    )
    assert list(loaded(where, domains=3).domains) == ["d0", "d1", "d2"]
    assert len(loaded(where).domains) == 4
    shifted = loaded(where, seed=5, domains=2)
    assert min(keys(np.concatenate([x for x, _ in shifted.domains["d1"]]))) >= 6


def test_a_function_may_give_a_whole_federation() -> None:
    where = write_function(
        "from fedh2l.data.digits import digits\n\n\n"
        "def federation(seed):\n    return digits(domains=3, seed=seed)"
    )
    assert list(loaded(where).domains) == ["rot00", "rot38", "rot75"]
    assert compose({"data": where}).resolved().data.kind == "images"


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("def other():\n    pass", "no function 'federation' in it"),
        ("def federation():\n    return [1]", "gives a list, expected {domain: (x, y)}"),
        ("def federation():\n    return {'a': 3}", "domain 'a' is a int, expected (x, y)"),
        (
            "def federation():\n    return {'a': (np.ones((9, 2)), np.ones(8))}",
            "domain 'a' has 9 rows and 8 labels",
        ),
    ],
)
def test_a_function_that_gives_something_else_is_refused(body: str, complaint: str) -> None:
    assert complaint in refusal(write_function(body))
    assert "no such file" in refusal("nowhere.py:federation")
