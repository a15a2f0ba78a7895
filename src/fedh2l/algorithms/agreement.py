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
RIPE = 0.35  # median agreement with the rest from which on finer questions are asked
RIPE_FOR_BLUR = 0.5
NEAR = 0.55  # of the usual distance to what was said before: who is nearer has copied
SLOPE = 0.08  # of the others' knowledge of a class: who has less is blind to it
KNOWN = 3.0  # standard deviations from which on a peer knows a class itself
BLUR, TIMES = 0.12, 2.0  # weight on a wrong class above that of the others, and against theirs


def judge(own: Probs, voices: Voices, before: Voices | None = None) -> dict[str, int]:
    """Why each voice is not believed, a key of `REASONS`; 0: it is.

    before: what was said in the round before, of the same rows.
    """
    units = {name: _unit(probs) for name, probs in sorted(voices.items())}
    mine = _unit(own)
    trusted = _spread(mine, units)
    reasons = {name: 0 if name in trusted else STRANGER for name in units}
    if not trusted:
        return reasons
    believed = {"": own} | {name: voices[name] for name in trusted}
    total = mine + np.sum([units[name] for name in trusted], 0)
    ripeness = float(np.median([_cosine(units[n], total - units[n]) for n in trusted]))
    # While models know little, honest ones say much the same, as copies do.
    if ripeness >= RIPE:
        reasons |= dict.fromkeys(_copies(believed, before or {}), COPY)
    return reasons | _faults(believed, mine, total, ripeness)


def _faults(believed: Voices, mine: Probs, total: Probs, ripeness: float) -> dict[str, int]:
    """What is wrong with those that agree; nothing before they agree well enough."""
    blind = _blind(believed, mine, total) if ripeness >= RIPE else []
    blurred = _blurred(believed) if ripeness >= RIPE_FOR_BLUR else []
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


def _blind(believed: Voices, mine: Probs, total: Probs) -> list[str]:
    """Those whose p(class) does not follow the rest's in a class that this peer knows itself, while
    that of the others does.
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
        known = mine_known & (usual > 0)
        if (known & (follows[name] < SLOPE * usual)).any():
            blind.append(name)
    return blind


def _blurred(believed: Voices) -> list[str]:
    """Those with much more weight than the others on one wrong class for each true one."""
    excess = {name: _excess(name, believed) for name in believed}
    usual = sorted(excess.values())[(len(excess) - 1) // 2]
    return [n for n, e in excess.items() if n and e > BLUR and e > TIMES * usual]


def _excess(name: str, believed: Voices) -> float:
    """Weight on the worst wrong class above that of the others, the mean over the rows."""
    others = [p for n, p in believed.items() if n != name]
    if not others:
        return 0.0
    classes = others[0].shape[1]
    # By votes; among equal numbers of votes the surer ones decide.
    votes = np.sum([np.eye(classes)[p.argmax(1)] + 0.5 * p for p in others], 0)
    hot = np.eye(classes)[votes.argmax(1)]
    counts = hot.sum(0)
    theirs = np.mean([hot.T @ p for p in others], 0)
    more = (hot.T @ believed[name] - theirs) / np.maximum(counts, 1)[:, None]
    np.fill_diagonal(more, 0)
    return float((more.max(1) * counts).sum() / counts.sum())


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
