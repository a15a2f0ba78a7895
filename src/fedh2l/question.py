"""What a round asks about, as all peers know it without a word."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped


@dataclass(frozen=True, eq=False)
class Question:
    """What a round asks: rows, and all that is known of them."""

    number: int  # the same in all rounds that ask the same
    x: Shaped[np.ndarray, "rows ..."]
    # As distributions, zeros where nothing is known. None: no row of the set is labelled.
    labels: Float[np.ndarray, "rows classes"] | None
    owners: Shaped[np.ndarray, " rows"] | None  # the name of each row's contributor
    mixture: Bool[np.ndarray, " rows"]  # whether a row is one; its label is blended by area
    is_batch: bool  # of the set: another one in each round
    # In how many rounds, this one included, the same is asked. None: in all that come or, of a
    # batch, in no other.
    rounds_left: int | None

    @property
    def fresh(self) -> bool:
        """Whether later rounds ask about other rows."""
        return self.is_batch or self.rounds_left is not None

    @property
    def labelled(self) -> Bool[np.ndarray, " rows"]:
        """Whether anything is known of a row's class."""
        if self.labels is None:
            return np.zeros(len(self.x), bool)
        return np.asarray(self.labels.any(1))

    def taken(self, rows: Shaped[np.ndarray, " taken"]) -> "Question":
        """The same about some of its rows: their indices, or a mask."""
        return replace(
            self,
            x=self.x[rows],
            labels=None if self.labels is None else self.labels[rows],
            owners=None if self.owners is None else self.owners[rows],
            mixture=self.mixture[rows],
        )


def joined(questions: Sequence[Question]) -> Question:
    """Several questions as one: their rows, one question after the other.

    Number and rounds left are those of the last.
    """
    labels = [q.labels for q in questions if q.labels is not None]
    owners = [q.owners for q in questions if q.owners is not None]
    return replace(
        questions[-1],
        x=np.concatenate([q.x for q in questions]),
        labels=np.concatenate(labels) if labels else None,
        owners=np.concatenate(owners) if owners else None,
        mixture=np.concatenate([q.mixture for q in questions]),
    )


def numbers(questions: Sequence[Question]) -> Int[np.ndarray, " rows"]:
    """The number of the question that each row of the joined ones belongs to."""
    return np.concatenate([np.full(len(q.x), q.number) for q in questions])
