"""A user's own rows become a federation: whose they are, and in which part."""

from pathlib import Path

import numpy as np
import pytest

from clinic import RNG, SITES, clinic, keys, loaded, refusal, write_csv
from fedh2l.data import dataset_of
from fedh2l.data.domains import FederatedData
from fedh2l.data.own_data import OwnFile
from fedh2l.simulation.settings import compose, settings_of

pytest.importorskip("pyarrow", reason="needs the extra tables")

PARTS = ("train", "validation", "test")


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def of_part(data: FederatedData, part: str) -> set[float]:
    return {k for d in data.domains.values() for k in keys(getattr(d, part)[0])}


def test_every_row_is_in_one_part_of_one_domain() -> None:
    write_csv("clinic.csv", clinic())
    data = loaded("clinic.csv", domain="site", label="risk")
    assert list(data.domains) == ["Sao-Paulo", "oslo", "rome"]
    assert data.seed_set.classes == ("high", "low")
    everywhere = keys(data.seed_set.x)
    for domain in data.domains.values():
        assert [len(y) for _, y in domain] == [19, 6, 10]
        everywhere += [k for x, _ in domain for k in keys(x)]
    assert sorted(everywhere) == [i + 0.5 for i in range(120)]
    assert data.seed_set.owners is not None
    owned = {SITES.index("rome"): "rome"}
    for key, owner in zip(keys(data.seed_set.x), data.seed_set.owners, strict=True):
        assert owned.get(int(key) % 3, owner) == owner


def test_the_split_follows_the_seed_and_the_classes() -> None:
    columns = clinic(90, risk=["rare" if i < 9 else "usual" for i in range(90)])
    write_csv("clinic.csv", columns)
    one, same, other = (loaded("clinic.csv", s, domain="site", label="risk") for s in (1, 1, 2))
    assert one.digest == same.digest != other.digest
    for domain in one.domains.values():  # three rows of the rare class at each site
        counts = [int((y == 0).sum()) for _, y in domain]
        assert counts[1] + counts[2] == 1


def test_no_patient_is_in_two_parts_at_whichever_hospitals() -> None:
    columns = clinic(240, patient=[f"p{i % 40}" for i in range(240)])
    write_csv("clinic.csv", columns)
    data = loaded("clinic.csv", domain="site", label="risk", group="patient")
    patients = [{int(k) % 40 for k in of_part(data, part)} for part in PARTS]
    assert all(patients)
    patients[0] |= {int(k) % 40 for k in keys(data.seed_set.x)}
    assert sum(map(len, patients)) == len(set.union(*patients)) == 40
    assert data.seed_set.x.dtype.names == ("key", "age")  # neither site nor patient is a feature


@pytest.mark.parametrize("words", [("train", "val", "test"), ("Training", "dev", "testing")])
def test_a_split_that_the_file_has_is_kept(words: tuple[str, ...]) -> None:
    split = [words[0 if i % 10 < 6 else 1 if i % 10 < 8 else 2] for i in range(120)]
    write_csv("clinic.csv", clinic(split=split))
    data = loaded("clinic.csv", domain="site", label="risk")
    assert {int(k) % 10 for k in of_part(data, "test")} == {8, 9}
    assert {int(k) % 10 for k in of_part(data, "validation")} == {6, 7}

    two = ["test" if word == words[2] else "train" for word in split]
    write_csv("two.csv", clinic(split=two))
    data = loaded("two.csv", domain="site", label="risk")
    assert {int(k) % 10 for k in of_part(data, "test")} == {8, 9}
    assert len(of_part(data, "validation")) == 3 * 6  # a fifth of 32, of each
    write_csv("none.csv", clinic(split=["train"] * 120))
    assert "has no test rows by its own split" in refusal("none.csv", domain="site", label="risk")
    write_csv("odd.csv", clinic(split=["later"] * 120))
    assert "says 'later'; expected train" in refusal("odd.csv", domain="site", label="risk")


def test_where_no_domain_is_named_rows_are_dealt_out_at_random_and_this_is_told() -> None:
    np.savez("mine.npz", x=RNG.random((90, 4)), y=np.arange(90) % 3)
    data = loaded("mine.npz", domains=2)
    assert list(data.domains) == ["part0", "part1"]
    assert [sum(len(y) for _, y in d) for d in data.domains.values()] == [
        40,
        40,
    ]  # and a fifth of 27, of each, in the seed set
    assert any("no domains are named" in note for note in data.notes)
    assert len(loaded("mine.npz", peers=["forest", "mlp"]).domains) == 2
    assert "45 peers share them; each needs 10" in refusal("mine.npz", domains=45)


def test_arrays_say_whose_a_row_is_and_in_which_part() -> None:
    x = np.arange(120.0)[:, None].repeat(3, axis=1)
    split = np.where(np.arange(120) % 4 < 2, "train", "test")
    np.savez("a.npz", x=x, y=np.arange(120) // 4 % 2, domain=np.arange(120) % 2, split=split)
    data = loaded("a.npz")
    assert list(data.domains) == ["0", "1"]
    assert {int(k) % 2 for x, _ in data.domains["1"] for k in keys(x)} == {1}
    assert {int(k) % 4 for k in of_part(data, "test")} == {2, 3}

    np.savez(
        "b.npz", x=x, outcome=np.arange(120) % 2, ward=np.array(["a", "b"])[np.arange(120) % 2]
    )
    assert "no array is called 'y'; name the one of the labels with --label: x, outcome, ward" in (
        refusal("b.npz")
    )
    assert list(loaded("b.npz", label="outcome", domain="ward").domains) == ["a", "b"]
    assert "unknown column of b.npz 'wart': did you mean 'ward'" in refusal(
        "b.npz", label="outcome", domain="wart"
    )


def test_settings_of_an_own_file_survive_toml_and_name_the_file() -> None:
    write_csv("clinic.csv", clinic())
    assert dataset_of("clinic.csv") is OwnFile
    settings = {"data": "clinic.csv", "domain": "site", "label": "risk", "drop": ["age"]}
    experiment = compose(settings | {"classes": ["low", "high"]})
    assert settings_of(experiment)["data"] == "clinic.csv"
    for e in (experiment, experiment.resolved()):
        assert compose(settings_of(e)) == e


def test_gaps_and_infinity_in_arrays_are_refused_with_the_file() -> None:
    for value in (np.nan, np.inf):
        x = RNG.random((40, 3))
        x[7, 1] = value
        np.savez("gaps.npz", x=x, y=np.arange(40) % 2)
        assert "gaps.npz: NaN or infinity in row 7, 1 rows in all" in refusal("gaps.npz")
    write_csv("endless.csv", clinic(dose=["inf" if i == 3 else i for i in range(120)]))
    assert "endless.csv: infinity in row 3" in refusal("endless.csv", domain="site", label="risk")


def test_as_many_seed_labels_are_kept_as_are_asked_for() -> None:
    file = write_csv("clinic.csv", clinic())
    data = loaded(file, domain="site", label="risk", seed_labels=9)
    assert data.seed_set.labelled.sum() == 9
    assert data.seed_set.owners is not None
    owners = data.seed_set.owners[data.seed_set.labelled].tolist()
    assert {owners.count(name) for name in data.domains} == {3}
