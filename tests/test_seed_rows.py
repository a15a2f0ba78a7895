"""What a seed set is made of: taken where its meaning is plain, else refused in words.

SeedSet itself is typed, and types are checked in tests, so its parts are given to what checks them.
"""

from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array

from conftest import blobs
from fedh2l.error import FedH2LError
from fedh2l.seed_rows import UNLABELLED, class_indices, class_names, feature_rows, owner_names
from fedh2l.seedset import SeedSet

NAMES = ("a", "b", "c")


@pytest.mark.parametrize("dtype", ["float64", "float32", "int16", "uint8"])
def test_labels_are_taken_in_every_form_whose_meaning_is_plain(dtype: str) -> None:
    y = blobs(12)[1]
    for labels in (y.astype(dtype), y.astype(dtype)[:, None], y.astype(dtype).tolist()):
        taken = class_indices(labels, 12, NAMES)
        assert taken is not None and taken.tolist() == y.tolist()
        assert taken.dtype.kind in "iu"


@pytest.mark.parametrize("gap", [-1, None, float("nan")])
def test_a_row_may_be_without_a_label_and_a_class_then_too(gap: Any) -> None:
    labels = [0, gap, 2, gap]
    taken = class_indices(labels, 4, NAMES)
    assert taken is not None and taken.tolist() == [0, UNLABELLED, 2, UNLABELLED]
    assert class_indices([gap] * 4, 4, NAMES) is None


def test_labels_of_minus_1_and_1_are_not_taken_for_one_class_without_rows() -> None:
    with pytest.raises(FedH2LError, match="label the rows of 'a' with 0"):
        class_indices([-1, 1, 1, -1], 4, ("a", "b"))


def test_classes_in_a_list_are_the_same_as_in_a_tuple() -> None:
    assert class_names(list(NAMES)) == class_names(NAMES) == class_names(np.array(NAMES)) == NAMES
    assert class_names(range(3)) == ("0", "1", "2")


@pytest.mark.parametrize(
    ("labels", "complaint"),
    [
        (np.array(["a", "b", "c"] * 4), "labels are of type <U1, such as .*'a'.*classes.index"),
        (np.eye(3)[np.arange(12) % 3], r"labels of shape \(12, 3\) for 12 rows.*argmax"),
        ([0, 1, 1.5] * 4, "label 1.5 in row 2 is not a whole number"),
        ([], r"labels of shape \(0,\) for 12 rows"),
        ([[0, 1], [2]], "labels is no array"),
        ([0, 1, 2, "a"] * 3, "labels are of type <U"),
        ([0, 1, -2] * 4, "labels in -2..1 for 3 classes"),
        ([0, 1, 3] * 4, "labels in 0..3 for 3 classes"),
        ([0, 1] * 6, "class 'c' has no rows"),
    ],
)
def test_labels_without_a_plain_meaning_are_refused_in_words(labels: Any, complaint: str) -> None:
    with pytest.raises(FedH2LError, match=f"seed set: {complaint}"):
        class_indices(labels, 12, NAMES)


@pytest.mark.parametrize(
    ("classes", "complaint"),
    [
        (["a", "b", "a"], "class 'a' is there twice"),
        ("abc", "classes is the word 'abc'"),
        (["a", None, "c"], "class 1 is None"),
        ([b"a", b"b", b"c"], "class 0 is b'a'"),
    ],
)
def test_classes_are_names_each_of_its_own(classes: Any, complaint: str) -> None:
    with pytest.raises(FedH2LError, match=f"seed set: {complaint}"):
        class_names(classes)


def test_features_are_numbers_and_owners_one_per_row() -> None:
    with pytest.raises(FedH2LError, match=r"x is a csr_array of object.*toarray"):
        feature_rows(csr_array(blobs(12)[0]))
    with pytest.raises(FedH2LError, match=r"text of shape \(1, 2\)"):
        feature_rows([["a", "b"]])
    with pytest.raises(FedH2LError, match=r"owners of shape \(2,\) for 12 rows"):
        owner_names(["p", "q"], 12)


def test_a_seed_set_checks_its_parts_and_its_views() -> None:
    x, y = blobs(12)
    with pytest.raises(FedH2LError, match="class 'a' is there twice"):
        SeedSet(x, ("a", "b", "a"), y)
    images = np.zeros((10, 1, 12, 12), np.float32)
    with pytest.raises(FedH2LError, match="unknown view 'shfit': did you mean 'shift'"):
        SeedSet(images, ("a", "b"), view="shfit")
    with pytest.raises(FedH2LError, match="every is 0"):
        SeedSet(images, ("a", "b"), view="shift", every=0)
