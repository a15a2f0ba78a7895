"""A good learner in numpy, and what becomes of it when one thing after the other is spoilt."""

import json
from typing import Any

import numpy as np
import torch

from conftest import blobs


class Softmax:
    """Softmax regression in numpy, as in docs/own-model.md: a good learner, to be spoilt."""

    def __init__(self, first_label: int = 0) -> None:
        x, y = blobs(60)
        self.x, self.y = x, np.eye(4, dtype=np.float32)[y + first_label][:, :3]
        self.w = np.zeros((6, 3))
        self.rng = np.random.default_rng(0)

    def posteriors(self, x: np.ndarray) -> Any:
        logits = x.reshape(len(x), -1) @ self.w
        p = np.exp(logits - logits.max(1, keepdims=True))
        return (p / p.sum(1, keepdims=True)).astype(np.float32)

    def learn(self, lesson: Any, steps: int) -> float | None:
        for _ in range(steps):
            step = self.gradient(self.x, self.y, np.ones(len(self.x)), self.rng)
            if lesson is not None:
                targets, weights = lesson.merged()
                step = step + self.gradient(lesson.x, targets, weights, self.rng)
            self.w = self.w - 0.1 * step
        return None

    def gradient(self, x: np.ndarray, y: np.ndarray, weights: np.ndarray, rng: Any) -> np.ndarray:
        pick = rng.choice(len(x), min(32, len(x)), replace=False)
        apart = weights[pick][:, None] * (self.posteriors(x[pick]) - y[pick])
        return x[pick].T @ apart / len(pick)

    def state_dict(self) -> dict[str, Any]:
        state = json.dumps(self.rng.bit_generator.state).encode()
        return {"w": self.w.copy(), "rng": np.frombuffer(state, np.uint8).copy()}

    def load_state_dict(self, state: Any) -> None:
        self.w = state["w"]
        self.rng.bit_generator.state = json.loads(state["rng"].tobytes())


class TwoSoftmaxes(Softmax):
    def posteriors(self, x: np.ndarray) -> Any:
        p = np.exp(super().posteriors(x))
        return p / p.sum(1, keepdims=True)


class Logits(Softmax):
    def posteriors(self, x: np.ndarray) -> Any:
        return (x @ self.w).astype(np.float32)


class Squeezed(Softmax):
    def posteriors(self, x: np.ndarray) -> Any:
        return super().posteriors(x)[:, 0]


class FourClasses(Softmax):
    def posteriors(self, x: np.ndarray) -> Any:
        return np.full((len(x), 4), 0.25, np.float32)


class NotANumber(Softmax):
    def posteriors(self, x: np.ndarray) -> Any:
        return super().posteriors(x) * np.nan


class Tensors(Softmax):
    def posteriors(self, x: np.ndarray) -> Any:
        return torch.from_numpy(super().posteriors(x))


class IgnoresTheLesson(Softmax):
    def learn(self, lesson: Any, steps: int) -> float | None:
        return super().learn(None, steps)


class IgnoresLabels(Softmax):
    def learn(self, lesson: Any, steps: int) -> float | None:
        heard = lesson is not None and lesson.targets is not None
        return super().learn(lesson if heard else None, steps)


class LearnsNothing(Softmax):
    def learn(self, lesson: Any, steps: int) -> float | None:
        return None


class GlobalRandomness(Softmax):
    def gradient(self, x: np.ndarray, y: np.ndarray, weights: np.ndarray, rng: Any) -> np.ndarray:
        return super().gradient(x, y, weights, np.random)


class SavesNothing(Softmax):
    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: Any) -> None: ...


class ForgetsItsGenerator(Softmax):
    def state_dict(self) -> dict[str, Any]:
        return {"w": self.w}

    def load_state_dict(self, state: Any) -> None:
        self.w = state["w"]


class SavesViews(Softmax):
    def learn(self, lesson: Any, steps: int) -> float | None:
        before, self.w = self.w, self.w.copy()
        super().learn(lesson, steps)
        before[:] = self.w
        self.w = before
        return None

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"w": self.w}


class SavesText(Softmax):
    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"name": "softmax"}


class ChangesWhenAsked(Softmax):
    def posteriors(self, x: np.ndarray) -> Any:
        self.w = self.w + 0.01
        return super().posteriors(x)


class DropsOut(Softmax):
    def posteriors(self, x: np.ndarray) -> Any:
        self.kept = np.random.default_rng().random(x.shape) < 0.5
        return super().posteriors(x * self.kept)


class CentresEachBatch(Softmax):
    def posteriors(self, x: np.ndarray) -> Any:
        p = super().posteriors(x) * np.exp(x[:, :3] - x[:, :3].mean(0))
        return p / p.sum(1, keepdims=True)


class Breaks(Softmax):
    def learn(self, lesson: Any, steps: int) -> float | None:
        raise KeyError("weights")


class Diverges(Softmax):
    def learn(self, lesson: Any, steps: int) -> float | None:
        self.w = self.w + np.inf
        return None
