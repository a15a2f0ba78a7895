"""The round whose model is kept where a peer has validation rows: the latest within one standard
error of the best.

The best alone is mostly luck on the few rows that a peer can spare, and often an early round; of
those that cannot be told from it the latest has heard most from the others.
"""

from math import sqrt
from pathlib import Path

from fedh2l.peer import Peer
from fedh2l.record.checkpoint import commit, latest, load_peers, save_peers
from fedh2l.rows import Rows

KEPT = "kept"  # the folder with the states of such rounds


def is_within_one_error(accuracy: float, best: float, rows: int) -> bool:
    """Whether an accuracy on so many rows is within one standard error of the best.

    Asked after each round, of the best until then, it is last true of the latest round that is
    within one of the best of all: a round that is better than all before is its own best.
    """
    return accuracy >= best - sqrt(best * (1 - best) / rows)


def keep_round(
    place: Path, peer: Peer, rounds: int, accuracy: float | None, validation: Rows | None
) -> None:
    """Keep the peer in the folder `place` as it is after so many rounds, if its accuracy on the
    validation rows is good enough; without such rows nothing is kept.

    Only a round that is kept can raise the best, so the best is written down with it.
    """
    if validation is None or accuracy is None:
        return
    before = latest(place)
    best = accuracy if before is None else max(accuracy, before["best"])
    if is_within_one_error(accuracy, best, len(validation[1])):
        save_peers(place, rounds, [peer])
        commit(place, rounds, {"best": best})


def load_kept(place: Path, peer: Peer) -> int | None:
    """Give the peer the state that was kept, and say after how many rounds; None: none was."""
    kept = latest(place)
    if kept is None:
        return None
    load_peers(place, kept["rounds"], [peer])
    return kept["rounds"]
