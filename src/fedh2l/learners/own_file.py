"""The user's own model: a function in a file of the user's that gives a learner."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from fedh2l.error import FedH2LError
from fedh2l.learner import Learner
from fedh2l.learners.model import Training
from fedh2l.own_code import own_module
from fedh2l.rows import Rows
from fedh2l.seedset import SeedSet


class OwnModel:
    """FILE.py:FUNCTION, where FUNCTION(seed_set, rows, training) gives a Learner.

    The seed set always comes first. A simulation deals out the private rows and says how to train;
    a member of a live federation is asked with the seed set alone, for its rows are its own. So
    `def function(seed_set, rows=None, training=None)` serves both.
    """

    cost = 14  # as LeNet's: nobody measured it

    def __init__(self, where: str) -> None:
        file, _, function = where.rpartition(":")
        if not file.endswith(".py") or not Path(file).is_file():
            raise FedH2LError(
                f"model {where}: no such file; expected FILE.py:FUNCTION, where "
                "FUNCTION(seed_set) gives a Learner"
            )
        self.where, self.file, self.function = where, Path(file), function

    def build(self, rows: Rows, classes: int, training: Training) -> Learner:
        """A fresh learner with these private rows."""
        if training.seed_set is None:
            raise FedH2LError(f"model {self.where}: needs the seed set; give Training(seed_set=…)")
        return self._learner(own_module(self.file), training.seed_set, rows, training)

    def of_member(self, seed_set: SeedSet) -> tuple[Learner, Rows | None]:
        """A learner with the member's own rows; and validation rows, if the file has a function
        `validation` too.
        """
        module = own_module(self.file)
        learner = self._learner(module, seed_set)
        validation: Callable[[], Rows] | None = getattr(module, "validation", None)
        return learner, validation() if callable(validation) else None

    def _learner(self, module: Any, *arguments: Any) -> Learner:
        function: Callable[..., Any] | None = getattr(module, self.function, None)
        if not callable(function):
            raise FedH2LError(
                f"{self.file}: no function {self.function!r} in it; {self.file}:FUNCTION names "
                "one that takes the seed set"
            )

        learner = function(*arguments)
        if not isinstance(learner, Learner):
            raise FedH2LError(
                f"{self.where} gives a {type(learner).__name__}, not a Learner; wrap it in "
                "TorchLearner or SklearnLearner, or give it posteriors, learn, state_dict and "
                "load_state_dict"
            )
        return learner


def own_learner(where: str, seed_set: SeedSet) -> tuple[Learner, Rows | None]:
    """What FILE.py:FUNCTION makes of the seed set for a member of a live federation, and its
    validation rows.
    """
    return OwnModel(where).of_member(seed_set)
