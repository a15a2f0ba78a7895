"""A participant: a name, a learner, the seed set that all agreed on, and what an algorithm
remembers between rounds.
"""

import re
import time
import warnings
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, cast, runtime_checkable

import numpy as np
from jaxtyping import Float, Shaped

from fedh2l.error import FedH2LError
from fedh2l.learner import Learner, Lesson, Readable, State, under
from fedh2l.message import Message, Posteriors
from fedh2l.rows import Rows
from fedh2l.seedset import SeedSet
from fedh2l.wire.codec import check_posteriors
from fedh2l.wire.state import Shelf, WireState

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")  # safe in a path, a terminal and a key expression

VERBS = ("posteriors", "learn", "state_dict", "load_state_dict")  # what a learner can do


def missing_verbs(learner: object) -> list[str]:
    """What an object lacks to be a learner."""
    return [verb for verb in VERBS if not callable(getattr(learner, verb, None))]


@runtime_checkable
class Comparing(Protocol):
    """A learner that can tell whether its private rows and the seed set are of one kind."""

    def compare(self, seed_set: SeedSet) -> list[str]:
        """What is likely wrong, a sentence each; a FedH2LError where it is certainly wrong."""
        ...


@dataclass
class Peer:
    name: str
    learner: Learner
    seed_set: SeedSet
    # The algorithm's.
    memory: dict[str, Shaped[np.ndarray, "..."]] = field(default_factory=dict[str, np.ndarray])
    # Rows that the learner does not learn from, for methods that look how good a model is.
    validation: Rows | None = None
    wire: WireState = field(init=False)  # the wire's
    # What its learner is doing, and since when on the monotonic clock; None: nothing.
    working: tuple[str, float] | None = field(default=None, init=False, compare=False)
    # What it says in this round, from speaking until it has listened.
    said: Message | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise FedH2LError(f"peer name {self.name!r}: use 1 to 64 letters, digits, '_' or '-'")
        missing = missing_verbs(self.learner)
        if missing:
            raise FedH2LError(
                f"{self.name}: a {type(self.learner).__name__} is no learner, it lacks "
                f"{', '.join(missing)}; wrap it, for instance in TorchLearner or SklearnLearner"
            )
        self.wire = WireState(self.name)
        if isinstance(self.learner, Comparing):
            self._compare(self.learner)

    def _compare(self, learner: Comparing) -> None:
        with self._at_work("compare"):
            doubts = learner.compare(self.seed_set)
        for doubt in doubts:
            warnings.warn(f"{self.name}: {doubt}", stacklevel=4)

    def posteriors(self, x: Shaped[np.ndarray, "rows ..."]) -> Float[np.ndarray, "rows classes"]:
        """The learner's posteriors, refused here when they are not distributions over the agreed
        classes.
        """
        with self._at_work("posteriors"):
            probs = self.learner.posteriors(x)
        check_posteriors(probs, (len(x), len(self.seed_set.classes)), self.name)
        return probs

    def private_rows(self) -> Rows:
        """The peer's private rows, for what its own method makes of them on this machine.

        Raises FedH2LError where the learner does not show them.
        """
        if not isinstance(self.learner, Readable):
            raise FedH2LError(
                f"{self.name}: the method reads the private rows, and a "
                f"{type(self.learner).__name__} does not show them; give it a method "
                "private_rows(), or use a method that asks about the seed set only, such as fedmd"
            )
        with self._at_work("private_rows"):
            return self.learner.private_rows()

    def learn(self, lesson: Lesson | None, steps: int) -> float | None:
        """`steps` local steps of the learner; the conflict rate where it was measured."""
        with self._at_work("learn"):
            return self.learner.learn(lesson, steps)

    @contextmanager
    def _at_work(self, verb: str) -> Generator[None]:
        """A learner does not know whose it is: what it refuses is said in the peer's name."""
        self.working = (verb, time.monotonic())
        try:
            yield
        except FedH2LError as error:
            raise FedH2LError(f"{self.name}: {error}") from error
        finally:
            self.working = None

    def state_dict(self, shelf: Shelf | None = None) -> dict[str, Shaped[np.ndarray, "..."]]:
        """Everything needed to go on after a restart; with a shelf, the frames that this peer has
        read stand there.
        """
        learner = {f"learner.{k}": v for k, v in self.learner.state_dict().items()}
        memory = {f"memory.{k}": v for k, v in self.memory.items()}
        wire = {f"wire.{k}": v for k, v in self.wire.state_dict(shelf).items()}
        said: dict[str, np.ndarray] = {}
        # Weights that were said are the learner's, so they are saved already.
        if isinstance(self.said, Posteriors):
            said = {"said.round": np.array(self.said.round), "said.probs": self.said.probs}
        return learner | memory | wire | said

    def load_state_dict(self, state: State, shelf: Shelf | None = None) -> None:
        self.learner.load_state_dict(under(state, "learner."))
        self.memory = under(state, "memory.")
        self.wire.load_state_dict(under(state, "wire."), shelf)
        said = under(state, "said.")
        self.said = Posteriors(int(said["round"]), said["probs"]) if said else None


def check_agreement(peers: Sequence[Peer]) -> None:
    """Every peer must have a name and a learner of its own, and the seed set of all, to the byte,
    with the classes in the same order.
    """
    if not peers:
        raise FedH2LError("no peers: a federation needs at least one")
    if len({p.name for p in peers}) < len(peers):
        raise FedH2LError(
            f"two peers of one name among {[p.name for p in peers]}; every peer needs its own"
        )
    _check_learners(peers)
    first = peers[0]
    for p in peers[1:]:
        if p.seed_set.classes != first.seed_set.classes:
            raise FedH2LError(
                f"{p.name}: classes {list(p.seed_set.classes)}, but {first.name} has "
                f"{list(first.seed_set.classes)}; agree on one list in one order"
            )
        if p.seed_set.digest != first.seed_set.digest:
            raise FedH2LError(
                f"{p.name}: its seed set ({p.seed_set.fingerprint}) is not the one of {first.name} "
                f"({first.seed_set.fingerprint}); give every peer the same bytes"
            )


def check_owners(peers: Sequence[Peer]) -> None:
    """Where all peers are at hand, those who contributed seed rows must be among them."""
    names = sorted(p.name for p in peers)
    owners = peers[0].seed_set.owners
    if owners is None:
        return
    strangers = sorted(set(owners.astype(str).tolist()) - set(names))
    if strangers:
        raise FedH2LError(
            f"seed set: rows of {strangers[0]!r}, who is no peer; the peers are "
            f"{', '.join(names)}: name the owners so, or leave them out"
        )


def _check_learners(peers: Sequence[Peer]) -> None:
    """What learning changes must be one peer's alone, or the two are one peer."""
    users: dict[int, str] = {}
    for p in peers:
        for what, part in _changed_by_learning(p.learner):
            other = users.setdefault(id(part), p.name)
            if other != p.name:
                raise FedH2LError(
                    f"{other} and {p.name} share one {what}; every peer needs its own, for what "
                    "one learns would change the other"
                )


def _changed_by_learning(learner: Learner) -> Iterator[tuple[str, Any]]:
    yield "learner", learner
    for what in ("model", "optimizer"):
        part = getattr(learner, what, None)
        if part is None:
            continue
        yield what, part
        # Of a PyTorch module also its parameters: two modules may have a part in common.
        parameters = getattr(part, "parameters", None)
        if callable(parameters):
            for parameter in cast(Iterable[Any], parameters()):
                yield "part of a model", parameter
