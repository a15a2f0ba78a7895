"""Checkpoints: a safetensors file per peer, one of the frames that they have read, and a JSON file
that names the last complete set.

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
from fedh2l.learner import State
from fedh2l.peer import Peer
from fedh2l.record.atomic import write_file
from fedh2l.record.raw_types import packed, unpacked
from fedh2l.wire.state import Shelf

SUFFIX = ".safetensors"


def save_peers(folder: Path, rounds: int, peers: Sequence[Peer]) -> None:
    """Save the peers' states after so many rounds. They count once `commit` has named them.

    Frames that several of them have read are kept once, in a file beside those of the peers.
    """
    place = folder / f"{rounds:06d}"
    place.mkdir(parents=True, exist_ok=True)
    # A name of a file that no peer can have.
    shelf, shelf_name = (Shelf(), f"{peers[0].name}.read") if len(peers) > 1 else (None, "")
    for p in peers:
        about = {"rounds": str(rounds), "read": shelf_name}
        _write_state(place / f"{p.name}{SUFFIX}", p.state_dict(shelf), about)
    if shelf is not None:
        _write_state(place / f"{shelf_name}{SUFFIX}", shelf.state_dict(), {"rounds": str(rounds)})


def _write_state(path: Path, arrays: State, about: dict[str, str]) -> None:
    state, types = packed(arrays)
    if types:
        about["types"] = json.dumps(types)
    write_file(path, save(state, metadata=about))


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
    place = folder / f"{rounds:06d}"
    shelves: dict[str, Shelf | None] = {"": None}
    for p in peers:
        path = place / f"{p.name}{SUFFIX}"
        state, about = _state(path)
        name = about.get("read", "")
        if name not in shelves:
            shelves[name] = _shelf(place / f"{name}{SUFFIX}")
        try:
            p.load_state_dict(state, shelves[name])
        except (KeyError, ValueError) as error:
            raise FedH2LError(
                f"{path}: not a checkpoint of this peer ({error}); restore it from a "
                "copy, or start anew in another folder"
            ) from error


def _shelf(path: Path) -> Shelf:
    shelf = Shelf()
    try:
        shelf.load_state_dict(_state(path)[0])
    except (KeyError, ValueError) as error:
        raise _damaged(path, error) from error
    return shelf


def _state(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The arrays in a file, and what is said about them."""
    try:
        with safe_open(path, "numpy") as file:
            about = dict(file.metadata() or {})
            tensors = {n: file.get_tensor(n) for n in file.keys()}  # noqa: SIM118  (no mapping)
        return unpacked(tensors, json.loads(about.get("types", "{}"))), about
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> FedH2LError:
    return FedH2LError(
        f"{path}: missing, truncated or corrupt ({error}); restore it from a "
        "copy, or start anew in another folder"
    )
