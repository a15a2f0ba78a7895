"""What peers said in some rounds, the first and the last among them, read again from the frames
that left.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from fedh2l.distill import total_variation
from fedh2l.record.audit import read_frames, read_index, replayed
from fedh2l.wire.frame import is_key


@dataclass(frozen=True)
class Answers:
    """The posteriors of a round (counted from 0), by author, as the receivers read them."""

    round: int
    probs: dict[str, Float[np.ndarray, "rows classes"]]
    receivers: dict[str, tuple[str, ...]]

    def apart(self) -> dict[str, dict[str, float]]:
        """How far a receiver's posteriors are from those of each author that it heard: the mean
        total variation, in [0, 1].
        """
        distances: dict[str, dict[str, float]] = {}
        for author, theirs in self.probs.items():
            for receiver in self.receivers[author]:
                if receiver in self.probs:
                    between = total_variation(theirs, self.probs[receiver])
                    distances.setdefault(receiver, {})[author] = between
        return distances


def answers_of(folder: Path, most: int) -> list[Answers]:
    """The answers of at most so many rounds, evenly chosen: the first and the last in which
    posteriors were sent are among them; none where they never were.

    Raises FedH2LError where the index or a frame is not what was sent.
    """
    entries = [entry for entry in read_index(folder) if entry["at"] is not None]
    rounds = sorted({entry["round"] for entry in entries})
    places = np.linspace(0, len(rounds) - 1, min(most, len(rounds))).round().astype(int)
    return [_answers(folder, entries, rounds[place]) for place in places]


def _answers(folder: Path, entries: Sequence[dict[str, Any]], t: int) -> Answers:
    probs: dict[str, np.ndarray] = {}
    receivers: dict[str, tuple[str, ...]] = {}
    for entry in entries:
        if entry["round"] != t:
            continue
        author = entry["author"]
        earlier = [e for e in entries if e["author"] == author and e["round"] <= t]
        probs[author] = replayed(folder, _since_key_frame(folder, earlier))
        receivers[author] = tuple(entry["receivers"])
    return Answers(t, probs, receivers)


def _since_key_frame(folder: Path, entries: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The frames of one author that are needed to read its last one."""
    needed: list[dict[str, Any]] = []
    for entry, frame in read_frames(folder, reversed(entries)):
        needed.insert(0, entry)
        if is_key(frame):
            break
    return needed
