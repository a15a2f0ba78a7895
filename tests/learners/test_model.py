import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from conftest import seed_set
from fedh2l.error import FedH2LError
from fedh2l.learner import Learner
from fedh2l.learners import MODELS, model_of
from fedh2l.learners.model import Training
from fedh2l.rows import Rows
from fedh2l.seedset import SeedSet


def images(rows: int = 40) -> Rows:
    rng = np.random.default_rng(0)
    return rng.random((rows, 1, 8, 8), np.float32), np.arange(rows) % 3


def training(start: int = 1, seeds: SeedSet | None = None) -> Training:
    return Training(
        steps=20, batch=16, rate=3e-3, augment=None, seed=4, start=start, seed_set=seeds
    )


@pytest.mark.parametrize("name", MODELS)
def test_every_model_is_built_and_learns(name: str) -> None:
    learner = MODELS[name].build(images(), 3, training())
    assert isinstance(learner, Learner)
    learner.learn(None, 2)
    probs = learner.posteriors(images()[0])
    assert probs.shape == (40, 3)
    np.testing.assert_allclose(probs.sum(1), 1, rtol=1e-5)


def test_networks_with_one_start_are_one_network_and_with_another_start_another() -> None:
    a, b, other = (
        MODELS["lenet"].build(images(), 3, training(start)).posteriors(images()[0])
        for start in (1, 1, 2)
    )
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, other)


def test_networks_train_on_the_device_that_they_are_given() -> None:
    import torch

    assert training().device is None
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    for name in ("mlp", "resnet", "vit"):
        with pytest.raises(FedH2LError, match="device 'cuda': there is none here"):
            MODELS[name].build(images(), 3, replace(training(), device="cuda"))


def test_what_a_model_costs_is_known_without_its_framework() -> None:
    code = """
import sys
from fedh2l.learners import MODELS
assert "numpy" not in sys.modules
assert all(MODELS[name].cost > 0 for name in MODELS)
assert not {"torch", "sklearn"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


OWN = """
from sklearn.linear_model import LogisticRegression
from fedh2l.learners.sklearn import SklearnLearner

def mine(seed_set, rows=None, training=None):
    if rows is None:
        rows = (seed_set.x[:6], seed_set.labels[:6])
    return SklearnLearner(LogisticRegression(), rows, len(seed_set.classes))

def number(seed_set, rows=None, training=None):
    return 3
"""


def test_one_function_in_a_file_serves_a_simulation_and_a_live_member(tmp_path: Path) -> None:
    from fedh2l.learners.own_file import own_learner

    file, seeds = tmp_path / "mine.py", seed_set()
    file.write_text(OWN)
    built = model_of(f"{file}:mine").build((seeds.x, np.arange(12) % 3), 3, training(seeds=seeds))
    member, validation = own_learner(f"{file}:mine", seeds)
    assert built.posteriors(seeds.x).shape == member.posteriors(seeds.x).shape == (12, 3)
    assert validation is None


def test_what_is_no_model_is_refused_with_the_fix(tmp_path: Path) -> None:
    file, seeds = tmp_path / "mine.py", seed_set()
    file.write_text(OWN)
    with pytest.raises(FedH2LError, match="did you mean 'lenet'"):
        model_of("lennet")
    with pytest.raises(FedH2LError, match=r"expected FILE.py:FUNCTION"):
        model_of(f"{tmp_path / 'missing.py'}:mine")
    for function, message in (("his", "no function 'his'"), ("number", "gives a int")):
        with pytest.raises(FedH2LError, match=message):
            model_of(f"{file}:{function}").build(images(), 3, training(seeds=seeds))
