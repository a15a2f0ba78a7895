"""The method as its authors tell it: local and mutual optimisation, one after the other."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
import pytest

from conftest import Says, blobs, seed_set, torch_learner
from fedh2l.algorithms.fedh2l import FedH2L
from fedh2l.error import FedH2LError
from fedh2l.learner import Lesson
from fedh2l.loop import run
from fedh2l.peer import Peer

Rule = Literal["none", "private", "seed", "both"]


class Noting(Says):
    """A learner that notes its lessons: what they follow, and in how many steps."""

    def __init__(self) -> None:
        super().__init__(np.full((12, 3), 1 / 3, np.float32))
        self.lessons: list[tuple[str, int]] = []

    def learn(self, lesson: Lesson | None, steps: int) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        self.lessons.append(("none" if lesson is None else lesson.follow, steps))


@pytest.mark.parametrize(("rule", "local"), [("private", "none"), ("seed", "private")])
def test_private_steps_come_before_speaking_and_seed_steps_after_hearing(
    rule: Rule, local: str
) -> None:
    learners = [Noting(), Noting()]
    peers = [Peer(f"p{i}", learner, seed_set()) for i, learner in enumerate(learners)]
    for _ in run(FedH2L(phases="alternating", steps=5, conflict=rule), peers, rounds=2):
        pass
    assert learners[0].lessons == [(local, 3), ("seed", 2)] * 2


def test_a_seed_step_leaves_the_private_rows_alone() -> None:
    """Along the seed gradient alone a network comes to say what it is taught, be it wrong."""
    learner, (x, y) = torch_learner(), blobs(12, seed=99)
    wrong = np.eye(3, dtype=np.float32)[(y + 1) % 3]
    learner.learn(Lesson(x, labels=wrong, follow="seed"), 200)
    assert (learner.posteriors(x).argmax(1) == (y + 1) % 3).all()
    learner.learn(Lesson(x, labels=wrong, follow="private"), 200)
    assert (learner.posteriors(blobs(60)[0]).argmax(1) == blobs(60)[1]).mean() > 0.9


def test_both_forms_take_as_many_steps() -> None:
    """Half of the steps each, so a learning-rate schedule ends where it does with joint phases."""
    taken: Mapping[str, list[tuple[str, int]]] = {}
    for phases in ("joint", "alternating"):
        learner = Noting()
        peers = [Peer("a", learner, seed_set()), Peer("b", Noting(), seed_set())]
        for _ in run(FedH2L(phases=phases, steps=7), peers, rounds=1):
            pass
        taken = {**taken, phases: learner.lessons}
    assert sum(n for _, n in taken["joint"]) == sum(n for _, n in taken["alternating"]) == 7


def test_alternating_phases_need_two_steps() -> None:
    with pytest.raises(FedH2LError, match="alternating phases need 2"):
        FedH2L(phases="alternating", steps=1)
