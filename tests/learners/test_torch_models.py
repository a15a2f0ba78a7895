"""Ordinary PyTorch models, as people bring them."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d

from conftest import blobs, mlp
from fedh2l.error import FedH2LError
from fedh2l.learner import Lesson
from fedh2l.learners.torch import TorchLearner

X, Y = blobs(60)
HOT = np.eye(3, dtype=np.float32)


class Wrapped(nn.Module):
    """A network whose output is changed by a function."""

    def __init__(self, change: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.network, self.change = mlp(), change

    def forward(self, x: Tensor) -> Any:
        return self.change(self.network(x))


class Convolution(nn.Module):
    """The tutorial's way from a convolution to a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution, self.out = nn.Conv2d(1, 4, 3, padding=1), nn.Linear(4 * 16, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = max_pool2d(self.convolution(x).relu(), 2)
        return self.out(x.view(len(x), -1))


class Cached(nn.Module):
    """Keeps a table that it makes in its first pass, as rotary embeddings do."""

    def __init__(self) -> None:
        super().__init__()
        self.network, self.table = mlp(), None

    def forward(self, x: Tensor) -> Tensor:
        if self.table is None:
            self.table = torch.ones(6)
        return self.network(x * self.table)


class Words(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.out = nn.Embedding(50, 8), nn.Linear(8, 3)

    def forward(self, ids: Tensor) -> Tensor:
        return self.out(self.embedding(ids).mean(1))


def learner(model: nn.Module, data: Any = (X, Y), **settings: Any) -> TorchLearner:
    adam = torch.optim.Adam(model.parameters(), 1e-2)
    return TorchLearner(model, adam, data, batch=20, **settings)


def taught(one: TorchLearner, x: np.ndarray = X, steps: int = 3) -> np.ndarray:
    one.posteriors(x)
    one.learn(Lesson(x, labels=HOT[np.arange(len(x)) % 3]), steps)
    return one.posteriors(x)


def test_a_view_after_a_convolution_works() -> None:
    images = np.random.default_rng(0).random((60, 1, 8, 8), np.float32)
    assert np.isfinite(taught(learner(Convolution(), (images, Y)), images)).all()


def test_what_a_model_caches_when_it_is_first_asked_can_be_learnt_through() -> None:
    assert np.isfinite(taught(learner(Cached()))).all()


@pytest.mark.parametrize(
    "change",
    [
        lambda z: {"logits": z},
        lambda z: SimpleNamespace(logits=z, loss=None),
        lambda z: (z, z[:, 0]),
    ],
)
def test_logits_are_found_where_it_is_clear_which_they_are(change: Callable[[Tensor], Any]) -> None:
    np.testing.assert_array_equal(taught(learner(Wrapped(change))), taught(learner(mlp())))


def test_logits_are_asked_for_where_it_is_not() -> None:
    both = Wrapped(lambda z: (z, z))
    with pytest.raises(FedH2LError, match="logits=lambda given"):
        taught(learner(both))
    assert np.isfinite(taught(learner(both, logits=lambda given: given[1]))).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda z: z.softmax(1), "probabilities, not logits"),
        (lambda z: z[:, 0], r"gives \(60,\) for 60 rows"),
        (lambda z: z[:, :1], "two where there are two classes"),
    ],
)
def test_what_is_no_logits_is_refused(change: Callable[[Tensor], Any], message: str) -> None:
    with pytest.raises(FedH2LError, match=message):
        taught(learner(Wrapped(change)))
    with pytest.raises(FedH2LError, match="probabilities, not logits"):
        taught(learner(nn.Sequential(mlp(), nn.Sigmoid())))


def test_a_bfloat16_model_learns_is_saved_and_goes_on() -> None:
    one, other = (learner(mlp().bfloat16()) for _ in range(2))
    np.testing.assert_allclose(taught(one, steps=40).sum(1), 1, atol=1e-5)
    assert (one.posteriors(X).argmax(1) == Y).mean() > 0.8
    other.load_state_dict({k: v.copy() for k, v in one.state_dict().items()})
    np.testing.assert_array_equal(taught(one), taught(other))
    assert {a.dtype for a in one.weights().values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize("pretrained", [False, True])
def test_a_frozen_batchnorm_stays_frozen(pretrained: bool) -> None:
    model = mlp(batchnorm=True)
    norm = model[1]  # pyright: ignore[reportIndexIssue]
    for p in norm.parameters():
        p.requires_grad_(False)
    (model if pretrained else norm).eval()
    before = norm.running_mean.clone()
    one = learner(model)
    one.learn(None, 3)
    assert torch.equal(norm.running_mean, before)
    assert model.training


def test_words_stay_integers_also_where_the_seed_set_holds_floats() -> None:
    ids = np.random.default_rng(0).integers(0, 50, (60, 7))
    one = learner(Words(), (ids, Y))
    np.testing.assert_array_equal(one.posteriors(ids), one.posteriors(ids.astype(np.float32)))
    assert np.isfinite(taught(one, ids)).all()
    with pytest.raises(FedH2LError, match="these rows are fractions"):
        one.posteriors(ids + 0.5)


class Counting(nn.Module):
    """Has a state besides its tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.network = mlp()
        self.extra: Any = {1: "one"}

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x)

    def get_extra_state(self) -> Any:
        return self.extra

    def set_extra_state(self, state: Any) -> None:
        self.extra = state


def test_extra_state_is_saved_where_json_holds_it_and_else_refused() -> None:
    one, other = learner(Counting()), learner(Counting())
    one.model.set_extra_state({2: "two"})
    other.load_state_dict(one.state_dict())
    assert other.model.get_extra_state() == {2: "two"}
    one.load_weights(one.weights())
    secret = Counting()
    secret.set_extra_state(object())
    with pytest.raises(FedH2LError, match="without pickling"):
        learner(secret)


@pytest.mark.parametrize("device", ["gpu", "meta:oops"])
def test_a_device_that_there_is_not_is_refused(device: str) -> None:
    with pytest.raises(FedH2LError, match="leave device out, or use 'cpu'"):
        learner(mlp(), device=device)


def test_a_model_that_diverges_says_so_and_is_never_counted_as_accurate() -> None:
    model = mlp()
    one = TorchLearner(model, torch.optim.SGD(model.parameters(), 1e30), (X, Y))
    with pytest.raises(FedH2LError, match="training has diverged"):
        one.learn(None, 5)
    with pytest.raises(FedH2LError, match="posteriors are NaN"):
        one.posteriors(X)
