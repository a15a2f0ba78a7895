"""A participant: a name, a learner, the seed set that all agreed on, and what an algorithm
remembers between rounds.
"""

import re
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Shaped

from fedh2l.error import FedH2LError
from fedh2l.learner import Learner, State, under
from fedh2l.seedset import SeedSet
from fedh2l.wire.codec import check_posteriors
from fedh2l.wire.state import WireState

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")  # safe in a path, a terminal and a key expression


@dataclass
class Peer:
    name: str
    learner: Learner
    seed_set: SeedSet
    # The algorithm's.
    memory: dict[str, Shaped[np.ndarray, "..."]] = field(default_factory=dict[str, np.ndarray])
    wire: WireState = field(init=False)  # the wire's

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise FedH2LError(f"peer name {self.name!r}: use 1 to 64 letters, digits, '_' or '-'")
        self.wire = WireState(self.name)

    def posteriors(self, x: Shaped[np.ndarray, "rows ..."]) -> Float[np.ndarray, "rows classes"]:
        """The learner's posteriors, refused here when they are not distributions over the agreed
        classes.
        """
        probs = self.learner.posteriors(x)
        check_posteriors(probs, (len(x), len(self.seed_set.classes)), self.name)
        return probs

    def state_dict(self) -> dict[str, Shaped[np.ndarray, "..."]]:
        learner = {f"learner.{k}": v for k, v in self.learner.state_dict().items()}
        memory = {f"memory.{k}": v for k, v in self.memory.items()}
        return learner | memory | {f"wire.{k}": v for k, v in self.wire.state_dict().items()}

    def load_state_dict(self, state: State) -> None:
        self.learner.load_state_dict(under(state, "learner."))
        self.memory = under(state, "memory.")
        self.wire.load_state_dict(under(state, "wire."))
