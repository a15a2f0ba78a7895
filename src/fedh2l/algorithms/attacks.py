"""What a lying peer says: each attack makes a wrong message of the peer's true posteriors.

Measured against in docs/threat-model.md. Pure functions; all of them give distributions.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from fedh2l.algorithms.agreement import Excess, judge, majority
from fedh2l.choices import Choices

SURE = 0.98  # of a lie that is told with confidence
DRIFT = 20  # rounds after which a slow drift has become a whole lie
Probs = Float[np.ndarray, "rows classes"]


@dataclass(frozen=True)
class Situation:
    """What a liar knows when it speaks in round t."""

    t: int
    truth: Probs  # its own model's posteriors
    labels: Probs | None  # of the rows that are asked about, where all of them are known
    heard: Float[np.ndarray, "voices rows classes"]  # in the round before; of these rows, or none
    rng: np.random.Generator  # another one for each liar and round
    kept: dict[str, np.ndarray]  # what the attack itself remembers of earlier rounds


Attack = Callable[[Situation], Probs]
ATTACKS: Choices[Attack] = Choices(
    "attack",
    {
        "random": "fedh2l.algorithms.attacks:random",
        "flipped": "fedh2l.algorithms.attacks:flipped",
        "constant": "fedh2l.algorithms.attacks:constant",
        "boundary": "fedh2l.algorithms.attacks:boundary",
        "one-class": "fedh2l.algorithms.attacks:one_class",
        "colluding": "fedh2l.algorithms.attacks:colluding",
        "free-rider": "fedh2l.algorithms.attacks:free_rider",
        "copied": "fedh2l.algorithms.attacks:copied",
        "slow-drift": "fedh2l.algorithms.attacks:slow_drift",
        "late": "fedh2l.algorithms.attacks:late",
        "adaptive": "fedh2l.algorithms.attacks:adaptive",
    },
)


def random(s: Situation) -> Probs:
    """A random class for each row, with confidence, and another one in each round."""
    rows, classes = s.truth.shape
    return _sure(s.rng.integers(classes, size=rows), classes)


def flipped(s: Situation) -> Probs:
    """Consistently wrong: what it believes of a class is said of the next one."""
    return np.roll(s.truth, 1, axis=1)


def constant(s: Situation) -> Probs:
    """The first class for every row."""
    rows, classes = s.truth.shape
    return _sure(np.zeros(rows, np.int64), classes)


def boundary(s: Situation) -> Probs:
    """Hardly right: 0.51 for the true class, 0.49 for the next one. Its accuracy is spotless."""
    rows, classes = s.truth.shape
    true = _known(s)
    probs = np.zeros_like(s.truth)
    probs[np.arange(rows), true] = 0.51
    probs[np.arange(rows), (true + 1) % classes] = 0.49
    return probs


def one_class(s: Situation) -> Probs:
    """Honest about all classes but the last, which it calls the first."""
    probs = s.truth.copy()
    probs[:, 0] += probs[:, -1]
    probs[:, -1] = 0
    return probs


def colluding(s: Situation) -> Probs:
    """One agreed wrong world: all liars call each class by the same other one, with confidence."""
    classes = s.truth.shape[1]
    return _sure((_known(s) + max(1, classes // 2)) % classes, classes)


def free_rider(s: Situation) -> Probs:
    """No work of its own: the labels where there are any, else the mean of what it last heard."""
    rows, classes = s.truth.shape
    if s.labels is not None:
        return _sure(s.labels.argmax(1), classes)
    if len(s.heard):
        return np.asarray(s.heard.mean(0), s.truth.dtype)
    return np.full((rows, classes), 1 / classes, s.truth.dtype)


def copied(s: Situation) -> Probs:
    """What another peer said in the round before, as its own."""
    return s.heard[0] if len(s.heard) else s.truth


def slow_drift(s: Situation) -> Probs:
    """Honest at first, and each round a little more flipped."""
    share = np.float32(min(1.0, s.t / DRIFT))
    return (1 - share) * s.truth + share * flipped(s)


def late(s: Situation) -> Probs:
    """Honest until it is trusted, then flipped."""
    return s.truth if s.t < DRIFT // 2 else flipped(s)


def _known(s: Situation) -> np.ndarray:
    """The class of each row, as well as the liar knows it."""
    return (s.truth if s.labels is None else s.labels).argmax(1)


def _sure(labels: np.ndarray, classes: int) -> Probs:
    """These labels as posteriors of somebody who has hardly a doubt."""
    rest = (1 - SURE) / (classes - 1)
    return np.where(np.eye(classes, dtype=bool)[labels], SURE, rest).astype(np.float32)


def adaptive(s: Situation) -> Probs:
    """Knows the guard and what it remembers: as much of a flipped lie as most of those it heard
    would have believed.
    """
    memories = [_remembered(s, i) for i in range(len(s.heard))]
    for share in (1.0, 0.8, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1):
        lie = (1 - np.float32(share)) * s.truth + np.float32(share) * flipped(s)
        believed = [_believed(s, i, lie, dict(memory)) for i, memory in enumerate(memories)]
        if majority(believed):
            break
    else:
        lie = s.truth
    s.kept["lie"] = lie
    return lie


def _believed(s: Situation, victim: int, lie: Probs, excess: dict[str, Excess]) -> bool:
    """Whether this one of those that it heard would believe a lie; what it finds is added."""
    others = {str(j): voice for j, voice in enumerate(s.heard) if j != victim}
    voices = others | {"liar": lie}
    return not judge(s.heard[victim], voices, excess=excess)["liar"]


def _remembered(s: Situation, victim: int) -> dict[str, Excess]:
    """What that one's guard remembers, the round before included."""
    mark = f"{victim}."
    excess = {k.removeprefix(mark): e for k, e in s.kept.items() if k.startswith(mark)}
    if "lie" in s.kept and s.kept["lie"].shape == s.truth.shape:
        _believed(s, victim, s.kept["lie"], excess)
    for name, found in excess.items():
        s.kept[mark + name] = found
    return excess
