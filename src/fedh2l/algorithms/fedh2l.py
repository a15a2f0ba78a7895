"""FedH2L (arXiv:2101.11296): peers teach each other by mutual distillation of posteriors on a
shared seed set.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from fedh2l.distill import (
    Teachers,
    label_weights,
    likeliest,
    linear_pool,
    owner_weights,
    temper,
    uniform_weights,
)
from fedh2l.error import FedH2LError
from fedh2l.learner import Conflict, Lesson
from fedh2l.message import Inbox, Posteriors
from fedh2l.peer import Peer
from fedh2l.seedset import SeedSet

WATCH = 10  # rounds between two looks at the conflict when no rule asks for it


@dataclass(frozen=True)
class FedH2L:
    """Mutual distillation; the fields are its hyper-parameters.

    Parameters
    ----------
    weight
        λ: weight of the peers' posteriors, against 1 for the seed labels and 1 for the private
        rows.
    steps
        Local steps per round.
    seed_batch
        Seed rows per step.
    exchange
        Posteriors on the whole seed set, or on one batch of it (the original form).
    conflict
        Whose gradient is protected when the private and the seed gradient disagree.
    temperature
        Softens teacher and pupil alike.
    teachers
        Who is believed on a row: all alike, its owner most, or by p(label)²; unlabelled: all alike.
    reuse
        How many of the last views' answers are learnt from; 1: only this round's.
    own
        One's own posteriors are part of the average.
    top
        How many of a teacher's likeliest classes count on a row.
    warmup
        Rounds of local learning before the first exchange: with many classes, networks that know
        nothing teach noise.
    """

    weight: float = 3.0
    steps: int = 10
    seed_batch: int = 64
    exchange: Literal["set", "batch"] = "set"
    conflict: Conflict = "none"
    temperature: float = 1.0
    teachers: Teachers = "label"
    reuse: int = 3
    own: bool = True
    top: int = 10
    warmup: int = 0

    def speak(self, peer: Peer, t: int) -> Posteriors | None:
        if t < self.warmup:
            return None
        # As the others will see them, also in one's own pool.
        probs = peer.posteriors(self._asked(peer, t)).astype(np.float32, copy=False)
        batch = self.exchange == "batch"
        return Posteriors(
            t, probs, fresh=batch, rounds_left=None if batch else peer.seed_set.rounds_left(t)
        )

    def listen(self, peer: Peer, t: int, inbox: Inbox) -> float | None:
        voices = {n: m.probs for n, m in inbox.items() if isinstance(m, Posteriors)}
        if voices and isinstance(peer.said, Posteriors):
            own = {peer.name: peer.said.probs} if self.own else {}
            self._remember(peer, t, self._pool(peer, t, voices | own))
        return peer.learner.learn(self._lesson(peer, t), self.steps)

    def _rows(self, peer: Peer, t: int) -> slice | np.ndarray:
        return slice(None) if self.exchange == "set" else peer.seed_set.batch(t, self.seed_batch)

    def _asked(self, peer: Peer, t: int) -> np.ndarray:
        seeds = peer.seed_set
        return seeds.rows(seeds.view_index(t))[self._rows(peer, t)]

    def _pool(self, peer: Peer, t: int, voices: dict[str, np.ndarray]) -> np.ndarray:
        names = sorted(voices)  # sorted: float sums must be the same on every peer
        probs = np.stack([voices[n] for n in names])
        rows, seeds = self._rows(peer, t), peer.seed_set
        return linear_pool(
            temper(likeliest(probs, self.top), self.temperature),
            self._trust(probs, names, seeds, t, rows),
        )

    def _trust(
        self, probs: np.ndarray, names: list[str], seeds: SeedSet, t: int, rows: slice | np.ndarray
    ) -> np.ndarray:
        """How much each teacher counts on each row, (peers, rows)."""
        labels = seeds.soft_labels(seeds.view_index(t))
        if self.teachers == "label" and labels is not None:
            return label_weights(probs, labels[rows])
        if self.teachers == "owner":
            if seeds.owners is None:
                raise FedH2LError("teachers='owner' needs a seed set with owners; use 'uniform'")
            return owner_weights(
                np.array(names)[:, None] == np.resize(seeds.owners, seeds.asked)[rows]
            )
        return uniform_weights(probs)

    def _remember(self, peer: Peer, t: int, targets: np.ndarray) -> None:
        """Keep the answers to the last `reuse` questions; a newer answer about the same view
        replaces the older one.
        """
        asked = t if self.exchange == "batch" else peer.seed_set.view_index(t)
        old = peer.memory.get("asked", np.zeros(0, np.int64))
        kept = np.flatnonzero(old != asked)[-(self.reuse - 1) :] if self.reuse > 1 else []
        peer.memory["asked"] = np.append(old[kept], asked)
        before = peer.memory["answers"][kept] if len(kept) else targets[None][:0]
        peer.memory["answers"] = np.concatenate([before, targets[None]])

    def _picked(self, seeds: SeedSet, asked: int) -> tuple[int, slice | np.ndarray]:
        """The view and the rows of a remembered question."""
        if self.exchange == "batch":
            return seeds.view_index(asked), seeds.batch(asked, self.seed_batch)
        return asked, slice(None)

    def _lesson(self, peer: Peer, t: int) -> Lesson | None:
        seeds = peer.seed_set
        heard = "asked" in peer.memory
        if not heard and seeds.labels is None:
            return None
        asked = (
            [int(i) for i in peer.memory["asked"]]
            if heard
            else [t if self.exchange == "batch" else seeds.view_index(t)]
        )
        picks = [self._picked(seeds, i) for i in asked]
        answers = np.concatenate(list(peer.memory["answers"])) if heard else None
        return Lesson(
            np.concatenate([seeds.rows(v)[rows] for v, rows in picks]),
            answers,
            None if seeds.labels is None else _labels(seeds, picks, answers),
            self.weight,
            self.temperature,
            self.seed_batch,
            self.conflict,
            watch=t % WATCH == 0,
        )


def _labels(
    seeds: SeedSet, picks: list[tuple[int, slice | np.ndarray]], answers: np.ndarray | None
) -> np.ndarray:
    """The labels of these rows.

    To a mixture nobody holds one: what the peers answered stands in for it.
    """
    labels = np.concatenate(
        [soft[rows] for v, rows in picks if (soft := seeds.soft_labels(v)) is not None]
    )
    if answers is None:
        return labels
    mixture = np.concatenate([np.arange(seeds.asked)[rows] >= len(seeds) for _, rows in picks])
    return np.where(mixture[:, None], answers, labels)
