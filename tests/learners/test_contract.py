"""The learner contract: every wrong model is found, with a fix; no good one is blamed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import spoilt
from conftest import blobs, mlp, seed_set
from fedh2l.finding import Finding
from fedh2l.learner import Learner
from fedh2l.learners.contract.examine import examine
from fedh2l.learners.contract.stand_in import seed_set_like
from fedh2l.learners.sklearn import SklearnLearner
from fedh2l.learners.torch import TorchLearner
from fedh2l.seedset import SeedSet

SEEDS = seed_set(60)


def torch_model(
    *after: nn.Module,
    rate: float = 1e-2,
    batch: int = 8,
    norm: bool = False,
    frozen: bool = False,
) -> TorchLearner:
    model = nn.Sequential(mlp(batchnorm=norm), *after)
    model.requires_grad_(not frozen)
    optimizer = torch.optim.SGD(model.parameters(), rate)
    return TorchLearner(model, optimizer, blobs(60), batch=batch)


class Sum(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.sum(1)


class Half(nn.Module):
    """Two softmaxes that no check of a single answer sees: the inner one's are not exact."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.softmax(1) * 1.0 - 0.2


def images(low: float = 0, high: float = 1, shape: tuple[int, ...] = (3, 6, 6)) -> Any:
    rng = np.random.default_rng(0)
    y = np.arange(60) % 3
    x = rng.random((60, *shape)) + y[:, None, None, None]
    return (low + x / 3 * (high - low)).astype(np.float32), y


def of_images(data: Any) -> Learner:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Flatten(), nn.Linear(108, 3))
    return TorchLearner(model, torch.optim.Adam(model.parameters(), 1e-2), data, batch=8)


def image_seeds() -> SeedSet:
    x, y = images()
    return SeedSet(x / 2, ("a", "b", "c"), y)


def with_nan() -> Learner:
    x, y = blobs(60)
    x[3, 2] = np.nan
    return SklearnLearner(LogisticRegression(), (x, y), 3)


def labels_from_one(classes: int) -> Learner:
    x, y = blobs(60)
    return SklearnLearner(LogisticRegression(), (x, y + 1), classes)


def last_missing() -> Learner:
    """Labels from 1, of which none is the last class."""
    x, y = blobs(60)
    return SklearnLearner(LogisticRegression(), (x[y < 2], y[y < 2] + 1), 3)


WRONG: dict[str, tuple[Callable[[], Any], str, str]] = {
    "no learner": (lambda: nn.Linear(6, 3), "model", "is no learner, it lacks posteriors"),
    "softmax at the end": (lambda: torch_model(nn.Softmax(1)), "posteriors", "gives probabilities"),
    "softmax unseen": (lambda: torch_model(Half(), rate=1.0), "softmax", "one softmax too many"),
    "softmax twice": (spoilt.TwoSoftmaxes, "softmax", "one softmax too many"),
    "squeezed logits": (lambda: torch_model(Sum()), "posteriors", "expected logits"),
    "squeezed posteriors": (spoilt.Squeezed, "posteriors", "of shape (60,), expected (60, 3)"),
    "logits": (spoilt.Logits, "posteriors", "rows are not probabilities"),
    "another number of classes": (spoilt.FourClasses, "posteriors", "(60, 4), expected (60, 3)"),
    "tensors": (spoilt.Tensors, "posteriors", "they are a Tensor"),
    "NaN said": (spoilt.NotANumber, "posteriors", "NaN or infinity"),
    "NaN in the rows": (with_nan, "model", "NaN or infinity in row 3"),
    "all is frozen": (lambda: torch_model(frozen=True), "learning", "does not require grad"),
    "rate of 0": (lambda: torch_model(rate=0.0), "lesson of targets", "changes nothing"),
    "learns nothing": (spoilt.LearnsNothing, "lesson of labels", "changes nothing"),
    "BatchNorm, one row": (
        lambda: torch_model(batch=1, norm=True),
        "learning",
        "a batch of a single row",
    ),
    "ignores the lesson": (spoilt.IgnoresTheLesson, "lesson of targets", "without the lesson"),
    "ignores labels": (spoilt.IgnoresLabels, "lesson of labels", "without the lesson"),
    "global randomness": (spoilt.GlobalRandomness, "repetition", "made alike learn"),
    "saves nothing": (spoilt.SavesNothing, "state", "a restored learner says"),
    "forgets its generator": (spoilt.ForgetsItsGenerator, "going on", "learns on"),
    "saves views": (spoilt.SavesViews, "state", "changes while the learner goes on"),
    "saves text": (spoilt.SavesText, "state", "'name' is a str"),
    "changes when asked": (spoilt.ChangesWhenAsked, "asking twice", "its state changes (w)"),
    "drops out when asked": (spoilt.DropsOut, "asking twice", "the second time it says others"),
    "centres each batch": (spoilt.CentresEachBatch, "one row", "otherwise than among others"),
    "labels from 1": (lambda: labels_from_one(3), "model", "subtract 1"),
    "labels from 1, last missing": (last_missing, "private rows", "contradict the seed set's"),
    "labels from 1, own learner": (lambda: spoilt.Softmax(1), "label order", "looks like"),
    "breaks": (spoilt.Breaks, "learning", "KeyError: 'weights'"),
    "diverges": (spoilt.Diverges, "learning", "NaN or infinity"),
}


def blamed(findings: list[Finding]) -> dict[str, Finding]:
    return {f.what: f for f in findings if not f.ok}


@pytest.mark.filterwarnings("ignore:invalid value|overflow:RuntimeWarning")
@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_model_is_found_with_its_fix(name: str) -> None:
    make, what, text = WRONG[name]
    found = blamed(list(examine(make, SEEDS)))
    assert what in found, found
    assert text in found[what].found + found[what].fix
    assert all(f.fix and "\n" not in f.found + f.fix for f in found.values())


@pytest.mark.parametrize(
    ("private", "text"),
    [
        (images(shape=(6, 6, 3)), "channels come last"),
        (images(0, 255), "divide them by 255"),
        (images(-2, 2), "normalised"),
    ],
)
def test_images_in_another_layout_or_scale_are_found(private: Any, text: str) -> None:
    found = blamed(list(examine(lambda: of_images(private), image_seeds())))
    assert text in found["private rows"].found + found["private rows"].fix


def test_a_stranger_error_names_the_line_of_the_model() -> None:
    finding = blamed(list(examine(spoilt.Breaks, SEEDS)))["learning"]
    assert "spoilt.py, line" in finding.fix and "in learn" in finding.fix


GOOD: dict[str, Callable[[], Learner]] = {
    "softmax regression": spoilt.Softmax,
    "slow": lambda: torch_model(rate=1e-3),
    "batchnorm": lambda: torch_model(norm=True),
    "unseeded": lambda: TorchLearner(
        model := nn.Sequential(nn.Linear(6, 16), nn.Dropout(), nn.Linear(16, 3)),
        torch.optim.AdamW(model.parameters(), 1e-2),
        blobs(60),
        batch=8,
    ),
    "one class": lambda: SklearnLearner(LogisticRegression(), (blobs(60)[0], np.ones(60, int)), 3),
    "shuffled loader": lambda: TorchLearner(
        model := mlp(),
        torch.optim.SGD(model.parameters(), 0.1),
        DataLoader(TensorDataset(*map(torch.tensor, blobs(64))), 16, shuffle=True),
    ),
}


@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize("name", GOOD)
def test_a_good_model_is_not_blamed(name: str, labelled: bool) -> None:
    found = list(examine(GOOD[name], SEEDS if labelled else SEEDS.unlabelled()))
    assert blamed(found) == {}
    assert {f.what for f in found} >= {"lesson of labels", "state", "going on", "repetition"}
    assert ("label order" in {f.what for f in found}) == labelled


def test_unseeded_weights_are_told_and_not_blamed() -> None:
    found = {f.what: f for f in examine(GOOD["unseeded"], SEEDS)}
    assert "torch.manual_seed" in found["repetition"].fix


OWN = """
import numpy as np
from sklearn.linear_model import LogisticRegression
from fedh2l.learners.sklearn import SklearnLearner

def model(seed_set, rows=None, training=None):
    y = np.arange(90) % 3
    x = np.eye(3, 6)[y] * 3 + np.random.default_rng(0).normal(size=(90, 6))
    return SklearnLearner(LogisticRegression(), rows or (x, y), len(seed_set.classes))

def of_labels(seed_set):
    return model(seed_set, (seed_set.x, seed_set.labels))
"""


def test_own_rows_stand_in_for_a_seed_set(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(OWN)
    seeds = seed_set_like(f"{file}:model")
    assert seeds.x.shape == (60, 6) and seeds.classes == ("0", "1", "2")
    with pytest.raises(ValueError, match="cannot be made without a seed set"):
        seed_set_like(f"{file}:of_labels")
