from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset, SubsetRandomSampler, TensorDataset

from conftest import blobs, mlp, seed_set, torch_learner
from fedh2l.algorithms.fedavg import FedAvg
from fedh2l.error import FedH2LError
from fedh2l.learner import Lesson
from fedh2l.learners.torch import TorchLearner
from fedh2l.peer import Peer

X, Y = blobs(64)
TENSORS = TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))


class Stream(IterableDataset[Any]):
    """Examples without a length, as from a database."""

    def __iter__(self) -> Iterator[Any]:
        return iter(TENSORS)


def distributions(rows: int, classes: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.dirichlet(np.ones(classes), rows).astype(np.float32)


def learner(data: Any, **settings: Any) -> TorchLearner:
    model = mlp()
    return TorchLearner(model, torch.optim.Adam(model.parameters(), 1e-2), data, **settings)


def test_the_users_own_dataloader() -> None:
    x, y = blobs(64)
    loader = DataLoader(
        TensorDataset(torch.from_numpy(x), torch.from_numpy(y)), batch_size=16, shuffle=True
    )
    model = mlp()
    learner = TorchLearner(model, torch.optim.Adam(model.parameters(), 1e-2), loader)
    learner.learn(None, 60)  # several epochs
    assert learner.rows == 64
    assert (learner.posteriors(x).argmax(1) == y).mean() > 0.8


def test_refusals_name_the_fix() -> None:
    model = mlp(batchnorm=True)
    adam = torch.optim.Adam(model.parameters())
    one_row = DataLoader(
        TensorDataset(torch.zeros(1, 6), torch.zeros(1, dtype=torch.int64)), batch_size=1
    )
    with pytest.raises(FedH2LError, match="drop_last=True"):
        TorchLearner(model, adam, one_row).learn(None, 1)
    with pytest.raises(FedH2LError, match="yields no batch"):
        TorchLearner(model, adam, []).learn(None, 1)
    with pytest.raises(FedH2LError, match="20 rows, fewer than a batch of 32"):
        TorchLearner(model, adam, blobs(20))
    with pytest.raises(FedH2LError, match="label 4, but the model has 3 classes"):
        TorchLearner(model, adam, blobs(40, classes=5)).learn(None, 1)
    x, y = blobs(40)
    x[7, 2] = np.nan
    with pytest.raises(FedH2LError, match="NaN or infinity in row 7"):
        TorchLearner(model, adam, (x, y))
    with pytest.raises(FedH2LError, match="one label per row"):
        TorchLearner(model, adam, (x, y[:-1]))
    with pytest.raises(FedH2LError, match="another model or optimizer"):
        torch_learner().load_state_dict(torch_learner(classes=5).state_dict())


def test_a_single_row_is_enough_for_batchnorm_when_seed_rows_come_with_it() -> None:
    model = mlp(batchnorm=True)
    one_row = DataLoader(
        TensorDataset(torch.zeros(4, 6), torch.zeros(4, dtype=torch.int64)), batch_size=1
    )
    learner = TorchLearner(model, torch.optim.Adam(model.parameters()), one_row)
    learner.learn(Lesson(blobs(6)[0], distributions(6, 3)), 2)
    assert np.isfinite(learner.posteriors(blobs(6)[0])).all()


@pytest.mark.parametrize(
    "data",
    [
        [X, Y],
        (torch.from_numpy(X), torch.from_numpy(Y)),
        TENSORS,
        DataLoader(TENSORS, 16),
        DataLoader(Stream(), 16),
        [{"x": X[:32], "labels": Y[:32]}, {"x": X[32:], "labels": Y[32:]}],
        [(X, Y)],
        [[torch.from_numpy(X), torch.from_numpy(Y).int()]],
        [(torch.from_numpy(X), torch.from_numpy(Y).double())],
        [(torch.from_numpy(X), torch.from_numpy(Y)[:, None])],
        [(torch.from_numpy(X), torch.eye(3)[torch.from_numpy(Y)])],
    ],
    ids=[
        "list",
        "tensors",
        "dataset",
        "loader",
        "stream",
        "dicts",
        "numpy",
        "int32",
        "float",
        "column",
        "one-hot",
    ],
)
def test_the_usual_forms_of_data_are_learnt_from(data: Any) -> None:
    one = learner(data)
    one.learn(None, 60)
    assert (one.posteriors(X).argmax(1) == Y).mean() > 0.9


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ((X, Y, np.ones(64)), "3 parts, expected"),
        (TensorDataset(*TENSORS.tensors, torch.ones(64)), "3 parts, expected"),
        ([(X, Y, np.ones(64))], r"3 parts \(ndarray, ndarray, ndarray\); expected \(x, y\)"),
        ([{"ids": X, "mask": X, "labels": Y}], "the entries ids, mask, labels; expected"),
        ([{"ids": X, "mask": X}], "the entries ids, mask; expected"),
        (torch.utils.data.Subset(TENSORS, [1, 2]), "Subset gives examples, not batches"),
        ([(X, Y), (X, Y - 1)], "label -1 in row 0"),
        ([(X, Y), (X, Y + 7)], "label 9, but the model has 3 classes"),
        ([(X, Y[:-1])], "64 rows and 63 labels"),
        (5, "expected .x, y. or an iterable of batches"),
    ],
)
def test_what_is_no_batch_is_refused_before_it_is_learnt_wrongly(data: Any, message: str) -> None:
    with pytest.raises(FedH2LError, match=message):
        learner(data).learn(None, 3)


def test_what_a_loader_cannot_heed_is_refused() -> None:
    for setting in ({"augment": lambda x, rng: x}, {"batch": 7}):
        with pytest.raises(FedH2LError, match="works on arrays"):
            learner(DataLoader(TENSORS, 16), **setting)


def test_rows_are_those_that_the_sampler_takes() -> None:
    assert learner(DataLoader(TENSORS, 8, sampler=SubsetRandomSampler(range(24)))).rows == 24
    assert learner([(X[:10], Y[:10]), (X[:5], Y[:5])]).rows == 15
    assert learner(DataLoader(Stream(), 16), rows=64).rows == 64


def test_the_first_batch_that_was_compared_is_learnt_from_all_the_same() -> None:
    seen: list[int] = []

    def batches() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for i in range(4):
            seen.append(i)
            yield X[16 * i : 16 * (i + 1)], Y[16 * i : 16 * (i + 1)]

    one, other = learner(batches()), learner((X, Y), batch=16)
    Peer("a", one, seed_set())
    one.learn(None, 4)
    assert seen == [0, 1, 2, 3]
    assert other.rows == 64
    with pytest.raises(FedH2LError, match="private rows cannot be counted"):
        FedAvg(steps=1).speak(Peer("a", learner(batches()), seed_set()), 0)
