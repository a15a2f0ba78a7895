"""The states of a cell's peers on disk: to go on from, and of the rounds that are kept."""

import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

from fedh2l.data.domains import FederatedData
from fedh2l.error import FedH2LError
from fedh2l.peer import Peer
from fedh2l.record import journal
from fedh2l.record.checkpoint import load_peers, save_peers
from fedh2l.record.kept import KEPT, keep_round, load_kept
from fedh2l.simulation.progress import Progress, test_scores


def save_states(folder: Path, done: int, peers: Sequence[Peer]) -> None:
    """Save the peers after so many rounds; they count once the journal has committed them."""
    # The run's folder was made before the first round; a machine that does not see it would keep
    # its checkpoints to itself.
    if not folder.is_dir():
        raise FedH2LError(
            f"{folder.absolute()}: not there on {socket.gethostname()}; put --out on a file system "
            "that all machines share"
        )
    save_peers(folder / "checkpoints", done, peers)


def keep_best(
    folder: Path,
    done: int,
    peers: Sequence[Peer],
    progress: Mapping[str, Progress],
    data: FederatedData,
    *,
    last: bool,
) -> None:
    """Keep each peer that was just evaluated, if it is good enough on its own validation rows; at
    the end also look at those that are kept on the test rows.

    Before the commit of the round: one that is cut between the two is done and kept again.
    """
    for p in peers:
        place, its = folder / KEPT / p.name, progress[p.name]
        accuracy = None if its.validation is None else its.validation["own_accuracy"]
        keep_round(place, p, done, accuracy, p.validation)
        if not last:
            continue

        # The peer goes on as it is now: what it says afterwards is of the last round.
        now = p.state_dict()
        its.kept_round = load_kept(place, p)
        if its.kept_round is not None:
            its.kept = test_scores(p, data)
            p.load_state_dict(now)


def restored(
    folder: Path | None, peers: Sequence[Peer]
) -> tuple[int, float, float, dict[str, Progress]]:
    """Rounds done, seconds of training, CPU seconds of the peers hosted here, and what has become
    of them.
    """
    saved = journal.latest(folder) if folder else None
    if folder is None or saved is None:
        return 0, 0.0, 0.0, {p.name: Progress() for p in peers}
    load_peers(folder / "checkpoints", saved["rounds"], peers)
    progress: dict[str, Progress] = {}
    for p in peers:
        progress[p.name] = Progress(**saved["peers"][p.name])
        # These were written down with the evaluation at which the checkpoint was made.
        progress[p.name].sent, progress[p.name].received = [], []
    # What all processes spent was written down as one sum; each goes on with its share of it.
    cpu = saved["cpu_seconds"] * len(peers) / len(saved["peers"])
    return saved["rounds"], saved["train_seconds"], cpu, progress
