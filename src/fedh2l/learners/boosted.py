"""Boosted trees, of whichever library: grown on where the questions change, refitted where not."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Shaped, UInt8

from fedh2l.learner import Lesson, State
from fedh2l.learners.batches import restore_generator, saved_generator
from fedh2l.learners.compare import compare
from fedh2l.learners.features import Features, Featurise, PrivateRows
from fedh2l.rows import Rows, number_of_classes
from fedh2l.seedset import SeedSet
from fedh2l.views import View

TREES, REFITTED, MOST = 8, 60, 400
# Of augmented private rows in a round: how often all of them, and at most how many rows.
COPIES, ROWS = 4, 2000
Table = Float[np.ndarray, "rows features"]
Soft = Float[np.ndarray, "rows classes"]


@runtime_checkable
class Library(Protocol):
    """What a library of boosted trees does with a model of its own kind."""

    def grow(
        self,
        model: Any,
        x: Table,
        targets: Soft,
        weights: Float[np.ndarray, " rows"],
        *,
        trees: int,
        seed: int,
    ) -> Any:
        """This model, or none, with so many more trees for each class, by soft cross-entropy."""
        ...

    def posteriors(self, model: Any, x: Table) -> Soft: ...

    def trees(self, model: Any) -> int:
        """How many there are for each class."""
        ...

    def last(self, model: Any, trees: int) -> Any:
        """The model of its last trees alone."""
        ...

    def saved(self, model: Any) -> UInt8[np.ndarray, " bytes"]:
        """In the library's own format, which holds no code."""
        ...

    def restored(self, saved: UInt8[np.ndarray, " bytes"]) -> Any: ...


class BoostedTrees:
    """Trees grown on private rows and on a lesson's, in proportion to their weights.

    Where rows change from round to round, by views or by an augmentation, `trees` are added in
    each; where they do not, more trees would learn the same rows by heart: then a fixed number,
    `refitted`, is grown anew.

    Parameters
    ----------
    params
        The library's own, such as {"num_leaves": 15} of LightGBM or {"max_depth": 4} of XGBoost;
        not the objective or the number of trees.
    data
        (x, y): class indices in y; x is flattened to a table. NaN is a missing value.
    classes
        How many classes the federation has.
    categories
        Which columns hold codes of categories.
    trees
        For each class in a round, where rows change from round to round.
    refitted
        For each class, where they do not.
    most
        For each class; in a longer run the oldest trees are forgotten.
    augment
        A function of (rows, generator) applied to the private rows anew in each round, four times
        where they are few.
    featurise
        From raw rows to this peer's own features of them.
    seed
        Of augmentation and subsampling.

    Raises FedH2LError, with the fix, for parameters or data that will not do.
    """

    make: ClassVar[Callable[[Mapping[str, Any], int, Sequence[int]], Library]]

    def __init__(
        self,
        params: Mapping[str, Any],
        data: Sequence[Any],
        classes: int,
        *,
        categories: Sequence[int] = (),
        trees: int = TREES,
        refitted: int = REFITTED,
        most: int = MOST,
        augment: View | None = None,
        featurise: Featurise | None = None,
        seed: int = 0,
    ) -> None:
        self.classes = number_of_classes(classes)
        self.library = type(self).make(params, self.classes, categories)
        self.trees, self.refitted, self.most, self.seed = trees, refitted, most, seed
        self.features = Features(featurise)
        self.rng = np.random.default_rng(seed)  # of the augmentation
        self.private = PrivateRows(
            data, self.classes, self.features, augment, self.rng, missing=True
        )
        self.x, self.y, self.rows = self.private.x, self.private.y, len(self.private)
        self.model: Any = None  # the library's own; None until two classes are known
        self._grow(None)  # a peer speaks before it is taught

    def posteriors(self, x: Shaped[np.ndarray, "rows ..."]) -> Soft:
        """p(class | x).

        While one class only is known, nothing can be fitted: it is as likely as Laplace's rule of
        succession says, on every row.
        """
        if self.model is None:
            known, total = np.bincount(self.y, minlength=self.classes), self.rows + self.classes
            return np.tile(((known + 1) / total).astype(np.float32), (len(x), 1))
        return self.library.posteriors(self.model, _table(self.features(x))).astype(np.float32)

    def learn(self, lesson: Lesson | None, steps: int) -> None:
        """A round's trees, however many steps are asked for."""
        # Private rows alone, as they were: all that they teach is learnt.
        if lesson is not None or self.private.augment is not None:
            self._grow(lesson)

    def state_dict(self) -> State:
        """The trees in the library's own format, and the generator."""
        model = {} if self.model is None else {"model": self.library.saved(self.model)}
        return {**model, "generator": saved_generator(self.rng)}

    def load_state_dict(self, state: State) -> None:
        self.model = self.library.restored(state["model"]) if "model" in state else None
        restore_generator(self.rng, state["generator"])

    def private_rows(self) -> Rows:
        """All private rows as they were given; see `Readable`."""
        return self.private.x, self.private.y

    def compare(self, seed_set: SeedSet) -> list[str]:
        """What is likely wrong between the private rows and the seed set; see `compare`."""
        return compare((self.x, self.y), seed_set, flat=True)

    def _grow(self, lesson: Lesson | None) -> None:
        x, targets, weights = self._taught(lesson)
        if (targets.sum(0) > 0).sum() < 2:
            return
        fresh = self.private.augment is not None or (lesson is not None and lesson.fresh)
        model = self.model if fresh else None
        if model is not None and self.library.trees(model) + self.trees > self.most:
            model = self.library.last(model, self.most - self.trees)

        before = 0 if model is None else self.library.trees(model)
        self.model = self.library.grow(
            model,
            x,
            targets,
            weights,
            trees=self.trees if fresh else self.refitted,
            seed=self.seed + before,  # so that a block draws the same after a restart
        )

    def _taught(self, lesson: Lesson | None) -> tuple[Table, Soft, Float[np.ndarray, " rows"]]:
        """Rows, what they are as distributions, and how much each weighs: a private row 1, all
        rows of a lesson together as much as the private ones, times their own weights.
        """
        copies = 1
        if self.private.augment is not None:
            copies = min(COPIES, max(1, ROWS // self.rows))
        every = np.arange(self.rows)
        x = np.concatenate([_table(self.private.taken(every)) for _ in range(copies)])
        targets = np.tile(np.eye(self.classes)[self.y], (copies, 1))
        weights = np.full(len(x), 1 / copies)
        if lesson is None:
            return x, targets, weights
        soft, share = lesson.merged()
        rows = _table(self.features.of_lesson(lesson))
        known = share > 0
        return (
            np.concatenate([x, rows[known]]),
            np.concatenate([targets, soft[known]]),
            np.concatenate([weights, share[known] * self.rows / len(rows)]),
        )


def soft_cross_entropy(
    scores: Soft, targets: Soft, weights: Float[np.ndarray, " rows"]
) -> tuple[Soft, Soft]:
    """Gradient and diagonal of the Hessian of CE(targets, softmax(scores)), as Friedman (2001)
    scales it, row by row.
    """
    powers = np.exp(scores - scores.max(1, keepdims=True))
    probs = powers / powers.sum(1, keepdims=True)
    classes = targets.shape[1]
    curvature = classes / (classes - 1) * probs * (1 - probs)
    return (probs - targets) * weights[:, None], np.maximum(curvature, 1e-6) * weights[:, None]


def _table(rows: Shaped[np.ndarray, "rows ..."]) -> Table:
    return np.ascontiguousarray(rows.reshape(len(rows), -1), np.float32)
