"""The round whose model a member keeps, where it has validation rows: the latest within one
standard error of the best.

The best alone is mostly luck on the few rows that a member can spare, and often an early round; of
those that cannot be told from it the latest has heard most from the others.
"""

from math import sqrt
from pathlib import Path

from fedh2l.learners.export.formats import save_model
from fedh2l.peer import Peer
from fedh2l.record.checkpoint import commit, latest, load_peers, save_peers
from fedh2l.rows import Rows

KEPT = "kept"  # the folder with the state of that round


def is_within_one_error(accuracy: float, best: float, rows: int) -> bool:
    """Whether an accuracy on so many rows is within one standard error of the best.

    Asked after each round, of the best until then, it is last true of the latest round that is
    within one of the best of all: a round that is better than all before is its own best.
    """
    return accuracy >= best - sqrt(best * (1 - best) / rows)


def keep_round(
    folder: Path, peer: Peer, rounds: int, accuracy: float | None, validation: Rows | None
) -> None:
    """Keep the peer as it is after so many rounds, if its accuracy on the validation rows is good
    enough; without such rows nothing is kept.

    Only a round that is kept can raise the best, so the best is written down with it.
    """
    if validation is None or accuracy is None:
        return
    before = latest(folder / KEPT)
    best = accuracy if before is None else max(accuracy, before["best"])
    if is_within_one_error(accuracy, best, len(validation[1])):
        save_peers(folder / KEPT, rounds, [peer])
        commit(folder / KEPT, rounds, {"best": best})


def load_kept(folder: Path, peer: Peer) -> int | None:
    """Give the peer the state that was kept, and say after how many rounds; None: none was."""
    kept = latest(folder / KEPT)
    if kept is None:
        return None
    load_peers(folder / KEPT, kept["rounds"], [peer])
    return kept["rounds"]


def save_kept_model(folder: Path, peer: Peer) -> Path:
    """The model of the kept round, or else as it is now, as a file; the peer stays as it is."""
    now = peer.state_dict()
    rounds = load_kept(folder, peer)
    model = save_model(peer.learner, peer.seed_set, folder)
    if rounds is not None:
        peer.load_state_dict(now)
    return model
