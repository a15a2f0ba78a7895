"""A small network in numpy: a federation of five runs in a second or two, so that a matrix of
hundreds of attacks is affordable.
"""

from itertools import pairwise

import numpy as np

from fedh2l.data.domains import FederatedData
from fedh2l.learner import Lesson, State
from fedh2l.learners.table_features import features_of
from fedh2l.rows import Rows

FIRST, SECOND, TINY = 0.9, 0.999, 1e-8  # of Adam
Arrays = list[np.ndarray]


class NumpyMLP:
    """One hidden layer of ReLU on flat rows; Adam, its rate falls along a cosine to 0."""

    def __init__(
        self, rows: Rows, classes: int, *, steps: int, seed: int, hidden: int = 64, batch: int = 32
    ) -> None:
        self.x = flat(rows[0])
        self.y = np.eye(classes, dtype=np.float32)[rows[1]]
        self.rng = np.random.default_rng(seed)
        sizes = (self.x.shape[1], hidden, classes)
        self.weights: Arrays = []
        for before, after in pairwise(sizes):
            bound = before**-0.5
            drawn = self.rng.uniform(-bound, bound, (before, after)).astype(np.float32)
            self.weights += [drawn, np.zeros(after, np.float32)]
        self.means = [np.zeros_like(w) for w in self.weights]
        self.squares = [np.zeros_like(w) for w in self.weights]
        self.batch, self.steps, self.done, self.rate = min(batch, len(self.x)), steps, 0, 3e-3

    def posteriors(self, x: np.ndarray) -> np.ndarray:
        return self._forward(flat(x))[1]

    def learn(self, lesson: Lesson | None, steps: int) -> None:
        for _ in range(steps):
            mine = self.rng.permutation(len(self.x))[: self.batch]
            x, targets = self.x[mine], self.y[mine] / self.batch
            if lesson is not None:
                seed_x, seed_targets = self._seed_rows(lesson)
                x, targets = np.concatenate([x, seed_x]), np.concatenate([targets, seed_targets])
            hidden, probs = self._forward(x)
            # Of the cross-entropy with targets whose rows sum to their weights.
            slope = probs * targets.sum(1, keepdims=True) - targets
            back = (slope @ self.weights[2].T) * (hidden > 0)
            self._step([x.T @ back, back.sum(0), hidden.T @ slope, slope.sum(0)])

    def _seed_rows(self, lesson: Lesson) -> tuple[np.ndarray, np.ndarray]:
        """A batch of the lesson: CE(labels) + λ·CE(targets), as sums over the batch."""
        rows = self.rng.permutation(len(lesson.x))[: lesson.batch]
        targets = np.zeros((len(rows), self.y.shape[1]), np.float32)
        if lesson.targets is not None:
            targets += lesson.weight * lesson.targets[rows] / len(rows)
        if lesson.labels is not None:
            targets += lesson.labels[rows] / max(1, lesson.labelled[rows].sum())
        return flat(lesson.x[rows]), targets.astype(np.float32)

    def _forward(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        hidden = np.maximum(x @ self.weights[0] + self.weights[1], 0)
        logits = hidden @ self.weights[2] + self.weights[3]
        powers = np.exp(logits - logits.max(1, keepdims=True))
        return hidden, powers / powers.sum(1, keepdims=True)

    def _step(self, gradients: Arrays) -> None:
        rate = self.rate * (1 + np.cos(np.pi * min(1, self.done / self.steps))) / 2
        self.done += 1
        unbiased = (1 - SECOND**self.done) ** 0.5 / (1 - FIRST**self.done)
        for w, mean, square, g in zip(
            self.weights, self.means, self.squares, gradients, strict=True
        ):
            mean += (1 - FIRST) * (g - mean)
            square += (1 - SECOND) * (g * g - square)
            w -= (rate * unbiased * mean / (np.sqrt(square) + TINY)).astype(np.float32)

    def state_dict(self) -> State:
        return {f"weights.{i}": w for i, w in enumerate(self.weights)}

    def load_state_dict(self, state: State) -> None:
        self.weights = [state[f"weights.{i}"].copy() for i in range(len(self.weights))]


class Featured:
    """A NumpyMLP on rows of a table, which it sees as numbers."""

    def __init__(self, data: FederatedData, name: str, *, steps: int, seed: int) -> None:
        x, y = data.domains[name].train
        self.featurise = features_of(x, data.seed_set.x) or (lambda rows: rows)
        self.inner = NumpyMLP((self.featurise(x), y), data.classes, steps=steps, seed=seed)
        self.state_dict, self.load_state_dict = self.inner.state_dict, self.inner.load_state_dict

    def posteriors(self, x: np.ndarray) -> np.ndarray:
        return self.inner.posteriors(self.featurise(x))

    def learn(self, lesson: Lesson | None, steps: int) -> None:
        if lesson is not None:
            lesson = lesson._replace(x=self.featurise(lesson.x))
        self.inner.learn(lesson, steps)


def flat(x: np.ndarray) -> np.ndarray:
    return x.reshape(len(x), -1).astype(np.float32, copy=False)
