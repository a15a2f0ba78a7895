"""Labels and contributors make a seed set as they were meant, or are refused in one line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fedh2l.data.seedset_file import load_seed_set

X = np.random.default_rng(0).random((30, 4))
Y = np.arange(30) % 3


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (Y.astype(float), ["0", "1", "2"]),
        (Y[:, None], ["0", "1", "2"]),
        (np.array([b"ash", b"birch", b"cedar"])[Y], ["ash", "birch", "cedar"]),
        (Y % 2 == 0, ["False", "True"]),
        (Y + 9, ["9", "10", "11"]),
    ],
    ids=["float", "column", "bytes", "bool", "sorted-as-numbers"],
)
def test_labels_that_can_be_meant_in_one_way_are_taken(
    seedset_build: Callable[..., Any], labels: np.ndarray, classes: list[str]
) -> None:
    np.savez("d.npz", x=X, y=labels)
    assert list(seedset_build("d.npz")["classes"]) == classes


@pytest.mark.parametrize(
    ("labels", "complaint"),
    [
        (Y + 0.5, "row 0: label 0.5 is not a whole number"),
        (np.where(Y == 1, np.inf, Y), "row 1: label inf is not a whole number"),
        (np.where(Y == 1, np.nan, Y), "row 1 has no label, 10 rows in all"),
        (np.array(["a", "", "b"])[Y], "row 1 has no label"),
        (np.eye(3)[Y], "one-hot"),
        (Y[:7], "7 labels for 30 rows"),
        (Y.astype(complex), "labels of type complex128"),
        (Y.astype("M8[s]"), "labels of type datetime64"),
        (np.array([b"\xff", b"a", b"b"])[Y], "not text in UTF-8"),
        (np.array(["ash", "Ash", "birch"])[Y], "one class in two spellings"),
        (np.array(["a", 1, None], dtype=object)[Y], "y.astype(str)"),
    ],
)
def test_labels_that_mean_nothing_or_two_things_are_refused(
    seedset_build: Callable[..., Any], labels: np.ndarray, complaint: str
) -> None:
    np.savez("d.npz", x=X, y=labels)
    assert complaint in seedset_build("d.npz")
    assert not Path("seeds.safetensors").exists()


def test_rows_without_a_label_are_welcome_where_labels_are_withheld(
    seedset_build: Callable[..., Any],
) -> None:
    np.savez("d.npz", x=X, y=np.where(Y == 1, np.nan, Y))
    assert seedset_build("d.npz", "--unlabelled")["rows"] == 30
    assert load_seed_set(Path("seeds.safetensors")).classes == ("0", "2")


@pytest.mark.parametrize(
    ("ours", "theirs", "complaint"),
    [
        (["ash", "birch"], ["ash", "Birch "], "'Birch ' (theirs) and 'birch' (ours)"),
        (["0", "1"], ["ash", "birch"], "ours numbers its classes and theirs names them"),
        ([0, 1, 2], [1, 2, 3], "ours numbers its classes from 0 and theirs from 1"),
        (["01", "02"], ["1", "2"], "two spellings"),
    ],
)
def test_contributors_who_say_one_class_in_two_ways_are_refused(
    seedset_build: Callable[..., Any], ours: list[Any], theirs: list[Any], complaint: str
) -> None:
    for name, values in (("ours", ours), ("theirs", theirs)):
        np.savez(f"{name}.npz", x=X, y=np.array(values)[np.arange(30) % len(values)])
    assert complaint in seedset_build("ours.npz", "theirs.npz")
    every = sorted({str(v) for v in ours + theirs})
    assert "digest" in seedset_build("ours.npz", "theirs.npz", "--classes", *every)


def test_a_label_that_is_no_class_is_refused_with_the_near_miss(
    seedset_build: Callable[..., Any],
) -> None:
    np.savez("d.npz", x=X, y=np.array(["ash", "birch", "cedar"])[Y])
    assert "did you mean 'cedars'" in seedset_build("d.npz", "--classes", "ash", "birch", "cedars")
    assert "'ash' twice" in seedset_build("d.npz", "--classes", "ash", "ash", "birch", "cedar")


def test_values_from_0_to_1_and_to_255_are_not_joined(seedset_build: Callable[..., Any]) -> None:
    np.savez("a.npz", x=X, y=Y)
    np.savez("b.npz", x=X * 255, y=Y)
    assert "scale one" in seedset_build("a.npz", "b.npz")


def test_a_few_of_each_class_come_from_all_contributors_in_turn(
    seedset_build: Callable[..., Any],
) -> None:
    for i, name in enumerate("abc"):
        np.savez(f"{name}.npz", x=X + i, y=Y)
    seedset_build("a.npz", "b.npz", "c.npz", "--per-class", "4")
    seeds = load_seed_set(Path("seeds.safetensors"))
    assert seeds.owners is not None
    assert {n: int((seeds.owners == n).sum()) for n in "abc"} == {"a": 6, "b": 3, "c": 3}
    assert "--per-class is 0" in seedset_build("a.npz", "--per-class", "0", "--overwrite")


def test_own_files_are_never_overwritten_unasked(seedset_build: Callable[..., Any]) -> None:
    np.savez("d.npz", x=X, y=Y)
    Path("im").mkdir()
    Path("link.npz").hardlink_to("d.npz")
    before = Path("d.npz").read_bytes()
    for out in ("d.npz", "link.npz", "./im/../d.npz"):
        assert "source" in seedset_build("d.npz", "--out", out, "--overwrite")
    assert "lies in" in seedset_build("im", "--out", "im/seeds.safetensors")
    assert "is a folder" in seedset_build("d.npz", "--out", "im")
    assert Path("d.npz").read_bytes() == before

    seedset_build("d.npz")
    assert "--overwrite" in seedset_build("d.npz")
    assert "digest" in seedset_build("d.npz", "--overwrite")


def test_a_source_without_labels_beside_one_with_labels_gives_unlabelled_rows(
    seedset_build: Callable[..., Any],
) -> None:
    np.savez("ours.npz", x=X, y=Y)
    np.savez("public.npz", x=X + 0.5)
    answer = seedset_build("ours.npz", "public.npz")
    assert answer["labels"] == "of 30 rows, 30 without, balanced"
    seeds = load_seed_set(Path("seeds.safetensors"))
    assert seeds.labelled.tolist() == [True] * 30 + [False] * 30
    seedset_build("ours.npz", "public.npz", "--per-class", "2", "--overwrite")
    assert load_seed_set(Path("seeds.safetensors")).labelled.sum() == 6
    assert "no labels (y)" in seedset_build("public.npz", "--overwrite")


def test_labels_missing_here_and_there_are_taken_when_that_is_said(
    seedset_build: Callable[..., Any],
) -> None:
    np.savez("d.npz", x=X, y=np.where(Y == 1, np.nan, Y))
    assert "--partly-labelled" in seedset_build("d.npz")
    answer = seedset_build("d.npz", "--partly-labelled", "--classes", "0", "1", "2")
    assert answer["labels"] == "of 20 rows, 10 without, uneven: look at the classes"
    assert answer["classes"] == {"0": 10, "1": 0, "2": 10}
