"""One-shot federated learning (Guha, Talwalkar and Smith, arXiv:1902.11175): models are trained to
the end at home, an ensemble of those that are good enough is formed once, and distilled.

F(x) = 1/|S| Σ_{k∈S} f_k(x); S: those that reach a baseline on validation rows of their own, that
have rows enough, or a random share; a student learns CE(F(x), f(x)) on public rows.

Departures: the ensemble is known on the seed rows alone, since no model travels; every peer is a
student of it, goes on with its private rows, and keeps its own model; the baseline is what the
commonest class would reach; and while seed labels are there, they are learnt, too.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

import numpy as np

from fedh2l.algorithms.distillation import Answers, answer, lesson_of, spoken, voices
from fedh2l.bounds import bounded, check_fields
from fedh2l.error import FedH2LError
from fedh2l.message import Inbox, Posteriors
from fedh2l.metrics import accuracy
from fedh2l.peer import Peer
from fedh2l.question import joined, numbers


@dataclass(frozen=True)
class OneShot:
    """Learn at home, speak once, and distil the ensemble of those that are good enough.

    Parameters
    ----------
    steps
        Local steps per round.
    seed_batch
        Seed rows per step.
    reuse
        How many of the last views' answers and labels are learnt from.
    warmup
        Rounds at home before the one exchange; the rest distils: about half of all rounds.
    select
        Which peers speak: those that beat the commonest class on validation rows of their own
        (validation), that have enough private rows (size), a share of them (random), or all.
    least_rows
        Private rows that are enough, with size.
    share
        Part of the peers that speaks, with random.
    weight
        Weight of the ensemble, against 1 for the seed labels and 1 for the private rows.
    labels
        Learn the seed labels, too, where there are any.
    """

    steps: int = bounded(10, least=1)
    seed_batch: int = bounded(48, least=1)
    reuse: int = bounded(3, least=1)
    warmup: int = bounded(10, least=0)
    select: Literal["validation", "size", "random", "all"] = "validation"
    least_rows: int = bounded(100, least=0)
    share: float = bounded(0.5, above=0, most=1)
    weight: float = bounded(1.0, least=0)
    labels: bool = True

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def reads_rows(self) -> bool:
        """Whether it is decided by private rows who speaks."""
        return self.select in ("validation", "size")

    def speak(self, peer: Peer, t: int) -> Posteriors | None:
        if t == 0 and self.select == "validation":
            validation_rows(peer)  # refused at once, and not in the round that needs them
        if t != self.warmup:
            return None
        # Said once: without a number of rounds left it is coded as what stays.
        said = answer(peer, t).probs
        return Posteriors(
            t, said if self._is_selected(peer) else np.full_like(said, 1 / said.shape[1])
        )

    def listen(self, peer: Peer, t: int, inbox: Inbox) -> float | None:
        if t == self.warmup:
            heard = ensemble(list(voices(peer, inbox).values()))
            if heard is not None:
                peer.memory["ensemble"] = heard
        # What was asked about in the one exchange is learnt to the end; labels in newer views, too.
        targets, known = peer.memory.get("ensemble"), None
        questions = peer.seed_set.recent(t, self.reuse)
        if targets is not None:
            about = peer.seed_set.question(self.warmup)
            questions = [about, *(q for q in questions if q.number != about.number)]
            rows = sum(len(q.x) for q in questions)
            known = np.arange(rows) < len(targets)
            targets = np.resize(targets, (rows, targets.shape[1]))
        lesson = lesson_of(
            joined(questions),
            targets,
            labels=self.labels,
            weight=self.weight,
            batch=self.seed_batch,
            known=known,
            asked=numbers(questions),
        )
        return peer.learn(lesson, self.steps)

    def _is_selected(self, peer: Peer) -> bool:
        if self.select == "validation":
            x, y = validation_rows(peer)
            commonest = float(np.bincount(y).max() / len(y))
            return accuracy(peer.posteriors(x), y) > commonest
        if self.select == "size":
            return len(peer.private_rows()[1]) >= self.least_rows
        if self.select == "random":
            drawn = sha256(f"{peer.seed_set.digest} {peer.name}".encode()).digest()
            return int.from_bytes(drawn[:4], "big") < self.share * 2**32
        return True


def validation_rows(peer: Peer) -> tuple[np.ndarray, np.ndarray]:
    """Rows that the peer does not learn from, refused where it has none."""
    if peer.validation is None:
        raise FedH2LError(
            f"{peer.name}: has no validation rows, by which one-shot selects; give it some, "
            "Peer(…, validation=(x, y)), or use --select size, random or all"
        )
    return peer.validation


def ensemble(answers: list[Answers]) -> Answers | None:
    """The mean of those who spoke; None where nobody did."""
    chosen = [probs for probs in answers if spoken(probs).any()]
    return np.mean(chosen, axis=0) if chosen else None
