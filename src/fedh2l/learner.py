"""What a peer must be able to do: say what it believes, and learn. Any model in any framework."""

from collections.abc import Mapping
from typing import Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

Conflict = Literal["none", "private", "seed", "both"]
Followed = Literal["both", "private", "seed"]
State = Mapping[str, Shaped[np.ndarray, "..."]]


def under(state: State, prefix: str) -> dict[str, Shaped[np.ndarray, "..."]]:
    """The entries below a prefix, without it."""
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}


class Lesson(NamedTuple):
    """What a peer is asked to learn besides its own data: match `targets` on `x`, and the `labels`
    where there are any.

    Added to `private` times the private loss (q is the learner's p(class | x)):
        CE(labels, q) + weight · temperature² · CE(targets, q^(1/temperature))
    where the targets' is a mean over the rows of a batch, and the labels' over those of them that
    are labelled.
    With the mean of the teachers, softened by the temperature, as targets this has the gradient of
    the mean of KL(p_j ‖ q).
    """

    x: Shaped[np.ndarray, "rows ..."]
    targets: Float[np.ndarray, "rows classes"] | None = None
    # As distributions; zeros where nothing is known of a row.
    labels: Float[np.ndarray, "rows classes"] | None = None
    # λ: of matching the targets, against 1 for the labels and 1 for the private rows.
    weight: float = 1.0
    temperature: float = 1.0
    batch: int = 64  # seed rows per step
    # Whose gradient is protected when the private and the seed gradient disagree.
    conflict: Conflict = "none"
    watch: bool = False  # measure the conflict on the first step, though no rule needs it
    # Whose gradient the steps follow; the other one's only matters to the conflict rule. A learner
    # that is fitted anew, without steps, always learns from both.
    follow: Followed = "both"
    # The number of the question that each row belongs to.
    numbers: Int[np.ndarray, " rows"] | None = None
    fresh: bool = False  # later rounds ask about other rows: in views, in mixtures, in batches
    # How often a row is drawn, in proportion; None: all alike. A learner that is fitted anew takes
    # all rows, and does not draw.
    draw: Float[np.ndarray, " rows"] | None = None
    private: float = 1.0  # factor on the private loss

    @property
    def labelled(self) -> Bool[np.ndarray, " rows"]:
        """Whether a row has a label."""
        if self.labels is None:
            return np.zeros(len(self.x), bool)
        return np.asarray(self.labels.any(1))

    def merged(self) -> tuple[Float[np.ndarray, "rows classes"], Float[np.ndarray, " rows"]]:
        """Labels and targets as one distribution per row, (y + λp)/(1 + λ), and the row's weight
        against that of a private one, (1 + λ)/private: the same gradient at T = 1.

        A row without a label weighs λ/private, one without targets 1/private.
        """
        if self.targets is None:
            assert self.labels is not None, "a lesson has targets, labels or both"
            return self.labels, self.labelled / self.private
        if self.labels is None:
            return self.targets, np.full(len(self.x), self.weight / self.private)

        labelled = self.labelled
        both = (self.labels + self.weight * self.targets) / (1 + self.weight)
        weights = np.where(labelled, 1 + self.weight, self.weight) / self.private
        return np.where(labelled[:, None], both, self.targets), weights


@runtime_checkable
class Learner(Protocol):
    """One participant's model, its private rows and how it trains.

    It keeps its data; nothing else ever holds a row.
    """

    def posteriors(self, x: Shaped[np.ndarray, "rows ..."]) -> Float[np.ndarray, "rows classes"]:
        """p(class | x): non-negative rows that sum to one."""
        ...

    def learn(self, lesson: Lesson | None, steps: int) -> float | None:
        """`steps` mini-batches of private rows, each with rows of the lesson.

        Returns the share of measured steps on which the private and the seed gradient pointed
        against each other, or None.
        """
        ...

    def state_dict(self) -> State:
        """Everything needed to go on after a restart, as arrays."""
        ...

    def load_state_dict(self, state: State) -> None: ...


@runtime_checkable
class Weighted(Learner, Protocol):
    """A learner whose parameters can be averaged with those of its like: what FedAvg asks for, and
    FedH2L does not.
    """

    rows: int  # private rows: the weight of its parameters in the average

    def weights(self) -> State: ...

    def load_weights(self, weights: State, proximal: float = 0.0) -> None:
        """Take these parameters; from now on be pulled back to them by proximal/2·‖w − weights‖²
        (FedProx, arXiv:1812.06127).
        """
        ...


@runtime_checkable
class Readable(Learner, Protocol):
    """A learner whose private rows may be read by the method on the same machine: for means over
    classes, prototypes and densities. No row leaves it.
    """

    def private_rows(self) -> tuple[Shaped[np.ndarray, "rows ..."], Int[np.ndarray, " rows"]]:
        """All private rows, as raw as the seed rows, and their classes."""
        ...


class Spent(NamedTuple):
    """What a learner has spent of its privacy budget, in the whole life of its private rows.

    epsilon: spent so far, of `budget`, at δ = `delta`.
    steps: along the private rows; `refused` more were asked of this model, and not taken.
    """

    epsilon: float
    budget: float
    delta: float
    steps: int
    refused: int


@runtime_checkable
class Accounted(Learner, Protocol):
    """A learner that learns its private rows with differential privacy."""

    def spent(self) -> Spent: ...


class Embeds(Protocol):
    """The inner representation of a model: what FedProto (arXiv:2105.00243) asks for."""

    def of(self, x: Shaped[np.ndarray, "rows ..."], width: int) -> Float[np.ndarray, "rows width"]:
        """The embeddings of rows, `width` numbers for each."""
        ...

    def pull(
        self,
        prototypes: Float[np.ndarray, "classes width"],
        known: Bool[np.ndarray, " classes"],
        weight: float,
    ) -> None:
        """From now on add weight·mean (e(x) − prototype of x's class)² to the private loss, of the
        rows whose class has a prototype.
        """
        ...


@runtime_checkable
class Embedded(Learner, Protocol):
    """A learner whose model has an embedding."""

    embedding: Embeds
