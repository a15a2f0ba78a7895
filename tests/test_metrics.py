import numpy as np
import pytest

from conftest import Says, blobs, torch_learner
from fedh2l.error import FedH2LError
from fedh2l.metrics import Scores, accuracy, mean_scores, scores


def test_accuracy_by_hand() -> None:
    assert accuracy(
        np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]), np.array([0, 1, 1])
    ) == pytest.approx(2 / 3)


def test_a_column_of_labels_is_one_label_per_row() -> None:
    probs = np.array([[0.9, 0.1], [0.2, 0.8]])
    assert accuracy(probs, np.array([[0], [1]])) == 1.0


@pytest.mark.parametrize(
    ("labels", "complaint"),
    [
        (np.eye(2, dtype=np.int64), r"labels of shape \(2, 2\) for posteriors of shape \(2, 2\)"),
        (np.array([0]), "needs one label per row"),
        (np.array([1, 2]), "for 2 classes; labels are indices from 0 to 1"),
        (np.array([-1, 0]), "labels are indices"),
        (np.array(["ash", "birch"]), "labels such as .*'ash'"),
    ],
)
def test_labels_that_are_no_indices_are_refused(labels: np.ndarray, complaint: str) -> None:
    with pytest.raises(FedH2LError, match=complaint):
        accuracy(np.array([[0.9, 0.1], [0.2, 0.8]]), labels)


def test_posteriors_that_are_not_numbers_are_no_accuracy() -> None:
    probs = np.array([[0.9, 0.1], [np.nan, np.nan]])
    with pytest.raises(FedH2LError, match="posteriors on row 1; its training has diverged"):
        accuracy(probs, np.array([0, 0]))
    tests = {"home": (np.zeros((2, 6), np.float32), np.array([0, 0]))}
    with pytest.raises(FedH2LError, match="home, on the rows of home: NaN"):
        scores(Says(probs), "home", tests)


def test_own_all_and_worst_domain() -> None:
    learner = torch_learner()
    learner.learn(None, 60)
    x, y = blobs(90, seed=3)
    found = scores(learner, "home", {"home": (x, y), "lies": (x, (y + 1) % 3)})
    assert found["own_accuracy"] > 0.9
    assert found["worst_domain_accuracy"] < 0.1
    assert found["all_domain_accuracy"] == pytest.approx(
        (found["own_accuracy"] + found["worst_domain_accuracy"]) / 2
    )


def test_mean_over_peers() -> None:
    rows = {
        n: Scores(own_accuracy=v, all_domain_accuracy=v / 2, worst_domain_accuracy=0.0)
        for n, v in (("a", 1.0), ("b", 0.5))
    }
    assert mean_scores(rows) == {
        "own_accuracy": 0.75,
        "all_domain_accuracy": 0.375,
        "worst_domain_accuracy": 0.0,
    }
