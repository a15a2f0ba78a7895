"""What every learner that trains by steps draws: batches of its private rows, and of a lesson."""

import json
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Shaped, UInt8

from fedh2l.error import FedH2LError
from fedh2l.learner import Lesson, State
from fedh2l.learners.features import PrivateRows
from fedh2l.rows import Rows
from fedh2l.stored_rows import row_bytes

BATCH = 32  # private rows per step, if nothing is said
# Of a batch of the lesson, where fewer of its rows are labelled; measured in docs/worth.md.
LABELLED = 0.25
# Of a forward pass where nothing is learnt: rows, or fewer where they are large, for what a network
# makes of an image on its way is many times as large.
EVALUATION_ROWS, EVALUATION_BYTES = 500, 8 * 2**20


class PrivateBatches:
    """Whole batches of a shuffled epoch; the rest of an epoch leads the next one."""

    def __init__(self, private: PrivateRows, size: int | None, rng: np.random.Generator) -> None:
        self.private, self.rng = private, rng
        self.size = BATCH if size is None else size
        if len(private) < self.size:
            raise FedH2LError(
                f"private data: {len(private)} rows, fewer than a batch of {self.size}; use a "
                "smaller batch or more rows"
            )
        self.order = np.zeros(0, np.int64)  # what is left of the epoch

    def next(self) -> Rows:
        """The next batch, freshly augmented."""
        if len(self.order) < self.size:
            self.order = np.concatenate([self.order, self.rng.permutation(len(self.private))])
        pick, self.order = self.order[: self.size], self.order[self.size :]
        return self.private.taken(pick), self.private.y[pick]

    def some(self) -> Rows:
        """All private rows, as raw as the seed rows, to compare with these."""
        return self.private.x, self.private.y

    def restart(self, order: np.ndarray) -> None:
        """Go on where `order` was what was left of the epoch."""
        self.order = order.copy()

    def state_dict(self) -> State:
        """The place in the epoch, and the generator."""
        return {"order": self.order, "generator": saved_generator(self.rng)}

    def load_state_dict(self, state: State) -> None:
        self.restart(state["order"])
        restore_generator(self.rng, state["generator"])


def saved_generator(rng: np.random.Generator) -> UInt8[np.ndarray, " bytes"]:
    """The state of a generator: JSON in bytes."""
    return np.frombuffer(json.dumps(rng.bit_generator.state).encode(), np.uint8).copy()


def restore_generator(rng: np.random.Generator, saved: UInt8[np.ndarray, " bytes"]) -> None:
    """Go on where `saved` was taken."""
    rng.bit_generator.state = json.loads(saved.tobytes())


class SeedBatch(NamedTuple):
    """Rows of a lesson for one step; where nothing is known, labels or targets are zero."""

    x: Shaped[np.ndarray, "rows ..."]
    labels: Float[np.ndarray, "rows classes"]
    targets: Float[np.ndarray, "rows classes"]


def seed_picks(lesson: Lesson, rng: np.random.Generator) -> Iterator[Int[np.ndarray, "_"]]:
    """Without end: permutations of a lesson's rows one after the other, in whole batches; where
    the lesson says how often a row is drawn, each batch is drawn by itself, no row twice in it.

    Where few rows are labelled, `LABELLED` of every batch are: they are permuted apart from the
    others, and come again sooner.
    """
    rows = len(lesson.x)
    size = min(lesson.batch, rows)
    labelled, others = np.flatnonzero(lesson.labelled), np.flatnonzero(~lesson.labelled)
    # A batch of one row cannot hold some of both.
    if size > 1 and 0 < len(labelled) < LABELLED * rows:
        count = min(len(labelled), max(1, round(LABELLED * size)))
        with_label = _parts(labelled, count, lesson.draw, rng)
        without = _parts(others, size - count, lesson.draw, rng)
        while True:
            yield np.concatenate([next(with_label), next(without)])
    yield from _parts(np.arange(rows), size, lesson.draw, rng)


def _parts(
    rows: Int[np.ndarray, " rows"],
    size: int,
    draw: Float[np.ndarray, " all"] | None,
    rng: np.random.Generator,
) -> Iterator[Int[np.ndarray, " size"]]:
    """Without end: permutations of these rows, in whole parts; or rows drawn in proportion."""
    weights = None if draw is None else draw[rows]
    while weights is not None:
        # The largest of log(u)/w: a draw in proportion to w without repetition (Efraimidis and
        # Spirakis, 2006).
        keys = np.log(rng.random(len(rows))) / weights
        yield rows[np.argpartition(keys, -size)[-size:]]
    while True:
        order = rng.permutation(rows)
        for start in range(0, len(rows) - size + 1, size):
            yield order[start : start + size]


def seed_batches(
    lesson: Lesson | None,
    x: Shaped[np.ndarray, "rows ..."],
    classes: int,
    rng: np.random.Generator,
) -> Iterator[SeedBatch]:
    """The batches of a lesson whose rows the model takes as `x`; empty ones where there is none."""
    nothing = np.zeros((len(x), classes), np.float32)
    if lesson is None:
        while True:
            yield SeedBatch(x, nothing, nothing)
    labels = nothing if lesson.labels is None else lesson.labels.astype(np.float32, copy=False)
    targets = nothing if lesson.targets is None else lesson.targets.astype(np.float32, copy=False)
    for pick in seed_picks(lesson, rng):
        yield SeedBatch(x[pick], labels[pick], targets[pick])


def is_measured(lesson: Lesson, step: int) -> bool:
    """Whether the two gradients of this step are needed one by one."""
    return lesson.conflict != "none" or (lesson.watch and step == 0)


def followed(lesson: Lesson | None) -> tuple[float, float]:
    """How much private and seed loss count where their gradients need not be told apart."""
    if lesson is None:
        return 1.0, 0.0
    return lesson.private * (lesson.follow != "seed"), float(lesson.follow != "private")


def evaluation_rows(x: Shaped[np.ndarray, "rows ..."]) -> int:
    """How many of such rows are in a forward pass where nothing is learnt."""
    return max(1, min(EVALUATION_ROWS, EVALUATION_BYTES // row_bytes(x)))


def in_chunks(
    x: Shaped[np.ndarray, "rows ..."],
    forward: Callable[[Shaped[np.ndarray, "_ ..."]], Float[np.ndarray, "_ classes"]],
) -> Float[np.ndarray, "rows classes"]:
    """A forward pass over rows of any number, in chunks of few sizes: a compiler, which makes a
    program for each size, makes few. The last row fills a chunk up.
    """
    parts: list[np.ndarray] = []
    step = evaluation_rows(x)
    for start in range(0, len(x), step):
        chunk = x[start : start + step]
        size = 1 << (len(chunk) - 1).bit_length()  # the next power of two
        filled = np.concatenate([chunk, np.repeat(chunk[-1:], size - len(chunk), 0)])
        parts.append(forward(filled)[: len(chunk)])
    return np.concatenate(parts)


def check_finite(probs: np.ndarray) -> None:
    """Refuse what a model says after its training has diverged."""
    if not np.isfinite(probs).all():
        raise FedH2LError(
            "the model's posteriors are NaN: training has diverged; use a smaller learning "
            "rate, or features of a smaller range"
        )


def check_loss(loss: float, steps: int) -> None:
    """Refuse to go on from a loss that is no number."""
    if not np.isfinite(loss):
        raise FedH2LError(
            f"the loss is {loss} after {steps} steps: training has diverged; use a smaller "
            "learning rate, or features of a smaller range"
        )


def check_width(outputs: tuple[int, ...], rows: int, classes: int) -> None:
    """Refuse outputs that are not one logit or probability for each class."""
    if outputs != (rows, classes):
        raise FedH2LError(
            f"the model gives {outputs} for {rows} rows and {classes} classes; expected (rows, "
            "classes), one output for each class: two where there are two classes"
        )


def are_probabilities(outputs: Float[np.ndarray, "rows classes"]) -> bool:
    """Whether a model's outputs are a softmax already; of several rows, logits never look so."""
    inside = bool(((outputs >= 0) & (outputs <= 1)).all())
    return inside and len(outputs) > 1 and bool(np.abs(outputs.sum(1) - 1).max() < 0.02)
