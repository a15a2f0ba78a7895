"""Private rows in the forms in which people have them."""

from typing import Any

import numpy as np
import pytest
import torch
from scipy import sparse

from conftest import blobs
from fedh2l.error import FedH2LError
from fedh2l.rows import checked_rows, class_indices, number_of_classes

X, Y = blobs(12)


@pytest.mark.parametrize(
    "labels",
    [
        Y.astype(np.int32),
        Y.astype(np.float64),
        Y[:, None],
        np.eye(3)[Y],
        Y.tolist(),
        torch.from_numpy(Y),
        torch.from_numpy(Y).bfloat16(),
    ],
    ids=["int32", "float", "column", "one-hot", "list", "tensor", "bfloat16"],
)
def test_labels_that_can_mean_one_thing_only_are_taken(labels: Any) -> None:
    x, y = checked_rows((X, labels))
    np.testing.assert_array_equal(y, Y)
    np.testing.assert_array_equal(x, X)


def test_a_range_and_booleans_are_labels() -> None:
    np.testing.assert_array_equal(class_indices(range(3)), [0, 1, 2])
    np.testing.assert_array_equal(class_indices(np.array([True, False])), [1, 0])


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.array(["ash", "birch", "cedar"] * 4), r"<U5 \('ash', 'birch', 'cedar' …\).*index"),
        (np.array(["ash", None, 3] * 4, object), "labels of type object"),
        (np.full(12, 0.5), "label 0.5 in row 0"),
        (np.full(12, np.nan), "label nan in row 0"),
        (np.full(12, -1), "label -1 in row 0"),
        (np.ones((12, 3)), r"labels of shape \(12, 3\)"),
        (3, "the labels are a int"),
        ([[0], [0, 1]], "cannot be made an array"),
        (np.ma.masked_array(Y, Y == 1), "masked out"),
        (Y[:-1], "12 rows and 11 labels"),
    ],
)
def test_other_labels_are_refused_with_the_fix(labels: Any, message: str) -> None:
    with pytest.raises(FedH2LError, match=message):
        checked_rows((X, labels))


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (sparse.csr_matrix(X), r"sparse csr_matrix; use .toarray\(\)"),
        (X.astype(object), "features of type object; use numbers"),
        (np.full((12, 2), "oslo"), "texts.*featurise="),
        (X.astype(complex), "features of type complex"),
        (np.where(Y[:, None] == 2, np.inf, X), "NaN or infinity in row 2"),
        (X[:0], "0 rows and 12 labels"),
    ],
    ids=["sparse", "object", "text", "complex", "infinite", "none"],
)
def test_features_that_are_no_numbers_are_refused_with_the_fix(features: Any, message: str) -> None:
    with pytest.raises(FedH2LError, match=message):
        checked_rows((features, Y))


def test_nan_is_taken_where_it_means_missing() -> None:
    x = np.where(Y[:, None] == 2, np.nan, X)
    assert np.isnan(checked_rows((x, Y), missing=True)[0]).any()
    with pytest.raises(FedH2LError, match="NaN or infinity in row 2"):
        checked_rows((x, Y))


def test_a_third_part_is_not_dropped_without_a_word() -> None:
    with pytest.raises(FedH2LError, match="3 parts"):
        checked_rows((X, Y, Y))


@pytest.mark.parametrize("classes", [("ash", "birch"), np.array(["ash", "birch"]), 1, 2.5, None])
def test_the_number_of_classes_is_a_number(classes: Any) -> None:
    with pytest.raises(FedH2LError, match=r"len\(seed_set.classes\)"):
        number_of_classes(classes)
