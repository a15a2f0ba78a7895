"""FedH2L (arXiv:2101.11296): peers teach each other by mutual distillation of posteriors on a
shared seed set.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from fedh2l.algorithms.pooling import Beliefs, Pool
from fedh2l.bounds import bounded, check_fields, named
from fedh2l.distill import divergence, temper
from fedh2l.error import FedH2LError
from fedh2l.learner import Conflict, Lesson
from fedh2l.message import Inbox, Posteriors
from fedh2l.peer import Peer
from fedh2l.question import Question, joined, numbers
from fedh2l.teachers import TEACHERS

UNFOCUSED = np.float32(1e-3)  # least KL that counts in `focus`, so that every row comes again
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
        Who is believed on a row: all alike, its owner most, or by p(label)²; where a row has no
        label, by what they know of the labelled rows of its owner; where no row has one, by how
        far they agree with its owner.
    reuse
        How many of the last views' answers are learnt from; 1: only this round's.
    own
        One's own posteriors are part of the average.
    top
        How many of a teacher's likeliest classes count on a row.
    phases
        joint: each step learns private and seed rows at once; alternating: half of the steps learn
        private rows before speaking, the other half seed rows after hearing (the original form).
    owner
        Factor on the weight of the peer that contributed a row, in `label` and `owner`; a mixture
        has two owners, by their shares.
    focus
        Rows of the lesson are drawn in proportion to KL(answer ‖ own)^focus: oftener where a peer
        has most to learn; 0: all alike.
    private
        Factor on the loss of the private rows.
    warmup
        Rounds of local learning before the first exchange: with many classes, networks that know
        nothing teach noise.
    """

    weight: float = bounded(3.0, least=0)
    steps: int = bounded(10, least=1)
    seed_batch: int = bounded(48, least=1)
    exchange: Literal["set", "batch"] = "set"
    conflict: Conflict = "none"
    temperature: float = bounded(1.0, above=0)
    teachers: str = named("label", TEACHERS)
    reuse: int = bounded(3, least=1)
    own: bool = True
    top: int = bounded(10, least=1)
    phases: Literal["joint", "alternating"] = "joint"
    owner: float = bounded(6.0, least=1)
    focus: float = bounded(0.5, least=0)
    private: float = bounded(2.0, above=0)
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
        if isinstance(peer.said, Posteriors):
            answer = self._pool.answer(peer.name, peer.said, inbox, question)
            if answer is not None:
                distance = divergence(answer, temper(peer.said.probs, self.temperature))
                self._remember(peer, question, answer, distance)
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

    @property
    def _pool(self) -> Pool:
        """The teachers' mean, row by row: each softened, and counted as `teachers` says."""
        return Pool(self.teachers, self.owner, self.top, self.temperature, self.own)

    def _remember(
        self,
        peer: Peer,
        question: Question,
        answer: Beliefs,
        distance: Float[np.ndarray, " rows"],
    ) -> None:
        """Keep the answers to the last `reuse` questions, and how far the peer was from them; a
        newer answer to the same question replaces the older one.
        """
        numbers = peer.memory.get("asked", np.zeros(0, np.int64))
        others = np.flatnonzero(numbers != question.number)
        kept = others[max(0, len(others) - (self.reuse - 1)) :]
        peer.memory["asked"] = np.append(numbers[kept], question.number)
        newest = {"answers": answer}
        if self.focus:
            newest["distances"] = distance
        for name, array in newest.items():
            before = peer.memory.get(name, array[None][:0])
            peer.memory[name] = np.concatenate([before[kept], array[None]])

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
            draw=self._draw(peer),
            private=self.private,
        )

    def _draw(self, peer: Peer) -> Float[np.ndarray, " rows"] | None:
        """How often a row of the lesson is drawn; None: all alike."""
        if not self.focus or "distances" not in peer.memory:
            return None
        distances = np.concatenate(list(peer.memory["distances"]))
        return np.maximum(distances, UNFOCUSED) ** self.focus


def _check_memory(peer: Peer, question: Question) -> None:
    """Refuse to go on from answers to questions of another size."""
    answers = peer.memory.get("answers")
    if answers is not None and answers.shape[1] != len(question.x):
        raise FedH2LError(
            f"{peer.name}: remembers answers about {answers.shape[1]} rows, and this exchange asks "
            f"about {len(question.x)}; go on with the exchange and seed_batch it began with, or "
            "forget the answers: peer.memory.clear()"
        )
