"""Whether a learner learns from a lesson what it would not learn by itself."""

from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Bool, Float

from fedh2l.finding import Finding
from fedh2l.learner import Learner, Lesson
from fedh2l.learners.contract.speaking import look_at_asking, look_at_order
from fedh2l.seedset import SeedSet
from fedh2l.wire.codec import check_posteriors

ROUNDS, STEPS = 5, 10  # of learning, before it is asked what was learnt; and the steps of each
PATIENCE = 20  # rounds more, where a model's posteriors stay as flat as two softmaxes make them
CLEARLY = 1e-3  # by which the loss on a lesson must be lower
Probs = Float[np.ndarray, "rows classes"]


def look_at_learning(make: Callable[[], Learner], seeds: SeedSet) -> Iterator[Finding]:
    """The private rows alone, then a lesson that says of every seed row the class after the one
    that was learnt from them: no learner comes upon it without listening.
    """
    alone = make()
    for _ in range(ROUNDS):
        alone.learn(None, STEPS)
    beliefs = alone.posteriors(seeds.x)
    check_posteriors(beliefs, (len(seeds), len(seeds.classes)), "after learning the model")
    yield from look_at_asking(alone, seeds)
    if seeds.labels is not None:
        yield look_at_order(beliefs, seeds)

    targets = contrary(beliefs)
    lessons = {
        "targets": Lesson(seeds.x, targets=targets, weight=3.0),
        "labels": Lesson(seeds.x, labels=targets, weight=3.0),
    }
    for field, lesson in lessons.items():
        pupil = make()
        yield _look_at_lesson(field, pupil, lesson, cross_entropy(targets, beliefs))
        if field == "targets":
            yield _look_at_softmax(pupil, lesson, targets)


def contrary(beliefs: Probs) -> Probs:
    """Of each row the class after the likeliest one."""
    classes = beliefs.shape[1]
    return np.eye(classes, dtype=np.float32)[(beliefs.argmax(1) + 1) % classes]


def cross_entropy(targets: Probs, probs: Probs) -> float:
    """Nats, the mean over the rows."""
    return float(-(targets * np.log(np.maximum(probs, 1e-9))).sum(1).mean())


def _look_at_lesson(field: str, pupil: Learner, lesson: Lesson, unheard: float) -> Finding:
    """unheard: the loss on this lesson of a learner that did not hear it."""
    what, targets = f"lesson of {field}", lesson.targets
    if targets is None:
        targets = lesson.labels
    assert targets is not None

    first = pupil.posteriors(lesson.x)
    before = after = cross_entropy(targets, first)
    for _ in range(ROUNDS):
        pupil.learn(lesson, STEPS)
        probs = pupil.posteriors(lesson.x)
        check_posteriors(probs, targets.shape, "after a lesson the model")
        after = cross_entropy(targets, probs)
        if after < min(before, unheard) - CLEARLY:
            return Finding(what, True, f"its loss falls from {before:.2f} to {after:.2f} nats")

    if np.array_equal(first, pupil.posteriors(lesson.x)):
        return Finding(
            what,
            False,
            "learning changes nothing",
            "let some layers be trained, give the optimizer this model's parameters, and a "
            "learning rate above 0",
        )
    return Finding(
        what,
        False,
        f"its loss goes from {before:.2f} to {after:.2f} nats, without the lesson to {unheard:.2f}",
        "`learn` must match the lesson on lesson.x (for instance by lesson.merged()), and not only "
        "the private rows; if it does, raise the learning rate",
    )


def _look_at_softmax(pupil: Learner, lesson: Lesson, targets: Probs) -> Finding:
    """The softmax of probabilities is never sure: a model that ends in one stays in a narrow range,
    however long it is taught.
    """
    found = "goes beyond what the softmax of probabilities could say"
    for _ in range(PATIENCE):
        probs = pupil.posteriors(lesson.x)
        inner, sure = _before_softmax(probs)
        if not inner.all():
            return Finding("softmax", True, found)
        taught = probs.argmax(1) == targets.argmax(1)
        if sure.mean() >= 0.5 and taught.mean() >= 0.5:
            fix = "take the softmax at the model's end away: the learner applies it"
            most = f"no class ever gets more than {probs.max():.2f}: there is one softmax too many"
            return Finding("softmax", False, most, fix)
        pupil.learn(lesson, STEPS)
    return Finding("softmax", True, "not to be told: the posteriors stay flat")


def _before_softmax(probs: Probs) -> tuple[Bool[np.ndarray, " rows"], Bool[np.ndarray, " rows"]]:
    """Whether each row may be the softmax of a distribution, and of one that is nearly sure."""
    logs = np.log(np.maximum(probs, 1e-9))
    # The one shift of the logits with which they sum to one.
    inner = logs - logs.mean(1, keepdims=True) + 1 / probs.shape[1]
    return (inner > -1e-3).all(1), inner.max(1) > 0.8
