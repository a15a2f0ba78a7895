"""The baselines: what a peer reaches alone, or with the seed labels; nothing is exchanged."""

from dataclasses import dataclass

import numpy as np

from fedh2l.error import FedH2LError
from fedh2l.learner import Lesson
from fedh2l.message import Inbox
from fedh2l.peer import Peer
from fedh2l.seedset import SeedSet


@dataclass(frozen=True)
class Alone:
    """Private rows only. Given everybody's private rows it is `pooled`, the bound."""

    steps: int = 10  # local steps per round

    def speak(self, peer: Peer, t: int) -> None:
        return None

    def listen(self, peer: Peer, t: int, inbox: Inbox) -> float | None:
        return peer.learner.learn(None, self.steps)


@dataclass(frozen=True)
class SeedOnly:
    """Private rows and the seed set's labels, in the same views as FedH2L; nothing is exchanged."""

    steps: int = 10  # local steps per round
    seed_batch: int = 64  # seed rows per step
    reuse: int = 3  # how many of the last views are learnt from

    def speak(self, peer: Peer, t: int) -> None:
        return None

    def listen(self, peer: Peer, t: int, inbox: Inbox) -> float | None:
        if peer.seed_set.labels is None:
            raise FedH2LError(
                "seed-only learns from the seed set's labels, and this one has none; use 'alone'"
            )
        return peer.learner.learn(
            labelled_lesson(peer.seed_set, t, self.reuse, self.seed_batch), self.steps
        )


def labelled_lesson(seeds: SeedSet, t: int, reuse: int, batch: int) -> Lesson | None:
    """The seed labels on the last `reuse` views; None where there are no labels."""
    if seeds.labels is None or not batch:
        return None
    now = seeds.view_index(t)
    views = range(max(0, now - reuse + 1), now + 1)
    labels = [soft for v in views if (soft := seeds.soft_labels(v)) is not None]
    return Lesson(
        np.concatenate([seeds.rows(v) for v in views]), labels=np.concatenate(labels), batch=batch
    )
