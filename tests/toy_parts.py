"""A copy of the package with a toy method, data set and learner: a file and a line each."""

import shutil
from pathlib import Path

import fedh2l

METHOD = '''
from dataclasses import dataclass

import numpy as np

from fedh2l.bounds import bounded, check_fields
from fedh2l.learner import Lesson
from fedh2l.message import Inbox, Posteriors
from fedh2l.peer import Peer


@dataclass(frozen=True)
class Toy:
    """Every peer learns the mean of what the others say.

    Parameters
    ----------
    weight
        Weight of that mean.
    steps
        Local steps per round.
    """

    weight: float = bounded(1.0, least=0)
    steps: int = bounded(5, least=1)

    def __post_init__(self) -> None:
        check_fields(self)

    def speak(self, peer: Peer, t: int) -> Posteriors:
        return Posteriors(t, peer.posteriors(peer.seed_set.x).astype(np.float32), fresh=True)

    def listen(self, peer: Peer, t: int, inbox: Inbox) -> float | None:
        answers = [m.probs for m in inbox.values() if isinstance(m, Posteriors)]
        lesson = None
        if answers:
            lesson = Lesson(peer.seed_set.x, np.mean(answers, axis=0), weight=self.weight)
        return peer.learn(lesson, self.steps)
'''
DATA = '''
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fedh2l.bounds import bounded, check_fields
from fedh2l.data.domains import Domain, FederatedData
from fedh2l.seedset import SeedSet


@dataclass(frozen=True, kw_only=True)
class Toy:
    """Two clouds of points, further apart in each domain.

    Parameters
    ----------
    domains
        How many peers.
    points
        Private rows of each peer.
    """

    models = ("logistic",)
    rounds: ClassVar[int] = 3
    mixtures = False
    baselines: ClassVar[bool] = True
    kind = "numbers"

    domains: int | None = bounded(None, least=1, most=9)
    points: int = bounded(40, least=40)

    def __post_init__(self) -> None:
        check_fields(self)

    def names(self, domains: int) -> list[str]:
        return [f"cloud{i}" for i in range(domains)]

    def load(self, domains: int, seed: int) -> FederatedData:
        rng = np.random.default_rng(seed)

        def rows(count, shift):
            y = np.arange(count) % 2
            x = rng.normal(size=(count, 3)) + (2 + shift) * y[:, None]
            return x.astype(np.float32), y

        parts = {
            name: Domain(rows(self.points, i), rows(20, i), rows(20, i))
            for i, name in enumerate(self.names(domains))
        }
        return FederatedData(parts, SeedSet(*_seeds(rows)))


def _seeds(rows):
    x, y = rows(10, 0.5)
    return x, ("left", "right"), y
'''
LEARNER = '''
import numpy as np


class Line:
    """Softmax regression by gradient descent, in numpy alone."""

    def __init__(self, rows, classes, training):
        self.x, self.y = rows
        self.classes, self.rate = classes, 0.1
        self.w = np.zeros((self.x.shape[1], classes))

    def posteriors(self, x):
        z = np.exp(x @ self.w - (x @ self.w).max(1, keepdims=True))
        return (z / z.sum(1, keepdims=True)).astype(np.float32)

    def learn(self, lesson, steps):
        for _ in range(steps):
            self._step(self.x, np.eye(self.classes)[self.y], np.ones(len(self.x)))
            if lesson is not None:
                self._step(lesson.x, *lesson.merged())
        return None

    def _step(self, x, targets, weights):
        apart = weights[:, None] * (self.posteriors(x) - targets)
        self.w -= self.rate * x.T @ apart / len(x)

    def state_dict(self):
        return {"w": self.w.copy()}

    def load_state_dict(self, state):
        self.w = state["w"].copy()


class ToyModel:
    cost = 1

    def build(self, rows, classes, training):
        return Line(rows, classes, training)


TOY = ToyModel()
'''
PARTS = {
    "algorithms": (METHOD, "fedh2l.algorithms.toy:Toy"),
    "data": (DATA, "fedh2l.data.toy:Toy"),
    "learners": (LEARNER, "fedh2l.learners.toy:TOY"),
}


def add_toys(folder: Path) -> None:
    """Into `folder` a copy of the package that has them. Nothing else of it is touched."""
    package = folder / "fedh2l"
    shutil.copytree(Path(fedh2l.__file__).parent, package)
    for room, (source, place) in PARTS.items():
        (package / room / "toy.py").write_text(source)
        table = package / room / "__init__.py"
        lines = table.read_text().splitlines(keepends=True)
        first = next(i for i, line in enumerate(lines) if line.startswith('        "'))
        lines.insert(first, f'        "toy": "{place}",\n')
        table.write_text("".join(lines))
