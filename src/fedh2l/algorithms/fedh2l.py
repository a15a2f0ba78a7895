"""FedH2L (arXiv:2101.11296): peers teach each other by mutual distillation of posteriors on a
shared seed set.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from fedh2l.bounds import bounded, check_fields, named
from fedh2l.distill import TEACHERS, likeliest, linear_pool, temper
from fedh2l.error import FedH2LError
from fedh2l.learner import Conflict, Lesson
from fedh2l.message import Inbox, Posteriors
from fedh2l.peer import Peer
from fedh2l.question import Question, joined, numbers

WATCH = 10  # rounds between two looks at the conflict when no rule asks for it
Beliefs = Float[np.ndarray, "rows classes"]  # of a peer or of all, on the rows that were asked


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
        Who is believed on a row: all alike, its owner most, or by p(label)²; where a row has no
        label, by what they know of the labelled rows of its owner; unlabelled: all alike.
    reuse
        How many of the last views' answers are learnt from; 1: only this round's.
    own
        One's own posteriors are part of the average.
    top
        How many of a teacher's likeliest classes count on a row.
    phases
        joint: each step learns private and seed rows at once; alternating: half of the steps learn
        private rows before speaking, the other half seed rows after hearing (the original form).
    warmup
        Rounds of local learning before the first exchange: with many classes, networks that know
        nothing teach noise.
    """

    weight: float = bounded(3.0, least=0)
    steps: int = bounded(10, least=1)
    seed_batch: int = bounded(64, least=1)
    exchange: Literal["set", "batch"] = "set"
    conflict: Conflict = "none"
    temperature: float = bounded(1.0, above=0)
    teachers: str = named("label", TEACHERS)
    reuse: int = bounded(3, least=1)
    own: bool = True
    top: int = bounded(10, least=1)
    phases: Literal["joint", "alternating"] = "joint"
    warmup: int = bounded(0, least=0)

    def __post_init__(self) -> None:
        check_fields(self)
        if self.phases == "alternating" and self.steps < 2:
            raise FedH2LError(
                "steps is 1, and alternating phases need 2: one of private rows, one of seed rows"
            )

    def speak(self, peer: Peer, t: int) -> Posteriors | None:
        if self.phases == "alternating":
            self._learn_privately(peer, t)
        if t < self.warmup:
            return None
        question = peer.seed_set.question(t, self._batch)
        # float32, as it is sent: in one's own pool, too, before a codec rounds it.
        probs = peer.posteriors(question.x).astype(np.float32, copy=False)
        return Posteriors(t, probs, fresh=question.is_batch, rounds_left=question.rounds_left)

    def listen(self, peer: Peer, t: int, inbox: Inbox) -> float | None:
        question = peer.seed_set.question(t, self._batch)
        _check_memory(peer, question)
        voices = {name: m.probs for name, m in inbox.items() if isinstance(m, Posteriors)}
        if voices and isinstance(peer.said, Posteriors):
            if self.own:
                voices[peer.name] = peer.said.probs
            self._remember(peer, question, self._pool(question, voices))
        lesson = self._lesson(peer, t)
        if self.phases == "joint":
            return peer.learn(lesson, self.steps)
        # With nothing to learn from others the second phase learns private rows, too.
        mutual = None if lesson is None else lesson._replace(follow="seed")
        return peer.learn(mutual, self.steps // 2)

    def _learn_privately(self, peer: Peer, t: int) -> None:
        """The first of two phases: steps along the private gradient, held against the seed
        gradient only where a conflict rule protects that one.
        """
        lesson = self._lesson(peer, t) if self.conflict in ("seed", "both") else None
        if lesson is not None:
            lesson = lesson._replace(follow="private", watch=False)
        peer.learn(lesson, self.steps - self.steps // 2)

    @property
    def _batch(self) -> int | None:
        """How many rows a question has; None: the whole set."""
        return self.seed_batch if self.exchange == "batch" else None

    def _pool(self, question: Question, voices: Mapping[str, Beliefs]) -> Beliefs:
        """The teachers' mean, row by row: each softened, and counted as `teachers` says."""
        names = sorted(voices)  # sorted: float sums must be the same on every peer
        probs = np.stack([voices[name] for name in names])
        owned = None
        if question.owners is not None:
            owned = np.array(names)[:, None] == question.owners
        weights = TEACHERS[self.teachers](probs, question.labels, owned)
        return linear_pool(temper(likeliest(probs, self.top), self.temperature), weights)

    def _remember(self, peer: Peer, question: Question, answer: Beliefs) -> None:
        """Keep the answers to the last `reuse` questions; a newer answer to the same question
        replaces the older one.
        """
        numbers = peer.memory.get("asked", np.zeros(0, np.int64))
        answers = peer.memory.get("answers", answer[None][:0])
        others = np.flatnonzero(numbers != question.number)
        kept = others[max(0, len(others) - (self.reuse - 1)) :]
        peer.memory["asked"] = np.append(numbers[kept], question.number)
        peer.memory["answers"] = np.concatenate([answers[kept], answer[None]])

    def _lesson(self, peer: Peer, t: int) -> Lesson | None:
        """The questions that were answered, with the answers and the labels; before the first
        answer the labelled rows of this round's question.
        """
        if "asked" in peer.memory:
            remembered = [int(number) for number in peer.memory["asked"]]
            questions = [peer.seed_set.numbered(n, self._batch) for n in remembered]
            answers = np.concatenate(list(peer.memory["answers"]))
        else:
            question = peer.seed_set.question(t, self._batch)
            questions, answers = [question.taken(question.labelled)], None
        asked = joined(questions)
        labels = asked.labels
        if answers is None and not len(asked.x):
            return None
        if labels is not None and answers is not None:
            # A mixture's label is only a blend by area: what the peers answered takes its place.
            blended = asked.mixture & asked.labelled
            labels = np.where(blended[:, None], answers, labels)
        return Lesson(
            asked.x,
            targets=answers,
            labels=labels,
            weight=self.weight,
            temperature=self.temperature,
            batch=self.seed_batch,
            conflict=self.conflict,
            watch=t % WATCH == 0,
            numbers=numbers(questions),
            fresh=asked.fresh,
        )


def _check_memory(peer: Peer, question: Question) -> None:
    """Refuse to go on from answers to questions of another size."""
    answers = peer.memory.get("answers")
    if answers is not None and answers.shape[1] != len(question.x):
        raise FedH2LError(
            f"{peer.name}: remembers answers about {answers.shape[1]} rows, and this exchange asks "
            f"about {len(question.x)}; go on with the exchange and seed_batch it began with, or "
            "forget the answers: peer.memory.clear()"
        )
