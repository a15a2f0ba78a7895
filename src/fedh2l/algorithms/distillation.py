"""What the methods that distil on the seed set share: what a peer says, whom it has heard, and the
steps of a round. What is a method's own stands in its own file.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int

from fedh2l.error import FedH2LError
from fedh2l.learner import Lesson
from fedh2l.message import Inbox, Posteriors
from fedh2l.peer import Peer
from fedh2l.question import Question, joined, numbers

# alternating: half of a round's steps learn private rows, the other half the seed rows, as most of
# the papers have it; joint: each step learns both.
Phases = Literal["alternating", "joint"]
Answers = Float[np.ndarray, "rows classes"]  # posteriors on the rows that were asked about
ROUNDED = 1 / 200  # more than any codec rounds a probability by


def answer(peer: Peer, t: int) -> Posteriors:
    """What a peer believes about all that round t asks, in float32, as it is sent."""
    question = peer.seed_set.question(t)
    probs = peer.posteriors(question.x).astype(np.float32, copy=False)
    return Posteriors(t, probs, rounds_left=question.rounds_left)


def voices(peer: Peer, inbox: Inbox, *, own: bool = True) -> dict[str, Answers]:
    """The answers that a peer heard, and its own among them, by name; none where it heard nobody.

    Sorted: float sums must be the same on every peer.
    """
    heard = {name: m.probs for name, m in inbox.items() if isinstance(m, Posteriors)}
    if heard and own and isinstance(peer.said, Posteriors):
        heard[peer.name] = peer.said.probs
    return {name: heard[name] for name in sorted(heard)}


def mean_of(answers: Mapping[str, Answers]) -> Answers | None:
    """The mean of the answers; None where there are none."""
    return np.mean(list(answers.values()), axis=0) if answers else None


def spoken(probs: Float[np.ndarray, "... classes"]) -> Bool[np.ndarray, "..."]:
    """Which rows say anything: a peer that abstains says that all classes are alike.

    A row of which a peer abstains in every round arrives as uniform, whatever the codec.
    """
    return np.abs(probs - 1 / probs.shape[-1]).max(-1) > ROUNDED


def lesson_of(
    question: Question,
    targets: Answers | None,
    *,
    labels: bool,
    weight: float,
    batch: int,
    known: Bool[np.ndarray, " rows"] | None = None,
    asked: Int[np.ndarray, " rows"] | None = None,
) -> Lesson | None:
    """The question with the targets and, where `labels`, the seed labels that there are; None where
    nothing is known of any row.

    known: the rows that have a target; of the others those that are labelled are learnt, with their
    label as the target. asked: the number of each row's question, where several are joined.
    """
    has_target = np.full(len(question.x), targets is not None) if known is None else known
    labelled = question.labelled & labels
    rows = has_target | labelled
    if not rows.any():
        return None

    part = question.taken(rows)
    hot = part.labels if labelled.any() else None
    if targets is not None and has_target.any():
        targets = targets[rows]
        if hot is not None:
            targets = np.where(has_target[rows][:, None], targets, hot)
    else:
        targets = None
    return Lesson(
        part.x,
        targets,
        hot,
        weight=weight,
        batch=batch,
        numbers=numbers([part]) if asked is None else asked[rows],
        fresh=question.fresh,
    )


def recent_lesson(
    peer: Peer,
    t: int,
    targets: Answers | None,
    *,
    reuse: int,
    labels: bool,
    weight: float,
    batch: int,
    known: Bool[np.ndarray, " rows"] | None = None,
) -> Lesson | None:
    """The lesson of round t, and of the last `reuse` views what was answered about them, which the
    peer remembers; before the first answer their labels. A newer answer to the same question
    replaces the older one.
    """
    question = peer.seed_set.question(t)
    kept = peer.memory.get("asked", np.zeros(0, np.int64))
    if targets is not None:
        mask = np.ones(len(targets), bool) if known is None else known
        others = np.flatnonzero(kept != question.number)
        others = others[max(0, len(others) - (reuse - 1)) :]
        kept = np.append(kept[others], question.number)
        for name, now in (("answers", targets), ("known", mask)):
            before = peer.memory.get(name, now[None][:0])
            peer.memory[name] = np.concatenate([before[others], now[None]])
        peer.memory["asked"] = kept

    if len(kept):
        questions = [peer.seed_set.numbered(int(number)) for number in kept]
        targets = np.concatenate(list(peer.memory["answers"]))
        known = np.concatenate(list(peer.memory["known"]))
    else:
        questions, targets, known = peer.seed_set.recent(t, reuse), None, None
    return lesson_of(
        joined(questions),
        targets,
        labels=labels,
        weight=weight,
        batch=batch,
        known=known,
        asked=numbers(questions),
    )


def examples(
    peer: Peer, t: int, *, reuse: int, labels: bool
) -> tuple[Question, Int[np.ndarray, " rows"]]:
    """The private rows and, where `labels`, the labelled seed rows in the last `reuse` views, as a
    question in which seed rows alone have labels; and the class of each row.

    Raises FedH2LError where the learner does not show its private rows.
    """
    x, y = peer.private_rows()
    asked = joined(peer.seed_set.recent(t, reuse))
    seeds = asked.taken(asked.labelled & ~asked.mixture & labels)
    hot = None
    if seeds.labels is not None and len(seeds.x):
        # A learner that flattens images may have them flat already.
        own = x if x.shape[1:] == seeds.x.shape[1:] else x.reshape(len(x), *seeds.x.shape[1:])
        hot = np.concatenate([np.zeros((len(x), seeds.labels.shape[1]), np.float32), seeds.labels])
        x, y = np.concatenate([own, seeds.x]), np.concatenate([y, seeds.labels.argmax(1)])
    question = replace(
        seeds,
        number=0,
        x=x,
        labels=hot,
        owners=None,
        partners=None,
        share=np.ones(len(x)),
        mixture=np.zeros(len(x), bool),
    )
    return question, y


def check_phases(phases: Phases, steps: int) -> None:
    """Refuse fewer steps than there are phases."""
    if phases == "alternating" and steps < 2:
        raise FedH2LError(
            "steps is 1, and alternating phases need 2: one of private rows, one of seed rows"
        )


def learn_private_rows(peer: Peer, phases: Phases, steps: int) -> None:
    """The half of a round's steps that learns private rows, where the phases alternate."""
    if phases == "alternating":
        peer.learn(None, steps - steps // 2)


def learn_seed_rows(peer: Peer, lesson: Lesson | None, phases: Phases, steps: int) -> float | None:
    """The other half, or all steps where each learns both; without a lesson private rows."""
    if phases == "joint":
        return peer.learn(lesson, steps)
    return peer.learn(None if lesson is None else lesson._replace(follow="seed"), steps // 2)
