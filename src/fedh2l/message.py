"""What peers say to each other: posteriors on the seed set.

Parameters are carried only for methods that average them.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float, Shaped


@dataclass(frozen=True)
class Posteriors:
    """p(class | seed example) of one peer in one round.

    There is no field that could hold weights or data.
    """

    kind: ClassVar[str] = "posteriors"
    round: int
    probs: Float[np.ndarray, "rows classes"]
    # About other seed examples than the round before: nothing to be told as a change.
    fresh: bool = False
    # Rounds, this one included, that ask about the same view of them; None: all that come.
    rounds_left: int | None = None
    # What was computed of it, once for all that hear it.
    derived: dict[Hashable, Any] = field(
        default_factory=dict[Hashable, Any], init=False, repr=False, compare=False
    )

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and classes."""
        return self.probs.shape


@dataclass(frozen=True)
class Weights:
    """A model's parameters and the number of rows behind them, for FedAvg (arXiv:1602.05629).

    FedH2L never sends it.
    """

    kind: ClassVar[str] = "weights"
    round: int
    rows: int
    arrays: Mapping[str, Shaped[np.ndarray, "..."]]

    @property
    def shape(self) -> tuple[int, ...]:
        """How many parameters."""
        return (sum(a.size for a in self.arrays.values()),)


@dataclass(frozen=True)
class Prototypes(Weights):
    """Mean embeddings of the classes, "means" (classes, width), and the private rows behind each,
    "counts" (classes), for FedProto (arXiv:2105.00243). They travel as weights do.
    """

    kind: ClassVar[str] = "prototypes"


Message = Posteriors | Weights
# Sorted by sender: float sums must not depend on the order of arrival.
Inbox = Mapping[str, Message]
