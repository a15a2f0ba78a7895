"""What an eavesdropper makes of all that a peer has said: a model that gives the same answers."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Shaped

from fedh2l.algorithms.distillation import spoken
from fedh2l.learner import Learner, Lesson
from fedh2l.learners import model_of
from fedh2l.learners.model import Training
from fedh2l.seedset import SeedSet

# A smooth surrogate tells more than an exact one: chosen on rotated MNIST, one peer of seed 1.
STEPS, BATCH, RATE = 600, 128, 1e-3
MOST_PAIRS = 20_000  # rows with their answers; of longer runs rounds are left out, evenly
OWN_ROWS = 4  # per step, of the rows with a hard label that every learner must have


FITTED = ("sklearn", "lightgbm", "xgboost")  # extras of models that learn without steps
NETWORK = "mlp"


class Said(NamedTuple):
    """What a peer was asked in a round, and what it said, as its receivers read it."""

    x: Shaped[np.ndarray, "rows ..."]
    probs: Float[np.ndarray, "rows classes"]


def kind_for(model: str) -> str:
    """The kind of surrogate for a peer with this model: its own, or a network where that is fitted
    anew: of a forest's answers a network tells more than another forest (docs/audits.md).
    """
    return NETWORK if getattr(model_of(model), "extra", "") in FITTED else model


def surrogate(model: str, said: Sequence[Said], seed_set: SeedSet) -> Learner:
    """A model of this kind, taught nothing but what was asked and answered.

    All surrogates of an audit begin alike and draw alike: the attacker chooses that, and their
    scores differ by what the peer has learnt.
    """
    taken = [said[place] for place in _rounds_taken([len(s.x) for s in said])]
    x = np.concatenate([s.x for s in taken])
    probs = np.concatenate([s.probs for s in taken])
    # Where a peer abstained nothing was said; a model that knows nothing yet looks alike.
    known = spoken(probs)
    if known.any():
        x, probs = x[known], probs[known]
    # Every learner must have private rows: those of the last answer, with the likeliest class.
    last = taken[-1]
    rows = (last.x[: len(seed_set)], last.probs[: len(seed_set)].argmax(1).astype(np.int64))

    training = Training(
        steps=STEPS,
        batch=min(OWN_ROWS, len(rows[1])),
        rate=RATE,
        augment=None,
        seed=0,
        start=0,
        seed_set=seed_set,
    )
    learner = model_of(model).build(rows, len(seed_set.classes), training)
    learner.learn(Lesson(x, probs, batch=BATCH, follow="seed", fresh=True), STEPS)
    return learner


def _rounds_taken(sizes: Sequence[int]) -> list[int]:
    """Of rounds that asked about so many rows, those from which a surrogate learns: all, or evenly
    chosen ones with the last among them.
    """
    most = max(1, MOST_PAIRS // max(sizes))
    if len(sizes) <= most:
        return list(range(len(sizes)))
    first = 0 if most > 1 else len(sizes) - 1
    return sorted({int(place) for place in np.linspace(len(sizes) - 1, first, most).round()})
