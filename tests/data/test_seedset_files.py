"""The seed set as a file: made of a user's data, whole or refused, compared with private rows."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conftest import blobs, seed_set
from fedh2l.cli import main
from fedh2l.data.near_duplicates import near_duplicates
from fedh2l.data.seedset_about import differences
from fedh2l.data.seedset_file import load_seed_set, save_seed_set
from fedh2l.error import FedH2LError


def arrays(path: Path, n: int = 12, seed: int = 0) -> Path:
    x, y = blobs(n, seed=seed)
    np.savez(path, x=x, y=y)
    return path


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    with pytest.raises(SystemExit, match="0"):
        main([*arguments, "--json"])
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("labelled", [True, False])
def test_a_saved_seed_set_is_the_same_to_the_byte(tmp_path: Path, labelled: bool) -> None:
    seeds = seed_set(labelled=labelled)
    save_seed_set(seeds, tmp_path / "s")
    assert load_seed_set(tmp_path / "s").digest == seeds.digest


def test_two_contributors_make_one_seed_set_that_remembers_who_gave_what(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [str(arrays(tmp_path / f"{n}.npz", seed=i)) for i, n in enumerate(("rome", "oslo"))]
    told = answer(capsys, "seedset", "build", *files, "--out", str(tmp_path / "s"))
    seeds = load_seed_set(tmp_path / "s")
    assert told["digest"] == seeds.digest and told["classes"] == {"0": 8, "1": 8, "2": 8}
    assert seeds.owners is not None and list(seeds.owners) == ["rome"] * 12 + ["oslo"] * 12
    assert (
        answer(capsys, "seedset", "hash", str(tmp_path / "s"))["fingerprint"] == seeds.fingerprint
    )


def test_a_folder_of_images_becomes_a_seed_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, grey in (("cat", 10), ("dog", 200)):
        (tmp_path / "images" / name).mkdir(parents=True)
        for i in range(2):
            Image.new("RGB", (20, 30), (grey, grey, grey + i)).save(
                tmp_path / "images" / name / f"{i}.png"
            )
    answer(
        capsys,
        "seedset",
        "build",
        str(tmp_path / "images"),
        "--side",
        "8",
        "--out",
        str(tmp_path / "s"),
    )
    seeds = load_seed_set(tmp_path / "s")
    assert (
        seeds.classes == ("cat", "dog") and seeds.x.shape == (4, 1, 8, 8) and 0 < seeds.x.max() <= 1
    )


def test_images_of_other_modes_and_colours_are_read_and_what_is_none_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, mode in (("cat", "P"), ("dog", "RGBA")):
        (tmp_path / "images" / name).mkdir(parents=True)
        Image.new("RGB", (20, 30), (255, 0, 0)).convert(mode).save(
            tmp_path / "images" / name / "0.PNG"
        )
    (tmp_path / "images" / "cat" / "notes.txt").write_text("no image")
    answer(
        capsys,
        "seedset",
        "build",
        str(tmp_path / "images"),
        "--side",
        "8",
        "--colour",
        "--out",
        str(tmp_path / "s"),
    )
    x = load_seed_set(tmp_path / "s").x
    assert x.shape == (2, 3, 8, 8) and (x[:, 0] == 1).all() and (x[:, 1:] == 0).all()
    (tmp_path / "images" / "dog" / "1.png").write_bytes(b"no image")
    build = ("seedset", "build", str(tmp_path / "images"), "--out", str(tmp_path / "t"))
    assert "1.png: not an image" in refusal(capsys, *build, "--strict")
    assert "dog/1.png" in str(answer(capsys, *build)["notes"])


def test_a_parquet_table_becomes_a_seed_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pyarrow", reason="needs the extra tables")
    from pyarrow import parquet, table  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]

    numbers = {"age": [30, 40, 50, 60], "dose": [0.5, 1.5, 2.5, 3.5]}
    parquet.write_table(
        table({"age": numbers["age"], "ill": ["no", "yes", "no", "yes"], "dose": numbers["dose"]}),
        tmp_path / "t.parquet",
    )
    build = ("seedset", "build", str(tmp_path / "t.parquet"), "--out", str(tmp_path / "s"))
    build += ("--overwrite",)
    answer(capsys, *build, "--label", "ill")
    seeds = load_seed_set(tmp_path / "s")
    assert (
        seeds.classes == ("no", "yes")
        and seeds.labels is not None
        and seeds.labels.tolist() == [0, 1, 0, 1]
    )
    assert seeds.x.dtype.names == ("age", "dose")
    assert seeds.x.tolist() == [(30, 0.5), (40, 1.5), (50, 2.5), (60, 3.5)]
    assert "no labels (y), or no column of them" in refusal(capsys, *build)
    parquet.write_table(table({"ill": ["no", "yes"]}), tmp_path / "t.parquet")
    assert "no column but 'ill'" in refusal(capsys, *build, "--label", "ill")
    gaps = {"age": [30, None], "drug": ["a", None], "ill": ["no", "yes"]}
    parquet.write_table(table(gaps), tmp_path / "t.parquet")
    answer(capsys, *build, "--label", "ill")
    x = load_seed_set(tmp_path / "s").x
    assert np.isnan(x["age"][1]) and x["drug"].tolist() == ["a", ""]
    (tmp_path / "t.parquet").write_bytes(b"PAR1 no table")
    assert "no table that can be read" in refusal(capsys, *build)


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit, match="2"):
        main(list(arguments))
    return capsys.readouterr().err


def test_a_private_row_in_the_seed_set_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seeds = seed_set()
    save_seed_set(seeds, tmp_path / "s")
    mine, _ = blobs(40, seed=5)
    assert near_duplicates(seeds.x, mine).pairs == []
    mine[7] = seeds.x[3] + 1e-3
    np.savez(tmp_path / "mine.npz", x=mine)
    with pytest.raises(SystemExit, match="1"):
        main(
            [
                "seedset",
                "check",
                str(tmp_path / "s"),
                "--private",
                str(tmp_path / "mine.npz"),
                "--json",
            ]
        )
    assert json.loads(capsys.readouterr().out)["pairs"] == [{"seed row": 3, "private row": 7}]


def test_two_seed_sets_are_compared_row_by_row(tmp_path: Path) -> None:
    seeds = seed_set()
    save_seed_set(seeds, tmp_path / "a")
    other = load_seed_set(tmp_path / "a")
    assert differences(seeds, other) == []
    changed = other.x.copy()
    changed[4] += 1
    save_seed_set(type(seeds)(changed, seeds.classes[::-1], seeds.labels), tmp_path / "b")
    assert (
        differences(seeds, load_seed_set(tmp_path / "b"))[-1]
        == "examples: 1 rows differ, the first is row 4"
    )
    with pytest.raises(SystemExit, match="1"):
        main(["seedset", "diff", str(tmp_path / "a"), str(tmp_path / "b")])


def test_a_damaged_file_and_a_strangers_file_are_refused(tmp_path: Path) -> None:
    save_seed_set(seed_set(), tmp_path / "s")
    data = bytearray((tmp_path / "s").read_bytes())
    data[-1] ^= 1
    (tmp_path / "changed").write_bytes(data)
    (tmp_path / "cut").write_bytes(data[:-9])
    (tmp_path / "other").write_bytes(b"\x80\x04pickle")
    for name, why in (
        ("changed", "changed or damaged"),
        ("cut", "not a seed set"),
        ("other", "not a seed set"),
        ("none", "no such file"),
    ):
        with pytest.raises(FedH2LError, match=why):
            load_seed_set(tmp_path / name)


def test_arrays_that_would_need_unpickling_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez(tmp_path / "p.npz", x=np.array([[{}]], dtype=object))
    with pytest.raises(SystemExit, match="2"):
        main(["seedset", "build", str(tmp_path / "p.npz")])
    assert "without unpickling" in capsys.readouterr().err
