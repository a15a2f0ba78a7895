"""Models of every framework in its own format say the same, also in a fresh process."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import kinds
from conftest import seed_set
from fedh2l.learner import Learner, Lesson
from fedh2l.learners.export.formats import TOLERANCE, export

SEEDS = seed_set(60)
TESTS = Path(__file__).parents[1]


def taught(kind: str) -> Learner:
    learner = kinds.learner(kind, 0)
    learner.learn(Lesson(SEEDS.x, targets=np.eye(3, dtype=np.float32)[SEEDS.labels]), 20)
    return learner


@pytest.mark.parametrize(
    ("kind", "to"),
    [
        ("lightgbm", "native"),
        ("lightgbm", "onnx"),
        ("lightgbm-views", "onnx"),
        ("xgboost", "native"),
        ("xgboost", "onnx"),
        ("extra-trees-shares", "skops"),
        ("extra-trees-shares", "onnx"),
        ("neighbours", "onnx"),
        ("jax", "native"),
        ("jax", "safetensors"),
        ("jax-nnx", "native"),
        ("keras", "native"),
    ],
)
def test_other_frameworks_say_the_same_in_their_own_formats(kind: str, to: str) -> None:
    learner = taught(kind)
    before = learner.posteriors(SEEDS.x)
    exported = export(learner, SEEDS, to)
    assert exported.apart <= TOLERANCE and exported.columns == [0, 1, 2]
    np.testing.assert_array_equal(learner.posteriors(SEEDS.x), before)


NATIVE = {
    "lightgbm": """
import lightgbm
probs = lightgbm.Booster(model_file="model.txt").predict(x)
""",
    "xgboost": """
import xgboost
probs = xgboost.Booster(model_file="model.json").predict(xgboost.DMatrix(x))
""",
    "jax": """
import sys
from jax import export
probs = export.deserialize(bytearray(open("model.jax", "rb").read())).call(x)
""",
    "keras": """
import keras
probs = keras.saving.load_model("model.keras").predict(x, verbose=0)
""",
}


@pytest.mark.parametrize("kind", NATIVE)
def test_a_native_file_predicts_in_a_fresh_process(kind: str, tmp_path: Path) -> None:
    learner = taught(kind)
    exported = export(learner, SEEDS, "native")
    (tmp_path / f"model{exported.suffix}").write_bytes(exported.data)
    np.save(tmp_path / "x.npy", SEEDS.x)
    around = "import sys\nimport numpy as np\nx = np.load('x.npy')\n{}np.save('p.npy', probs)\n"
    code = around.format(NATIVE[kind]) + "assert 'fedh2l' not in sys.modules"
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=tmp_path, check=True)
    expected = learner.posteriors(SEEDS.x)
    np.testing.assert_allclose(np.load(tmp_path / "p.npy"), expected, atol=TOLERANCE)


def test_keras_goes_to_onnx_on_the_backend_torch_only() -> None:
    """In a process of its own: a process has one backend."""
    code = """
import kinds
from conftest import seed_set
from fedh2l.learners.export.formats import export
print(export(kinds.learner("keras", 0), seed_set(60), "onnx").apart)
"""
    apart = {}
    for backend in ("torch", "jax"):
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code],
            env=os.environ | {"KERAS_BACKEND": backend, "PYTHONPATH": str(TESTS)},
            capture_output=True,
            text=True,
        )
        apart[backend] = done.stdout if done.returncode == 0 else done.stderr.splitlines()[-1]
    assert float(apart["torch"]) <= TOLERANCE
    assert "needs the backend torch" in apart["jax"]
