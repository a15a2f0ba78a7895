"""Checkpoints: a safetensors file per peer and a JSON file that names the last complete set.

Nothing is ever unpickled.
"""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from fedh2l.error import FedH2LError
from fedh2l.peer import Peer
from fedh2l.record.atomic import write_file


def save_peers(folder: Path, rounds: int, peers: Sequence[Peer]) -> None:
    """Save the peers' states after so many rounds. They count once `commit` has named them."""
    place = folder / f"{rounds:06d}"
    place.mkdir(parents=True, exist_ok=True)
    for p in peers:
        state = {k: np.asarray(v, order="C") for k, v in p.state_dict().items()}
        write_file(place / f"{p.name}.safetensors", save(state, metadata={"rounds": str(rounds)}))


def commit(folder: Path, rounds: int, about: dict[str, Any]) -> None:
    """Make the states after so many rounds the checkpoint to go on from; older ones are removed."""
    write_file(folder / "latest.json", json.dumps({"rounds": rounds} | about).encode())
    for old in folder.iterdir():
        if old.is_dir() and old.name != f"{rounds:06d}":
            shutil.rmtree(old)


def latest(folder: Path) -> dict[str, Any] | None:
    """The entries of the last commit; None before the first."""
    path = folder / "latest.json"
    if not path.is_file():
        return None
    try:
        entries = json.loads(path.read_text())
        return entries | {"rounds": int(entries["rounds"])}
    except (ValueError, KeyError, TypeError) as error:
        raise FedH2LError(
            f"{path}: corrupt ({error}); restore it from a copy, or start anew in another folder"
        ) from error


def load_peers(folder: Path, rounds: int, peers: Sequence[Peer]) -> None:
    """Give the peers the states that they had after so many rounds.

    Raises FedH2LError, which names the file, where one is missing, damaged or of another peer.
    """
    for p in peers:
        path = folder / f"{rounds:06d}" / f"{p.name}.safetensors"
        try:
            state = load(path.read_bytes())
        except (OSError, SafetensorError) as error:
            raise FedH2LError(
                f"{path}: missing, truncated or corrupt ({error}); restore it from a "
                "copy, or start anew in another folder"
            ) from error
        try:
            p.load_state_dict(state)
        except (KeyError, ValueError) as error:
            raise FedH2LError(
                f"{path}: not a checkpoint of this peer ({error}); restore it from a "
                "copy, or start anew in another folder"
            ) from error
