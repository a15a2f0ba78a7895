"""Heart disease at four hospitals: from UCI's files, with a line of names or without."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from fedh2l.data.heart_disease import COLUMNS, HOSPITALS, SHA256, HeartDisease
from fedh2l.error import FedH2LError

REAL = Path("/work/shared/data/heart-disease")
NAMES = ",".join([*COLUMNS, "target"])
ROW = "63.0,1.0,1.0,145.0,233.0,1.0,2.0,150.0,0.0,2.3,3.0,0.0,6.0,{target}"
GAPS = "32,1,1,95,0,?,0,127,0,.7,1,?,,{target}"


def write_hospitals(folder: Path, *, names: bool) -> Path:
    """Ages count, so that every patient can be told from all others."""
    for number, hospital in enumerate(HOSPITALS):
        lines = [NAMES] if names else []
        for i in range(40):
            row = (ROW if i % 4 else GAPS).format(target=(0, 1, 0, 4)[i % 4])
            lines.append(f"{100 * number + i}," + row.partition(",")[2])
        (folder / f"processed.{hospital}.data").write_text("\n".join(lines) + "\n")
    return folder


@pytest.mark.parametrize("names", [True, False])
def test_patients_are_read_with_their_categories_and_gaps(tmp_path: Path, names: bool) -> None:
    data = HeartDisease(data_dir=write_hospitals(tmp_path, names=names)).load(4, 0)
    assert list(data.domains) == list(HOSPITALS)
    assert data.seed_set.classes == ("healthy", "ill")
    ages: list[float] = []
    for domain in data.domains.values():
        for x, y in domain:
            ages += x["age"].tolist()
            # The target is 1 and 4 of those who are ill.
            np.testing.assert_array_equal(y, x["age"].astype(int) % 2)
    assert sorted([*ages, *data.seed_set.x["age"]]) == [
        100 * n + i for n in range(4) for i in range(40)
    ]
    x = data.domains["va"].train[0]
    gaps = x["age"].astype(int) % 4 == 0
    assert (x["thal"][gaps] == "").all() and (x["thal"][~gaps] == "6").all()
    assert np.isnan(x["ca"][gaps]).all() and (x["ca"][~gaps] == 0).all()
    assert np.isnan(x["chol"][gaps]).all()  # nobody has no cholesterol


def test_hospitals_are_taken_in_their_order(tmp_path: Path) -> None:
    data = HeartDisease(domains=2, data_dir=write_hospitals(tmp_path, names=False))
    assert list(data.load(2, 0).domains) == ["cleveland", "hungarian"]
    with pytest.raises(FedH2LError, match="5 domains; there can be 1 to 4"):
        data.names(5)


def test_a_file_that_is_missing_or_another_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FedH2LError, match=r"no processed\.cleveland\.data there"):
        HeartDisease(data_dir=tmp_path).load(4, 0)
    write_hospitals(tmp_path, names=False)
    for wrong in ("1,2,3", "x" + ROW.format(target=1), ROW.format(target="?")):
        (tmp_path / "processed.va.data").write_text(wrong + "\n")
        with pytest.raises(FedH2LError, match=r"va.data: row 0 is .*not 13 features and a target"):
            HeartDisease(data_dir=tmp_path).load(4, 0)
    (tmp_path / "processed.va.data").write_text(NAMES + "\n")
    with pytest.raises(FedH2LError, match="no rows"):
        HeartDisease(data_dir=tmp_path).load(4, 0)


@pytest.mark.skipif(not REAL.is_dir(), reason="needs UCI's files")
def test_the_real_hospitals_are_those_of_the_hashes() -> None:
    data = HeartDisease(data_dir=REAL).load(4, 0)
    rows = {n: sum(len(y) for _, y in d) for n, d in data.domains.items()}
    seeds = len(data.seed_set)
    assert sum(rows.values()) + seeds == 303 + 294 + 123 + 200
    for hospital, sha256 in SHA256.items():
        # These files have a line of names, and nothing where UCI's own have a question mark.
        lines = (REAL / f"processed.{hospital}.data").read_text().split("\n")[1:]
        filled = [",".join(value or "?" for value in line.split(",")) for line in lines if line]
        content = "\n".join(filled) + "\n"
        assert hashlib.sha256(content.encode()).hexdigest() == sha256
