"""A learner whose steps can be worked out by hand: softmax regression, full batches, plain gradient
descent; and a small federation of them.
"""

from collections.abc import Iterator, Mapping

import numpy as np

from fedh2l.learner import Lesson
from fedh2l.loop import Algorithm, Round, run
from fedh2l.peer import Peer
from fedh2l.seedset import SeedSet

RATE, CLASSES, FEATURES = 0.5, 3, 4


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def gradient(w: np.ndarray, x: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Of the mean cross-entropy of softmax(x·w) with the targets."""
    return x.T @ (softmax(x @ w) - targets) / len(x)


class Linear:
    """Its private loss and a lesson's, as `Lesson` says them; it keeps the lessons it had."""

    def __init__(self, seed: int, classes: tuple[int, ...] = (0, 1, 2)) -> None:
        rng = np.random.default_rng(seed)
        self.y = np.array([classes[i % len(classes)] for i in range(9)])
        self.rows = 9
        self.x = rng.normal(size=(9, FEATURES)).astype(np.float32)
        self.w = rng.normal(size=(FEATURES, CLASSES))
        self.lessons: list[Lesson | None] = []

    @property
    def hot(self) -> np.ndarray:
        return np.eye(CLASSES)[self.y]

    def posteriors(self, x: np.ndarray) -> np.ndarray:
        return softmax(x @ self.w).astype(np.float32)

    def learn(self, lesson: Lesson | None, steps: int) -> None:
        self.lessons.append(lesson)
        for _ in range(steps):
            step = np.zeros_like(self.w)
            if lesson is None or lesson.follow != "seed":
                step += gradient(self.w, self.x, self.hot)
            if lesson is not None and lesson.labels is not None:
                known = lesson.labelled
                step += gradient(self.w, lesson.x[known], lesson.labels[known])
            if lesson is not None and lesson.targets is not None:
                step += lesson.weight * gradient(self.w, lesson.x, lesson.targets)
            self.w = self.w - RATE * step

    def private_rows(self) -> tuple[np.ndarray, np.ndarray]:
        return self.x, self.y

    def weights(self) -> Mapping[str, np.ndarray]:
        return {"w": self.w}

    def load_weights(self, weights: Mapping[str, np.ndarray], proximal: float = 0.0) -> None:
        self.w = weights["w"]

    def state_dict(self) -> Mapping[str, np.ndarray]:
        return {"w": self.w}

    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        self.w = state["w"]


class Federation:
    """Peers a, b and c, and what they believed of the seed rows before anything happened."""

    def __init__(
        self,
        *,
        labelled: bool = False,
        owners: bool = False,
        classes: Mapping[str, tuple[int, ...]] | None = None,
    ) -> None:
        x = np.random.default_rng(9).normal(size=(6, FEATURES)).astype(np.float32)
        y = np.arange(6) % CLASSES
        names = np.array(list("aabbcc"))
        self.x, self.labels = x, np.eye(CLASSES)[y]
        self.seeds = SeedSet(x, ("u", "v", "w"), y if labelled else None, names if owners else None)
        self.learners = {
            name: Linear(i, (classes or {}).get(name, (0, 1, 2))) for i, name in enumerate("abc")
        }
        self.peers = [Peer(n, learner, self.seeds) for n, learner in self.learners.items()]
        self.w = {name: learner.w.copy() for name, learner in self.learners.items()}

    def believed(self) -> dict[str, np.ndarray]:
        """The posteriors of each on the seed rows, with the weights it has now."""
        return {name: softmax(self.x @ learner.w) for name, learner in self.learners.items()}

    def run(self, method: Algorithm, rounds: int = 1) -> Iterator[Round]:
        return run(method, self.peers, rounds=rounds, codec="float32")

    def step(self, name: str, *parts: tuple[np.ndarray, np.ndarray, float]) -> None:
        """One step by hand of a peer's expected weights: rows, their targets, and the weight."""
        w = self.w[name]
        self.w[name] = w - RATE * sum(weight * gradient(w, x, t) for x, t, weight in parts)

    def private(self, name: str) -> tuple[np.ndarray, np.ndarray, float]:
        return self.learners[name].x, self.learners[name].hot, 1.0

    def check(self) -> None:
        """The peers have the weights that were worked out."""
        for name, learner in self.learners.items():
            np.testing.assert_allclose(learner.w, self.w[name], atol=1e-5)
