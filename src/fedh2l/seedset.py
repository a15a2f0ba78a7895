"""The seed set: the small shared set of examples on which peers compare what they believe, and its
agreed views.
"""

import hashlib
import json
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from fedh2l.error import FedH2LError, choose
from fedh2l.made_view import MadeView, made_view
from fedh2l.question import Question
from fedh2l.registration import angles
from fedh2l.seed_rows import UNLABELLED, class_indices, class_names, feature_rows, form, owner_names
from fedh2l.stored_rows import row_bytes
from fedh2l.views import VIEWS, check_view

CACHED = 512 * 2**20  # bytes of views that are kept


@dataclass(frozen=True, eq=False)
class SeedSet:
    """The same on every peer, to the byte: `digest` proves it. Labels are optional, on every single
    row; posteriors can do their work.

    What peers are asked in round t, `question(t)`, is a pure function of (seed set, t), so nothing
    is sent to agree on it. Raises FedH2LError where the parts do not fit each other.
    """

    x: Shaped[np.ndarray, "rows ..."]
    classes: tuple[str, ...]  # their order is the meaning of a posterior's columns
    # Indices into the classes, `UNLABELLED` for a row without a label. None: no row has one.
    labels: Int[np.ndarray, " rows"] | None = None
    # The name of the peer that contributed each row.
    owners: Shaped[np.ndarray, " rows"] | None = None
    view: str = "none"
    every: int = 1  # rounds for which a view is kept before a fresh one is taken
    # Ask about as many mixtures of two examples as well: questions to which nobody holds a label.
    mixtures: bool = False
    # Ask about images also as turned as those of another peer are, where `angles` says by how much.
    turned: bool = False
    _cache: dict[int, MadeView] = field(default_factory=dict[int, MadeView], init=False, repr=False)

    def __post_init__(self) -> None:
        x = feature_rows(self.x)
        _set(self, "x", x)
        _set(self, "classes", class_names(self.classes))
        if not len(x) or len(self.classes) < 2:
            raise FedH2LError(
                f"seed set: {len(x)} rows and {len(self.classes)} classes; needs a row and two "
                "classes"
            )
        if self.labels is not None:
            _set(self, "labels", class_indices(self.labels, len(x), self.classes))
        if self.owners is not None:
            _set(self, "owners", owner_names(self.owners, len(x)))

        choose("view", self.view, VIEWS)
        check_view(x, self.view, mixtures=self.mixtures)
        if self.every < 1:
            raise FedH2LError(f"seed set: every is {self.every}; a view lasts one round or more")

    def __len__(self) -> int:
        return len(self.x)

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) over the arrays with their dtypes and shapes, the class order and the
        agreed views.
        """
        arrays = {
            "x": self.x,
            "labels": self.labels,
            "owners": None if self.owners is None else self.owners.astype(np.str_),
        }
        head = {k: None if a is None else form(a) for k, a in arrays.items()}
        agreed = [head, self.classes, self.view, self.every, self.mixtures]
        sha = hashlib.sha256(json.dumps(agreed + ([self.angles] if self.turned else [])).encode())
        for a in arrays.values():
            if a is not None:
                sha.update(np.ascontiguousarray(a, a.dtype.newbyteorder("<")).tobytes())
        return sha.hexdigest()

    @cached_property
    def labelled(self) -> Bool[np.ndarray, " rows"]:
        """Whether a row has a label."""
        if self.labels is None:
            return np.zeros(len(self), bool)
        return self.labels != UNLABELLED

    @cached_property
    def angles(self) -> dict[str, int]:
        """By how many degrees the images of each owner are turned, where rows are asked about as
        turned as others' are; empty where they are not, or where the seed set does not show it.
        """
        return angles(self.x, self.labels, self.owners) if self.turned else {}

    @property
    def fingerprint(self) -> str:
        """The start of the digest in groups of four, to be read out over the telephone."""
        return " ".join(self.digest[i : i + 4] for i in range(0, 16, 4))

    def unlabelled(self) -> "SeedSet":
        """The same examples with the labels withheld."""
        return replace(self, labels=None)

    @property
    def _changes(self) -> bool:
        return self.view != "none" or self.mixtures or bool(self.angles)

    @property
    def asked(self) -> int:
        """How many rows a round asks about: the examples, and the mixtures if there are any."""
        return len(self) * (2 if self.mixtures else 1)

    def view_index(self, t: int) -> int:
        """Which view round t asks about: a new number every `every` rounds; 0 for ever where
        nothing changes.
        """
        return t // self.every if self._changes else 0

    def rounds_left(self, t: int) -> int | None:
        """In how many rounds, t included, the view of round t is asked about; None: in all that
        come.
        """
        return self.every - t % self.every if self._changes else None

    def rows(self, view: int) -> Shaped[np.ndarray, "asked ..."]:
        """What is asked about in this view: every example, then every mixture."""
        return self._view(view).x

    def soft_labels(self, view: int) -> Float[np.ndarray, "asked classes"] | None:
        """The label of each row as a distribution: one-hot for examples, the areas of the two for
        mixtures of which both are labelled; zeros where nothing is known. None: no row is labelled.
        """
        return self._view(view).labels

    def question(self, t: int, batch: int | None = None) -> Question:
        """What round t asks: of the whole set, or of one agreed batch of so many rows."""
        view = self.view_index(t)
        made = self._view(view)
        whole = Question(
            number=view,
            x=made.x,
            labels=made.labels,
            owners=made.owners,
            partners=made.partners,
            share=made.share,
            mixture=np.arange(self.asked) >= len(self),
            is_batch=False,
            rounds_left=self.rounds_left(t),
        )
        if batch is None:
            return whole
        part = whole.taken(self.batch(t, batch))
        return replace(part, number=t, is_batch=True, rounds_left=None)

    def numbered(self, number: int, batch: int | None = None) -> Question:
        """The question of this number, as it was first asked."""
        return self.question(number * self.every if batch is None else number, batch)

    def recent(self, t: int, count: int) -> list[Question]:
        """The last `count` different questions of the whole set, up to that of round t."""
        now = self.view_index(t)
        return [self.numbered(number) for number in range(max(0, now - count + 1), now + 1)]

    def batch(self, t: int, rows: int) -> Int[np.ndarray, " batch"]:
        """The agreed rows of round t where only one batch is exchanged."""
        return np.sort(self._rng(t, 1).permutation(self.asked)[:rows])

    def _view(self, view: int) -> MadeView:
        if view not in self._cache:
            self._cache[view] = self._made(view)
            # A few recent views are asked for again and again.
            most = min(8, max(1, CACHED // (row_bytes(self.x) * self.asked)))
            while len(self._cache) > most:
                del self._cache[next(iter(self._cache))]
        return self._cache[view]

    def _made(self, view: int) -> MadeView:
        return made_view(
            self.x,
            self._one_hot(),
            self.owners,
            self.angles,
            self.view,
            self.mixtures,
            lambda purpose: self._rng(view, purpose),
        )

    def _one_hot(self) -> Float[np.ndarray, "rows classes"] | None:
        if self.labels is None:
            return None
        hot = np.eye(len(self.classes), dtype=np.float32)[self.labels]
        return np.where(self.labelled[:, None], hot, 0)

    def _rng(self, t: int, purpose: int) -> np.random.Generator:
        return np.random.default_rng([int(self.digest[:16], 16), t, purpose])


def _set(seeds: SeedSet, name: str, value: Any) -> None:
    """A field of a frozen dataclass while it is made: lists and tensors become arrays."""
    object.__setattr__(seeds, name, value)
