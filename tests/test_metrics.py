import numpy as np
import pytest

from conftest import blobs, torch_learner
from fedh2l.metrics import Scores, accuracy, mean_scores, scores


def test_accuracy_by_hand() -> None:
    assert accuracy(
        np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]), np.array([0, 1, 1])
    ) == pytest.approx(2 / 3)


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
