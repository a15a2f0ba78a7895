"""Exported models say what the original says, in a fresh process without fedh2l; or are refused."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

import spoilt
from conftest import blobs, mlp, seed_set, torch_learner
from fedh2l.error import FedH2LError
from fedh2l.learner import Learner, Lesson
from fedh2l.learners.export.formats import TOLERANCE, export, save_model
from fedh2l.learners.sklearn import SklearnLearner
from fedh2l.learners.torch import TorchLearner

SEEDS = seed_set(60)


def estimator(made: object) -> Learner:
    return SklearnLearner(made, blobs(60), 3)


def tuple_output() -> Learner:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = mlp()

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return x.sum(), self.net(x)

    model = Two()
    return TorchLearner(model, torch.optim.Adam(model.parameters()), blobs(60))


MADE: dict[str, Callable[[], Learner]] = {
    "network": torch_learner,
    "batchnorm": lambda: torch_learner(batchnorm=True),
    "tuple": tuple_output,
    "forest": lambda: estimator(RandomForestClassifier(10)),
    "extra-trees": lambda: estimator(ExtraTreesClassifier(10)),
    "pipeline": lambda: estimator(make_pipeline(StandardScaler(), LogisticRegression())),
}
WAYS = [
    *((kind, to) for kind in ("network", "batchnorm", "tuple") for to in ("safetensors", "onnx")),
    *((kind, to) for kind in ("forest", "extra-trees", "pipeline") for to in ("skops", "onnx")),
]
# As the documentation has it: nothing of fedh2l is there.
ONNX = """
import os, sys
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import numpy as np
import onnxruntime
session = onnxruntime.InferenceSession("model.onnx")
probs = session.run([sys.argv[1]], {session.get_inputs()[0].name: np.load("x.npy")})[0]
np.save("probs.npy", probs)
assert "fedh2l" not in sys.modules
"""
SKOPS = """
import sys
import numpy as np
from skops.io import get_untrusted_types, load
model = load("model.skops", trusted=get_untrusted_types(file="model.skops"))
np.save("probs.npy", model.predict_proba(np.load("x.npy")))
assert "fedh2l" not in sys.modules
"""


def taught(kind: str) -> Learner:
    learner = MADE[kind]()
    learner.learn(Lesson(SEEDS.x, targets=np.eye(3, dtype=np.float32)[SEEDS.labels]), 20)
    return learner


@pytest.mark.parametrize(("kind", "to"), WAYS)
def test_what_is_exported_says_the_same_in_a_fresh_process(
    kind: str, to: str, tmp_path: Path
) -> None:
    learner = taught(kind)
    before = learner.posteriors(SEEDS.x)
    exported = export(learner, SEEDS, to)
    assert exported.apart <= TOLERANCE and exported.columns == [0, 1, 2] and exported.shape == (6,)
    np.testing.assert_array_equal(learner.posteriors(SEEDS.x), before)
    if to == "safetensors":
        return  # read by a module of the user's own

    (tmp_path / f"model{exported.suffix}").write_bytes(exported.data)
    np.save(tmp_path / "x.npy", SEEDS.x)
    output = "posteriors" if isinstance(learner, TorchLearner) else "probabilities"
    code = ONNX if to == "onnx" else SKOPS
    subprocess.run([sys.executable, "-W", "ignore", "-c", code, output], cwd=tmp_path, check=True)
    np.testing.assert_allclose(np.load(tmp_path / "probs.npy"), before, atol=TOLERANCE)


def test_weights_are_those_of_the_users_own_module(tmp_path: Path) -> None:
    from safetensors.torch import load

    learner = taught("network")
    again = mlp(seed=5)
    again.load_state_dict(load(export(learner, SEEDS, "safetensors").data))
    with torch.no_grad():
        probs = again(torch.from_numpy(SEEDS.x)).softmax(1).numpy()
    np.testing.assert_array_equal(probs, learner.posteriors(SEEDS.x))


def test_half_precision_is_saved_as_it_is() -> None:
    from safetensors.torch import load

    model = mlp().bfloat16()
    learner = TorchLearner(model, torch.optim.SGD(model.parameters(), 0.1), blobs(60))
    state = load(export(learner, SEEDS, "safetensors").data)
    assert all(tensor.dtype == torch.bfloat16 for tensor in state.values())


def test_what_would_say_something_else_is_refused() -> None:
    histogram = estimator(HistGradientBoostingClassifier(max_iter=5))
    with pytest.raises(FedH2LError, match=r"to onnx: .*formats left: skops"):
        export(histogram, SEEDS, "onnx")
    with pytest.raises(FedH2LError, match="to skops; it goes to safetensors, onnx"):
        export(torch_learner(), SEEDS, "skops")
    with pytest.raises(FedH2LError, match="nobody knows its framework"):
        export(spoilt.Softmax(), SEEDS, "onnx")
    one_class = SklearnLearner(LogisticRegression(), (blobs(60)[0], np.ones(60, np.int64)), 3)
    with pytest.raises(FedH2LError, match="one class only"):
        export(one_class, SEEDS, "skops")


def test_a_model_that_says_something_else_once_it_is_exported_is_refused() -> None:
    class Wide(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = mlp()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.net(x) * (1.0 if torch.compiler.is_exporting() else 2.0)

    model = Wide()
    learner = TorchLearner(model, torch.optim.Adam(model.parameters()), blobs(60))
    with pytest.raises(FedH2LError, match=r"else than the model, .*formats left: safetensors"):
        export(learner, SEEDS, "onnx")


def test_a_model_is_saved_in_the_first_format_that_goes(tmp_path: Path) -> None:
    assert save_model(torch_learner(), SEEDS, tmp_path).name == "model.safetensors"
    assert save_model(taught("forest"), SEEDS, tmp_path).name == "model.skops"
    own = spoilt.Softmax()
    path = save_model(own, SEEDS, tmp_path)
    from safetensors.numpy import load_file

    assert load_file(path).keys() == own.state_dict().keys()
