"""What the worlds of an audit say together: hits, areas, and what follows for ε."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from fedh2l.simulation.leak.lira import scores
from fedh2l.simulation.leak.rates import FALSE_ALARMS, area, epsilon_at_least, hits_at
from fedh2l.simulation.leak.world import Evidence

# What is compared, in the order of the table.
ATTACKS = {
    "surrogate": "what was sent: surrogate, LiRA",
    "threshold": "what was sent: surrogate, one threshold",
    "own": "its final model itself: LiRA",
}


def finds(evidence: Sequence[Evidence], members: Bool[np.ndarray, "worlds rows"]) -> dict[str, Any]:
    """How well each attack tells members from others, and the least ε."""
    outside = np.stack([e.surrogate for e in evidence])
    found = {
        "surrogate": scores(outside, members),
        "threshold": outside,
        "own": scores(np.stack([e.own for e in evidence]), members),
    }
    return {
        "attacks": {name: _told(found[name], members) for name in ATTACKS},
        **_epsilons(found["surrogate"], members, [e.stated for e in evidence]),
    }


def _told(
    found: Float[np.ndarray, "worlds rows"], members: Bool[np.ndarray, "worlds rows"]
) -> dict[str, Any]:
    """Hits at each rate of false alarms, and the area."""
    told: dict[str, Any] = {"auc": area(found, members)._asdict()}
    for rate in FALSE_ALARMS:
        hits = hits_at(found, members, rate)
        told[f"tpr_at_{rate:g}"] = None if hits is None else hits._asdict()
    return told


def _epsilons(
    found: Float[np.ndarray, "worlds rows"],
    members: Bool[np.ndarray, "worlds rows"],
    stated: Sequence[Float[np.ndarray, " numbers"]],
) -> dict[str, Any]:
    """What ε must be at least, and what the ledgers of the worlds state, if there are any."""
    if not stated[0].size:
        return {"epsilon_at_least": epsilon_at_least(found, members), "stated": None}
    # Each world has a budget of its own; the guarantee is that of the worst.
    epsilon, delta = np.max(stated, axis=0)
    least = epsilon_at_least(found, members, float(delta))
    told = {"epsilon": float(epsilon), "delta": float(delta), "is_broken": bool(least > epsilon)}
    return {"epsilon_at_least": least, "stated": told}
