"""The model that a member leaves behind: that of the round which it keeps."""

from pathlib import Path

from fedh2l.learners.export.formats import save_model
from fedh2l.peer import Peer
from fedh2l.record.kept import KEPT, load_kept


def save_kept_model(folder: Path, peer: Peer) -> Path:
    """The model of the kept round, or else as it is now, as a file; the peer stays as it is."""
    now = peer.state_dict()
    rounds = load_kept(folder / KEPT, peer)
    model = save_model(peer.learner, peer.seed_set, folder)
    if rounds is not None:
        peer.load_state_dict(now)
    return model
