"""Whom a peer may believe, by its own posteriors and those of others on the same rows. Pure
functions; no labels are needed.

Trust is earned and it spreads: first those are believed who agree with oneself, then those who
agree with oneself and them. Two that are far apart are joined by those between, and liars who agree
with each other only are joined to nobody.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

Probs = Float[np.ndarray, "rows classes"]
Voices = Mapping[str, Probs]
Excess = Float[np.ndarray, "classes classes"]

STRANGER, COPY, BLIND, BLURRED = 1, 2, 3, 4
REASONS = {
    STRANGER: "agrees neither with this peer nor with those that it believes",
    COPY: "repeats what was said in the round before",
    BLIND: "knows nothing of a class that the others know",
    BLURRED: "puts much on wrong classes, and always the same ones",
}
# Chosen on digits, heart disease, rotated and skewed MNIST, random seeds 0 and 1: the least that
# kept honest peers of unlike data in.
Z = 3.5  # standard deviations of agreement by chance
RIPE = 0.3  # median agreement with the rest from which on finer questions are asked
NEAR = 0.55  # of the usual distance to what was said before: who is nearer has copied
SLOPE = 0.08  # of the share in the others' knowledge of any other class: less is blindness
KNOWN = 3.0  # standard deviations from which on a peer knows a class itself
BLUR, TIMES = 0.1, 1.5  # weight on a wrong class above that of the others, and against theirs
MEMORY = 0.8  # of what was found before, in each round


def judge(
    own: Probs,
    voices: Voices,
    before: Voices | None = None,
    excess: dict[str, Excess] | None = None,
) -> dict[str, int]:
    """Why each voice is not believed, a key of `REASONS`; 0: it is.

    before: what was said in the round before, of the same rows.
    excess: by name, the weight on wrong classes in the rounds before; this round's is added to it.
    """
    units = {name: _unit(probs) for name, probs in sorted(voices.items())}
    mine = _unit(own)
    trusted = _spread(mine, units) or _majority(units)
    reasons = {name: 0 if name in trusted else STRANGER for name in units}
    if not trusted:
        return reasons
    believed = {"": own} | {name: voices[name] for name in trusted}
    total = mine + np.sum([units[name] for name in trusted], 0)
    ripeness = _ripeness(units, trusted, total)
    # While models know little, honest ones say much the same, as copies do.
    if ripeness >= RIPE:
        reasons |= dict.fromkeys(_copies(believed, before or {}), COPY)
    return reasons | _faults(believed, mine, total, ripeness, excess)


def _ripeness(units: Voices, trusted: list[str], total: Probs) -> float:
    """How well those that are trusted agree, each with the sum of the others."""
    return float(np.median([_cosine(units[name], total - units[name]) for name in trusted]))


def _faults(
    believed: Voices,
    mine: Probs,
    total: Probs,
    ripeness: float,
    excess: dict[str, Excess] | None,
) -> dict[str, int]:
    """What is wrong with those that agree; nothing before they agree well enough."""
    if ripeness < RIPE:
        return {}
    blind = _blind(believed, mine, total)
    blurred = _blurred(believed, {} if excess is None else excess)
    return dict.fromkeys(blurred, BLURRED) | dict.fromkeys(blind, BLIND)


def agreement(a: Probs, b: Probs) -> float:
    """How many standard deviations two centred arrays agree more than if their rows were paired at
    random; 0 where one of them says the same of every row.
    """
    # The variance over all pairings: the permutation test of a matrix correlation in closed form.
    variance = float(((a.T @ a) * (b.T @ b)).sum()) / max(1, len(a) - 1)
    return float((a * b).sum()) / variance**0.5 if variance > 1e-12 else 0.0


def _spread(mine: Probs, units: Voices) -> list[str]:
    """Those that agree with the sum of this peer and all that were trusted before them."""
    total, trusted, others = mine, list[str](), dict(units)
    while others:
        scores = {name: agreement(unit, total) for name, unit in others.items()}
        best = max(scores, key=lambda name: scores[name])
        if scores[best] < Z:
            break
        trusted.append(best)
        total = total + others.pop(best)
    return trusted


def _majority(units: Voices) -> list[str]:
    """Those that agree with one another, if they are more than half: whom to trust for a peer that
    agrees with nobody, as one that has seen a single class.
    """
    largest: list[str] = []
    for name, unit in units.items():
        others = {n: u for n, u in units.items() if n != name}
        largest = max(largest, [name, *_spread(unit, others)], key=len)
    return largest if len(largest) > max(1, len(units) / 2) else []


def _blind(believed: Voices, mine: Probs, total: Probs) -> list[str]:
    """Those whose p(class) does not follow the rest's in a class that this peer knows itself, while
    that of the others does, and their own in other classes.
    """
    blind: list[str] = []
    rows = len(mine)
    rest_of_me = total - mine
    mine_known = _columns(mine, rest_of_me) * (rows - 1) ** 0.5 > KNOWN
    for name in believed:
        if not name:
            continue
        rest = total - _unit(believed[name])
        follows = {n: (_centred(p) * rest).sum(0) for n, p in believed.items()}
        usual = np.median([f for n, f in follows.items() if n != name], 0)
        share = follows[name] / np.maximum(usual, 1e-12)
        # One class and no other: an honest peer that knows little, or few classes, lacks several.
        second = np.partition(share, 1)[1]
        if second > 0 and (share < SLOPE * second)[mine_known & (usual > 0)].any():
            blind.append(name)
    return blind


def _blurred(believed: Voices, excess: dict[str, Excess]) -> list[str]:
    """Those with much more weight than the others on one wrong class for each true one; the worst
    is taken out before the rest are looked at again, lest it speak for its like.
    """
    left, blurred = dict(believed), list[str]()
    while len(left) > 1:  # this peer itself is one of them
        now = {name: _remembered(excess.get(name), _excess(name, left)) for name in left}
        amounts = {name: float(more.max(1).sum()) for name, more in now.items()}
        usual = sorted(amounts.values())[(len(amounts) - 1) // 2]
        worst = max((name for name in left if name), key=lambda name: amounts[name])
        if amounts[worst] <= max(BLUR, TIMES * usual):
            excess |= now
            break
        excess[worst] = now[worst]
        blurred.append(worst)
        del left[worst]
    return blurred


def _remembered(before: Excess | None, now: Excess) -> Excess:
    return now if before is None else MEMORY * before + (1 - MEMORY) * now


def _excess(name: str, believed: Voices) -> Excess:
    """Weight on each wrong class for each true one above that of the others, as a share of all."""
    others = [p for n, p in believed.items() if n != name]
    rows, classes = others[0].shape
    # By votes; among equal numbers of votes the surer ones decide.
    votes = np.sum([np.eye(classes)[p.argmax(1)] + 0.5 * p for p in others], 0)
    hot = np.eye(classes)[votes.argmax(1)]
    # Of the median: one that lies alike would double the mean.
    more = (hot.T @ believed[name] - np.median([hot.T @ p for p in others], 0)) / rows
    np.fill_diagonal(more, 0)
    # Who is unsure puts as much on each wrong class; of two classes there is only one.
    wrong = 1 - np.eye(classes)
    return more - wrong * more.sum(1, keepdims=True) / (classes - 1)


def _copies(believed: Voices, before: Voices) -> list[str]:
    """Those that are much nearer to what another, or all others together, said in the round before
    than is usual among those that are believed.
    """
    if len(believed) < 4 or len(before) < 3:  # this peer itself is one of them
        return []
    near: dict[str, float] = {}
    for name, probs in believed.items():
        if not name:
            continue
        others = [p for n, p in sorted(before.items()) if n != name]
        near[name] = min(_distance(probs, p) for p in [*others, np.mean(others, 0)])
    usual = float(np.median(list(near.values())))
    return [name for name, distance in near.items() if distance < NEAR * usual]


def _centred(probs: Probs) -> Probs:
    return probs.astype(np.float64) - probs.mean(0)


def _unit(probs: Probs) -> Probs:
    """Centred, and of length 1: a voice counts alike, however sure it is."""
    centred = _centred(probs)
    return centred / max(1e-9, float(np.sqrt((centred**2).sum())))


def _cosine(a: Probs, b: Probs) -> float:
    return float((a * b).sum() / max(1e-9, float(np.sqrt((a**2).sum() * (b**2).sum()))))


def _columns(a: Probs, b: Probs) -> Float[np.ndarray, " classes"]:
    """The cosine of each class by itself."""
    return (a * b).sum(0) / np.maximum(1e-9, np.sqrt((a**2).sum(0) * (b**2).sum(0)))


def _distance(p: Probs, q: Probs) -> float:
    return float(np.abs(p - q).sum(1).mean() / 2)


def majority(flags: Sequence[bool]) -> bool:
    """Whether more than half are true."""
    return 2 * sum(flags) > len(flags)
