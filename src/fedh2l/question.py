"""What a round asks about, as all peers know it without a word."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Shaped


@dataclass(frozen=True, eq=False)
class Question:
    """What a round asks: rows, and all that is known of them."""

    number: int  # the same in all rounds that ask the same
    x: Float[np.ndarray, "rows ..."]
    labels: Float[np.ndarray, "rows classes"] | None  # as distributions; None: unlabelled
    owners: Shaped[np.ndarray, " rows"] | None  # the name of each row's contributor
    mixture: Bool[np.ndarray, " rows"]  # whether a row is one; its label is blended by area
    is_batch: bool  # of the set: another one in each round
    # In how many rounds, this one included, the same is asked. None: in all that come or, of a
    # batch, in no other.
    rounds_left: int | None


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
