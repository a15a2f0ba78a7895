"""A member's own privacy budget. It is no term of the federation: nobody else needs to know it."""

import warnings
from pathlib import Path
from typing import Any

from fedh2l.error import FedH2LError
from fedh2l.learner import Accounted, Learner
from fedh2l.learners.privacy import Privacy
from fedh2l.live.trust.terms import Terms
from fedh2l.peer import Peer
from fedh2l.record.ledger import Ledger
from fedh2l.record.units import budget
from fedh2l.rows import Rows
from fedh2l.seedset import SeedSet

LEDGER = "ledger.jsonl"  # in the identity's folder: it outlives every federation


def within_budget(learner: Learner, privacy: Privacy, ledger: Path, terms: Terms) -> Learner:
    """The learner, within the budget where there is one, for all rounds of the terms.

    Raises FedH2LError where a budget was promised to these rows, and is now left out.
    """
    if privacy.epsilon is None and ledger.exists():
        raise FedH2LError(
            f"{ledger}: a privacy budget was promised to the private rows, and without --epsilon "
            "it would be broken; give --epsilon again, or for other rows another --ledger"
        )
    reads_rows: bool = getattr(terms.method, "reads_rows", False)
    privacy.check(terms.algorithm, reads_rows=reads_rows, batch=False, keep=False)
    steps: int = getattr(terms.method, "steps", 0)
    return privacy.learner(learner, Ledger(ledger), terms.rounds * steps)


def peer_of(
    name: str, learner: Learner, seeds: SeedSet, validation: Rows | None
) -> tuple[Peer, list[str]]:
    """The member's peer, and what is doubtful about its rows."""
    # Rows outside a privacy budget may choose nothing: no method, and not which round is kept.
    chosen_by = None if isinstance(learner, Accounted) else validation
    with warnings.catch_warnings(record=True) as doubts:
        warnings.simplefilter("always")
        peer = Peer(name, learner, seeds, validation=chosen_by)
    return peer, [str(doubt.message) for doubt in doubts]


def budget_lines(peer: Peer) -> list[str]:
    """What the member reads of its budget before the first round."""
    if not isinstance(peer.learner, Accounted):
        return []
    spent = peer.learner.spent()
    return [
        f"privacy: ε spent {budget(spent._asdict())} at δ = {spent.delta:.1g}, in the whole life "
        "of the ledger; the model of the last round is kept, since validation rows, outside the "
        "budget, choose nothing"
    ]


def budget_numbers(line: dict[str, Any]) -> dict[str, float]:
    """The budget in a line of the journal, for a monitor; nothing where there is none."""
    privacy = line.get("privacy")
    if privacy is None:
        return {}
    return {"epsilon_spent": privacy["epsilon"], "epsilon_budget": privacy["budget"]}


def words_of(line: dict[str, Any]) -> list[str]:
    """The budget in a line of the journal, for the log and the screen."""
    privacy = line.get("privacy")
    if privacy is None:
        return []
    text = f"ε spent {budget(privacy)}"
    is_over = privacy["refused"] > 0
    return [f"{text}: used up, so it learns from the seed set alone" if is_over else text]
