"""The round whose model a member keeps, where it has validation rows: the latest within one
standard error of the best.

The best alone is mostly luck on the few rows that a member can spare, and often an early round; of
those that cannot be told from it the latest has heard most from the others.
"""

from collections.abc import Sequence
from math import sqrt
from pathlib import Path

from fedh2l.learners.export.formats import save_model
from fedh2l.live.member_folder import read_journal
from fedh2l.peer import Peer
from fedh2l.record.checkpoint import commit, latest, load_peers, save_peers
from fedh2l.rows import Rows

KEPT = "kept"  # the folder with the state of that round


def is_within_one_error(accuracies: Sequence[float], rows: int) -> bool:
    """Whether the last of these accuracies, each on as many rows, is within one standard error of
    the best.

    Asked after each round, it is last true of the latest round that is within one of the best of
    all: where the best is new, it is its own.
    """
    best = max(accuracies)
    return accuracies[-1] >= best - sqrt(best * (1 - best) / rows)


def keep_round(folder: Path, peer: Peer, rounds: int, validation: Rows | None) -> None:
    """Keep the peer as it is after so many committed rounds, if it is good enough."""
    if validation is None:
        return
    lines = read_journal(folder)
    accuracies = [line["accuracy"] for line in lines if line["accuracy"] is not None]
    if is_within_one_error(accuracies, len(validation[1])):
        save_peers(folder / KEPT, rounds, [peer])
        commit(folder / KEPT, rounds, {})


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
