"""A PyTorch model of several inputs, as models of Hugging Face are: input_ids, attention_mask."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from fedh2l.algorithms.fedh2l import FedH2L
from fedh2l.error import FedH2LError
from fedh2l.learner import Lesson
from fedh2l.learners.export.formats import export
from fedh2l.learners.sklearn import SklearnLearner
from fedh2l.learners.torch import TorchLearner
from fedh2l.loop import run
from fedh2l.peer import Peer
from fedh2l.seedset import SeedSet

WORDS = ("<pad>", "good", "kind", "fine", "bad", "cruel", "the", "day", "was")
LENGTH = 6


def texts(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Sentences of unlike lengths; one word tells the class."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, rows)
    said = [rng.choice(WORDS[4:6] if label else WORDS[1:4]) for label in y]
    more = [" ".join(rng.choice(WORDS[6:], rng.integers(1, 5))) for _ in y]
    return np.array([f"{a} {b}" for a, b in zip(more, said, strict=True)]), y


def tokenised(x: np.ndarray) -> dict[str, np.ndarray]:
    """As tokenizer(list(x), padding="max_length", max_length=LENGTH, return_tensors="np") does."""
    ids = np.zeros((len(x), LENGTH), np.int64)
    for row, text in zip(ids, x, strict=True):
        words = [WORDS.index(word) for word in str(text).split()][:LENGTH]
        row[: len(words)] = words
    return {"input_ids": ids, "attention_mask": (ids > 0).astype(np.int64)}


class Reader(nn.Module):
    """The mean of the words' embeddings; what is padding does not count."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.head = nn.Embedding(len(WORDS), 8), nn.Linear(8, 2)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> dict[str, Tensor]:
        assert input_ids.dtype == torch.int64
        weights = attention_mask[..., None]
        mean = (self.words(input_ids) * weights).sum(1) / weights.sum(1)
        return {"logits": self.head(mean)}


def learner(data: Any, **settings: Any) -> TorchLearner:
    torch.manual_seed(0)
    model = Reader()
    return TorchLearner(model, torch.optim.Adam(model.parameters(), 5e-2), data, **settings)


def batches(size: int = 16) -> list[dict[str, Any]]:
    """As a DataLoader of transformers' collators gives them."""
    x, y = texts(64)
    tokens = tokenised(x)
    return [
        {name: torch.from_numpy(a[i : i + size]) for name, a in (tokens | {"labels": y}).items()}
        for i in range(0, 64, size)
    ]


@pytest.mark.parametrize("data", [texts(64), batches()], ids=["texts", "loader"])
def test_a_model_of_several_inputs_learns_texts_and_teaches_them(data: Any) -> None:
    x, y = texts(40, seed=1)
    seeds = SeedSet(x, ("good", "bad"), y)
    peer = Peer("a", learner(data, featurise=tokenised), seeds)
    # The other has the seed rows alone.
    other = Peer("b", learner((x, y), featurise=tokenised, batch=8), seeds)
    list(run(FedH2L(steps=10), [peer, other], rounds=3))
    tx, ty = texts(100, seed=2)
    assert (peer.posteriors(tx).argmax(1) == ty).mean() > 0.95


def test_its_state_and_its_weights_come_back_and_onnx_is_refused_with_the_reason() -> None:
    x, y = texts(40, seed=1)
    seeds = SeedSet(x, ("good", "bad"), y)
    one, other = (learner(texts(64), featurise=tokenised) for _ in range(2))
    one.learn(Lesson(x, labels=np.eye(2, dtype=np.float32)[y]), 5)
    other.load_state_dict(one.state_dict())
    for taught in (one, other):
        taught.learn(Lesson(x, labels=np.eye(2, dtype=np.float32)[y]), 5)
    np.testing.assert_array_equal(one.posteriors(x), other.posteriors(x))
    exported = export(one, seeds, "safetensors")
    assert exported.apart < 1e-5
    assert set(load(exported.data)) == set(one.model.state_dict())
    with pytest.raises(FedH2LError, match="several inputs, input_ids, attention_mask"):
        export(one, seeds, "onnx")


def shorter(x: np.ndarray) -> Mapping[str, np.ndarray]:
    return {name: a[:, :-1] for name, a in tokenised(x).items()}


def test_what_does_not_go_together_is_refused_with_the_fix() -> None:
    x, y = texts(40, seed=1)
    seeds = SeedSet(x, ("good", "bad"), y)
    with pytest.raises(FedH2LError, match="say with featurise="):
        learner(batches()).learn(None, 1)
    with pytest.raises(FedH2LError, match="padding='max_length'"):
        Peer("a", learner(batches(), featurise=shorter), seeds)
    with pytest.raises(FedH2LError, match="expected arrays with a row for each"):
        learner((x, y), featurise=lambda x: {"input_ids": np.zeros((3, 4))})
    with pytest.raises(FedH2LError, match="this model takes one array"):
        SklearnLearner(LogisticRegression(), (x, y), 2, featurise=tokenised)
