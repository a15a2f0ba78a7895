"""Checkpoints: a safetensors file per peer and a JSON file that names the last complete set.

Nothing is ever unpickled.
"""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from fedh2l.error import FedH2LError
from fedh2l.peer import Peer
from fedh2l.record.atomic import write_file
from fedh2l.record.raw_types import packed, unpacked


def save_peers(folder: Path, rounds: int, peers: Sequence[Peer]) -> None:
    """Save the peers' states after so many rounds. They count once `commit` has named them."""
    place = folder / f"{rounds:06d}"
    place.mkdir(parents=True, exist_ok=True)
    for p in peers:
        state, types = packed(p.state_dict())
        about = {"rounds": str(rounds)}
        if types:
            about["types"] = json.dumps(types)
        write_file(place / f"{p.name}.safetensors", save(state, metadata=about))


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


def _state(path: Path) -> dict[str, np.ndarray]:
    with safe_open(path, "numpy") as file:
        types = json.loads((file.metadata() or {}).get("types", "{}"))
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (no mapping)
    return unpacked(tensors, types)


def load_peers(folder: Path, rounds: int, peers: Sequence[Peer]) -> None:
    """Give the peers the states that they had after so many rounds.

    Raises FedH2LError, which names the file, where one is missing, damaged or of another peer.
    """
    for p in peers:
        path = folder / f"{rounds:06d}" / f"{p.name}.safetensors"
        try:
            state = _state(path)
        except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
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
