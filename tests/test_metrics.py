import numpy as np
import pytest

from conftest import Says, blobs, torch_learner
from fedh2l.error import FedH2LError
from fedh2l.metrics import Scores, accuracy, auc, ece, mean_scores, nll, scores


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
    assert found.get("domain_accuracies") == {
        "home": found["own_accuracy"],
        "lies": found["worst_domain_accuracy"],
    }


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


# --- two classes: the area under the ROC curve


def two(p: list[float]) -> np.ndarray:
    second = np.array(p)
    return np.stack([1 - second, second], axis=1)


def test_auc_is_how_often_the_second_class_is_above_the_first() -> None:
    rng = np.random.default_rng(0)
    for ties in (1, 20):
        p, y = rng.integers(0, 200 // ties, 80) / 200 * ties, rng.integers(0, 2, 80)
        pairs = [(a, b) for a in p[y == 1] for b in p[y == 0]]
        by_hand = np.mean([(a > b) + 0.5 * (a == b) for a, b in pairs])
        assert auc(two(p.tolist()), y) == pytest.approx(by_hand)
    assert auc(two([0.1, 0.9]), np.array([0, 1])) == 1.0
    assert auc(two([0.4, 0.4]), np.array([0, 1])) == 0.5
    assert auc(two([0.4, 0.6]), np.array([1, 1])) is None


def test_a_domain_of_one_class_is_left_out_of_the_auc_and_not_of_the_accuracy() -> None:
    x = np.zeros((2, 6), np.float32)
    learner = Says(two([0.2, 0.6]))
    both, one = (x, np.array([0, 1])), (x, np.array([1, 1]))
    here = scores(learner, "here", {"here": both, "there": one})
    assert (here["own_accuracy"], here["all_domain_accuracy"]) == (1.0, 0.75)
    assert (here.get("own_auc"), here.get("all_domain_auc")) == (1.0, 1.0)
    there = scores(learner, "there", {"here": both, "there": one})
    assert "own_auc" not in there
    assert there.get("all_domain_auc") == 1.0
    assert mean_scores({"here": here, "there": there}).get("own_auc") == 1.0
    nowhere = scores(learner, "there", {"there": one})
    assert not {"own_auc", "all_domain_auc"} & set(mean_scores({"there": nowhere}))


# --- calibration


def test_the_calibration_error_by_hand() -> None:
    probs = two([0.05, 0.1, 0.38, 0.9])  # confidences .95 and .9, .62, .9
    labels = np.array([0, 1, 0, 1])
    # Bins of a fifteenth: .95 alone; .9 twice, of which one is right; .62 alone.
    by_hand = (abs(1 - 0.95) + abs(1 - 2 * 0.9) + abs(1 - 0.62)) / 4
    assert ece(probs, labels) == pytest.approx(by_hand)
    # A row that counts nothing is as if it were not there.
    weights = np.array([1.0, 0.0, 1.0, 1.0])
    assert ece(probs, labels, weights) == pytest.approx(ece(probs[[0, 2, 3]], labels[[0, 2, 3]]))
    assert ece(two([0.0, 1.0]), np.array([0, 1])) == 0.0


def test_the_likelihood_is_that_of_scikit_learn() -> None:
    from sklearn.metrics import log_loss

    rng = np.random.default_rng(0)
    probs = rng.dirichlet([0.3] * 4, 50).astype(np.float32)
    labels = rng.integers(0, 4, 50)
    probs[0] = np.eye(4, dtype=np.float32)[(labels[0] + 1) % 4]  # certain, and wrong
    theirs = log_loss(labels, probs, labels=list(range(4)))
    assert nll(probs, labels) == pytest.approx(theirs, rel=1e-5)


def test_every_domain_counts_as_much_in_the_calibration() -> None:
    """A domain of a hundred rows does not drown one of ten."""
    probs = two([0.25] * 110)
    tests = {"sure": np.zeros(100, np.int64), "wrong": np.ones(10, np.int64)}

    class Quarter(Says):
        def posteriors(self, x: np.ndarray) -> np.ndarray:
            return self.probs[: len(x)]

    data = {name: (np.zeros((len(y), 6), np.float32), y) for name, y in tests.items()}
    found = scores(Quarter(probs), "sure", data)
    assert found.get("own_ece") == pytest.approx(0.25)
    assert found.get("all_domain_ece") == pytest.approx(0.25)  # half right at confidence .75
    halves = (-np.log(0.75) - np.log(0.25)) / 2
    assert found.get("all_domain_nll") == pytest.approx(halves)
