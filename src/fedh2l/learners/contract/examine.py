"""Everything that a learner promises, one finding each, in the order in which to mend it."""

import time
from collections.abc import Callable, Iterator
from typing import Any

from threadpoolctl import threadpool_limits

from fedh2l.finding import Finding, guarded, refusal
from fedh2l.learner import Learner, Lesson
from fedh2l.learners.contract.keeping import look_at_repetition, look_at_state
from fedh2l.learners.contract.learning import STEPS, contrary, look_at_learning
from fedh2l.learners.contract.speaking import look_at_posteriors, look_at_rows
from fedh2l.peer import missing_verbs
from fedh2l.record.units import duration
from fedh2l.seedset import SeedSet

ROUNDS_OF_A_RUN = 100  # for which the time is told


def examine(make: Callable[[], Any], seeds: SeedSet) -> Iterator[Finding]:
    """The findings on the learners that `make` gives, each time a fresh one.

    What goes wrong in the model's own code is a finding too; none of it is raised.
    """
    try:
        learner = make()
    except Exception as error:
        yield refusal("model", error)
        return
    yield (made := _look_at_verbs(learner))
    if made.ok:
        # One core, as in a run and in a live federation.
        with threadpool_limits(1):
            yield from _look_at_learner(learner, make, seeds)


def _look_at_learner(
    learner: Learner, make: Callable[[], Learner], seeds: SeedSet
) -> Iterator[Finding]:
    yield from guarded("private rows", look_at_rows(learner, seeds))
    spoken = list(guarded("posteriors", look_at_posteriors(learner, seeds)))
    yield from spoken
    # What a model says cannot be compared where it is no distribution.
    if not all(finding.ok for finding in spoken):
        return

    yield from guarded("learning", look_at_learning(make, seeds))
    yield from guarded("state", look_at_state(make, seeds))
    yield from guarded("repetition", look_at_repetition(make, seeds))
    yield from guarded("time", _look_at_time(make(), seeds))


def _look_at_verbs(learner: object) -> Finding:
    name, missing = type(learner).__name__, missing_verbs(learner)
    if not missing:
        return Finding("model", True, f"a {name}")
    fix = "wrap it, for instance in TorchLearner or SklearnLearner"
    return Finding("model", False, f"a {name} is no learner, it lacks {', '.join(missing)}", fix)


def _look_at_time(learner: Learner, seeds: SeedSet) -> Iterator[Finding]:
    """Of one round, once the model is warm: what it says and what it learns."""
    lesson = Lesson(seeds.x, targets=contrary(learner.posteriors(seeds.x)))
    learner.learn(lesson, STEPS)

    clock = time.perf_counter()
    learner.posteriors(seeds.x)
    learner.learn(lesson, STEPS)
    learner.posteriors(seeds.x[:1])  # some learn only when they are asked
    seconds = time.perf_counter() - clock
    yield Finding(
        "time",
        True,
        f"{seconds:.2g} s for a round of {STEPS} steps and {len(seeds)} seed rows: "
        f"{duration(ROUNDS_OF_A_RUN * seconds)} for {ROUNDS_OF_A_RUN} rounds",
    )
