"""What a round asks about, as all peers know it without a word."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

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
    # Of a mixture the contributor of its other part, and the share that the owner's part has; of
    # any other row the owner, and 1.
    partners: Shaped[np.ndarray, " rows"] | None
    share: Float[np.ndarray, " rows"]
    mixture: Bool[np.ndarray, " rows"]  # whether a row is one; its label is blended by area
    is_batch: bool  # of the set: another one in each round
    # In how many rounds, this one included, the same is asked. None: in all that come or, of a
    # batch, in no other.
    rounds_left: int | None

    @property
    def fresh(self) -> bool:
        """Whether later rounds ask about other rows."""
        return self.is_batch or self.rounds_left is not None

    def owned(self, names: Sequence[str]) -> Float[np.ndarray, "peers rows"] | None:
        """How much of each row is of each peer; None: nobody knows whose the rows are."""
        if self.owners is None or self.partners is None:
            return None
        column = np.array(names)[:, None]
        first, second = (column == owners for owners in (self.owners, self.partners))
        return (self.share * first + (1 - self.share) * second).astype(np.float32)

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
            partners=None if self.partners is None else self.partners[rows],
            share=self.share[rows],
            mixture=self.mixture[rows],
        )


def joined(questions: Sequence[Question]) -> Question:
    """Several questions as one: their rows, one question after the other.

    Number and rounds left are those of the last.
    """
    last = questions[-1]
    if len(questions) == 1:
        return last  # without a copy of its rows
    columns = {f.name: getattr(last, f.name) for f in fields(last)}
    # What is known of each row is an array; what is known of none stays None.
    of_rows = [name for name, column in columns.items() if isinstance(column, np.ndarray)]
    parts = {name: [getattr(q, name) for q in questions] for name in of_rows}
    return replace(last, **{name: np.concatenate(columns) for name, columns in parts.items()})


def numbers(questions: Sequence[Question]) -> Int[np.ndarray, " rows"]:
    """The number of the question that each row of the joined ones belongs to."""
    return np.concatenate([np.full(len(q.x), q.number) for q in questions])
