"""A privacy budget, and the learners that keep it: how much anybody can learn of one private row.

Opacus is imported with the first learner that has a budget, and not before.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from fedh2l.bounds import bounded, check_fields
from fedh2l.error import FedH2LError
from fedh2l.learner import Learner
from fedh2l.record.ledger import Ledger

# Chosen on validation rows of rotated MNIST at ε = 8: docs/privacy.md.
CLIP, RATE, MOMENTUM = 1.0, 0.1, 0.9
GAIN = 2.0  # factor on the noised gradient: clipping has made it shorter than that of a lesson
LONGEST = 1.0  # of a step's gradient, noise and lesson together
DRAWN, MOST_SAMPLING = 256, 0.5  # private rows in a step on average, and the share of them at most
# The end of two refusals.
READS_ROWS = (
    "the private rows themselves, and with a privacy budget only their noised gradient may be "
    "used; use a method that asks about the seed set alone, such as fedh2l, fedmd or dml, or one "
    "that averages weights, such as fedavg"
)


@dataclass(frozen=True, kw_only=True)
class Privacy:
    """Differential privacy of each private row, by DP-SGD; without an epsilon there is none.

    Parameters
    ----------
    epsilon
        Budget of each peer for the whole life of its private rows: the noise is such that it lasts
        exactly for the run. Networks of PyTorch only; 8 is weak, 1 is strong.
    delta
        Probability with which the bound may fail; by default 1/n² for n private rows.
    clip
        Largest norm of the gradient of one private row; by default 1.
    sampling
        Probability with which a private row is in a step, in place of --batch; by default such that
        256 rows are expected, or half of them where there are fewer than 512.
    """

    epsilon: float | None = bounded(None, above=0, most=100)
    delta: float | None = bounded(None, above=0, most=0.1)
    clip: float | None = bounded(None, above=0)
    sampling: float | None = bounded(None, above=0, most=1)

    def __post_init__(self) -> None:
        check_fields(self)
        given = ("delta", "clip", "sampling")
        idle = [name for name in given if getattr(self, name) is not None]
        if self.epsilon is None and idle:
            raise FedH2LError(
                f"--{idle[0]} means nothing without --epsilon; name the budget, such as --epsilon 8"
            )

    def check(self, method: str, *, reads_rows: bool, batch: bool, keep: bool) -> None:
        """Refuse a method that would say something of private rows without noise, and a round that
        they would choose; and a number of rows per step, which would change nothing.
        """
        if self.epsilon is None:
            return
        if reads_rows:
            raise FedH2LError(f"what {method} says depends on {READS_ROWS}")
        if keep:
            raise FedH2LError(
                "--keep best chooses a round by validation rows, which are outside the budget of "
                "--epsilon; leave it out: the last round is kept"
            )
        if batch:
            raise FedH2LError(
                "--batch means nothing with --epsilon, for rows are drawn one by one; use "
                "--sampling, the probability with which each is in a step"
            )

    @property
    def notes(self) -> tuple[str, ...]:
        """What else is not as it would be without a budget, in words."""
        if self.epsilon is None:
            return ()
        return (
            f"privacy: ε = {self.epsilon:g} for each private row, by DP-SGD; SGD with momentum "
            "takes Adam's place, GroupNorm that of BatchNorm, and features of tables are fitted to "
            "the seed rows alone",
            "privacy: accuracies in tables and reports are of rows outside the budget: they choose "
            "nothing here, and should not leave you",
        )

    def learner(self, learner: Learner, ledger: Ledger, steps: int) -> Learner:
        """The learner within the budget, for so many private steps; itself where there is none.

        Raises FedH2LError, with the fix, for a learner whose private rows cannot be bounded so.
        """
        if self.epsilon is None:
            return learner
        kinds = [f"{kind.__module__}:{kind.__qualname__}" for kind in type(learner).__mro__]
        if "fedh2l.learners.torch:TorchLearner" not in kinds:
            raise FedH2LError(
                f"a {type(learner).__name__} learns without a gradient of each private row, so a "
                "privacy budget cannot bound it; use networks of PyTorch (mlp, deep-mlp, lenet, "
                "wide-cnn, resnet, batchnorm-cnn, or a TorchLearner of your own), or leave "
                "--epsilon out"
            )
        module: Any = import_module("fedh2l.learners.torch_private")
        rows: int = learner.rows  # pyright: ignore[reportAttributeAccessIssue]
        within: Learner = module.PrivateTorchLearner(
            learner,
            ledger,
            epsilon=self.epsilon,
            delta=self.delta or 1 / rows**2,
            clip=self.clip or CLIP,
            sampling=self.sampling or min(MOST_SAMPLING, DRAWN / rows),
            steps=steps,
        )
        return within
