"""Whether a learner can be saved and go on, and whether it repeats itself."""

import random
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from safetensors.numpy import load, save

from fedh2l.error import FedH2LError
from fedh2l.finding import Finding
from fedh2l.learner import Learner, Lesson
from fedh2l.learners.contract.learning import STEPS, contrary
from fedh2l.learners.contract.speaking import arrays_of, changed_entries
from fedh2l.record.raw_types import packed, unpacked
from fedh2l.seedset import SeedSet

GENERATOR = (
    "draw from a generator of the learner's own, np.random.default_rng(seed), that is part of its "
    "state_dict"
)


def look_at_state(make: Callable[[], Learner], seeds: SeedSet) -> Iterator[Finding]:
    """Saved after a lesson, as a checkpoint is, and put into a fresh learner: it says the same, and
    goes on alike.
    """
    learner = make()
    lesson = Lesson(seeds.x, targets=contrary(learner.posteriors(seeds.x)), weight=3.0)
    learner.learn(lesson, STEPS)
    said = learner.posteriors(seeds.x)
    state = learner.state_dict()
    saved = _through_a_file(state)

    fresh = make()
    fresh.load_state_dict(_through_a_file(state))
    apart = float(np.abs(fresh.posteriors(seeds.x) - said).max())
    if apart > 0:
        fix = "put all that was learnt into state_dict, and take all of it in load_state_dict"
        yield Finding("state", False, f"a restored learner says up to {apart:.2g} else", fix)
        return
    yield Finding("state", True, f"{len(saved)} arrays, from which a fresh learner says the same")

    yield _goes_on(learner, fresh, lesson)
    if changed := changed_entries(saved, {k: np.asarray(v) for k, v in state.items()}):
        fix = "give copies in state_dict: array.copy()"
        yield Finding("state", False, f"{changed[0]} changes while the learner goes on", fix)


def _through_a_file(state: Mapping[str, Any]) -> dict[str, np.ndarray]:
    for name, value in state.items():
        if not isinstance(value, np.ndarray) or value.dtype.kind not in "biufcUV":
            kind = value.dtype if isinstance(value, np.ndarray) else type(value).__name__
            raise FedH2LError(
                f"state_dict: {name!r} is a {kind}; give arrays of numbers: of text "
                "np.frombuffer(text.encode(), np.uint8)"
            )
    tensors, types = packed(state)
    return unpacked(load(save(tensors)), types)


def _goes_on(learner: Learner, restored: Learner, lesson: Lesson) -> Finding:
    """Whether both learn alike from here on."""
    for each in (learner, restored):
        seed_everything(0)
        each.learn(lesson, STEPS)
    apart = float(np.abs(learner.posteriors(lesson.x) - restored.posteriors(lesson.x)).max())
    if apart == 0:
        return Finding("going on", True, "a restored learner learns on as if nothing had been")
    # The place in a user's own DataLoader cannot be saved.
    if hasattr(getattr(learner, "batches", None), "loader"):
        found = "a restored learner begins its DataLoader's epoch anew; with arrays it would not"
        return Finding("going on", True, found)
    fix = f"save the optimizer's state and the place in the epoch as well; {GENERATOR}"
    return Finding("going on", False, f"a restored learner learns on {apart:.2g} apart", fix)


def look_at_repetition(make: Callable[[], Learner], seeds: SeedSet) -> Iterator[Finding]:
    """Two learners made alike learn alike, whatever others draw in this process."""
    told: list[np.ndarray] = []
    lesson = None
    for drawn in (1, 2):
        seed_everything(0)  # the initial weights may be drawn from anywhere: they are saved
        learner = make()
        if lesson is None:
            lesson = Lesson(seeds.x, targets=contrary(learner.posteriors(seeds.x)), weight=3.0)
        seed_everything(drawn)
        learner.learn(lesson, STEPS)
        told.append(learner.posteriors(seeds.x))
    apart = float(np.abs(told[0] - told[1]).max())
    if apart > 0:
        found = f"two learners made alike learn {apart:.2g} apart"
        yield Finding("repetition", False, found, GENERATOR)
        return

    first, second = (arrays_of(make()) for _ in range(2))
    if changed_entries(first, second):
        advice = "to repeat a run, seed them in your function: torch.manual_seed(…)"
        found = "learns alike from the same start, but the initial weights are drawn anew each time"
        yield Finding("repetition", True, found, advice)
        return
    yield Finding("repetition", True, "two learners made alike learn alike")


def seed_everything(seed: int) -> None:
    """The generators that all of a process share, which a learner is not to draw from."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002  (the shared one is meant)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(seed)
