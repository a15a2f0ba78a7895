"""The baselines: what a peer reaches alone, with the seed labels, or with everybody's private rows;
nothing is exchanged.
"""

from dataclasses import dataclass
from typing import ClassVar

from fedh2l.bounds import bounded, check_fields
from fedh2l.error import FedH2LError
from fedh2l.learner import Lesson
from fedh2l.message import Inbox
from fedh2l.peer import Peer
from fedh2l.question import joined, numbers
from fedh2l.seedset import SeedSet


@dataclass(frozen=True)
class Alone:
    """Private rows only.

    Parameters
    ----------
    steps
        Local steps per round.
    """

    steps: int = bounded(10, least=1)

    def __post_init__(self) -> None:
        check_fields(self)

    def speak(self, peer: Peer, t: int) -> None:
        return None

    def listen(self, peer: Peer, t: int, inbox: Inbox) -> float | None:
        return peer.learn(None, self.steps)


@dataclass(frozen=True)
class Pooled:
    """Everybody's private rows in one place, with the seed rows where they are labelled: the bound.

    Parameters
    ----------
    steps
        Local steps per round.
    seed_batch
        By how many rows a batch is larger than a private one: as many as the others take of the
        seed set.
    """

    pooled: ClassVar[bool] = True  # the learners hold the private rows of all peers
    steps: int = bounded(10, least=1)
    seed_batch: int = bounded(48, least=0)

    def __post_init__(self) -> None:
        check_fields(self)

    def speak(self, peer: Peer, t: int) -> None:
        return None

    def listen(self, peer: Peer, t: int, inbox: Inbox) -> float | None:
        return peer.learn(None, self.steps)


@dataclass(frozen=True)
class SeedOnly:
    """Private rows and the seed set's labels, in the same views as FedH2L; nothing is exchanged.

    Parameters
    ----------
    steps
        Local steps per round.
    seed_batch
        Seed rows per step.
    reuse
        How many of the last views are learnt from.
    """

    needs_labels: ClassVar[bool] = True  # of the seed set
    steps: int = bounded(10, least=1)
    seed_batch: int = bounded(48, least=1)
    reuse: int = bounded(3, least=1)

    def __post_init__(self) -> None:
        check_fields(self)

    def speak(self, peer: Peer, t: int) -> None:
        return None

    def listen(self, peer: Peer, t: int, inbox: Inbox) -> float | None:
        if peer.seed_set.labels is None:
            raise FedH2LError(
                "seed-only learns from the seed set's labels, and this one has none; use 'alone'"
            )
        lesson = labelled_lesson(peer.seed_set, t, self.reuse, self.seed_batch)
        return peer.learn(lesson, self.steps)


def labelled_lesson(seeds: SeedSet, t: int, reuse: int, batch: int) -> Lesson | None:
    """The labelled seed rows in the last `reuse` views; None where there are no labels."""
    if seeds.labels is None or not batch:
        return None
    questions = [q.taken(q.labelled) for q in seeds.recent(t, reuse)]
    asked = joined(questions)
    return Lesson(
        asked.x, labels=asked.labels, batch=batch, numbers=numbers(questions), fresh=asked.fresh
    )
