"""The frames that a peer sent and read last: the next ones are coded against them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Shaped, UInt32

from fedh2l.learner import State, under
from fedh2l.wire.codec import CodecState


@dataclass(frozen=True)
class Reference:
    """What author and receivers hold after a frame: the next frame is coded against it."""

    round: int
    check: int  # of the frame, and through it of all since its key frame
    age: int  # frames since the last key frame
    codec_state: CodecState


@dataclass
class WireState:
    """One peer's ends of its exchanges with all others."""

    me: str
    last_sent: Reference | None = None
    # The last readable frame of each author; of many peers that have all read the same one mapping.
    last_read: Mapping[str, Reference] = field(default_factory=dict[str, Reference])
    # Authors that cannot be read until they send a key frame: the next frame names them.
    unreadable: set[str] = field(default_factory=set[str])
    key_frame_requested: bool = False  # a receiver cannot read me: my next frame is a key frame

    def hold(self, author: str, reference: Reference) -> None:
        """Hold an author's frame, which was readable."""
        if not isinstance(self.last_read, dict):
            self.last_read = dict(self.last_read)  # from now on this peer goes on by itself
        self.last_read[author] = reference
        self.unreadable.discard(author)

    def state_dict(self, shelf: "Shelf | None" = None) -> dict[str, Shaped[np.ndarray, "..."]]:
        """All of it; with a shelf, what was read stands there, and here are only the places."""
        own = {self.me: self.last_sent} if self.last_sent else {}
        frames = own if shelf is not None else dict(self.last_read) | own
        state = _arrays_of(frames)
        if shelf is not None:
            state["read"] = shelf.places_of(self.last_read)
        request = "wanted" if self.key_frame_requested else "-"
        flags = "\n".join([request, *sorted(self.unreadable)]).encode()
        return state | {"flags": np.frombuffer(flags, np.uint8).copy()}

    def load_state_dict(self, state: State, shelf: "Shelf | None" = None) -> None:
        frames = _frames_of(state)
        self.last_sent = frames.pop(self.me, None)
        self.last_read = frames
        if "read" in state:
            if shelf is None:
                raise KeyError("the frames that were read lie in a file of their own")
            self.last_read = frames | shelf.frames_at(state["read"])

        request, *unreadable = state["flags"].tobytes().decode().split("\n")
        self.key_frame_requested, self.unreadable = request == "wanted", set(unreadable)


class Shelf:
    """The frames that many peers have read, each kept once, in the order in which they came."""

    def __init__(self) -> None:
        self._frames: list[tuple[str, Reference]] = []
        self._place_of: dict[int, int] = {}  # by identity: it is kept beside it in the list

    def places_of(self, frames: Mapping[str, Reference]) -> UInt32[np.ndarray, " frames"]:
        """The places of a peer's frames, which are put there if they are new."""
        places: list[int] = []
        for author, reference in frames.items():
            place = self._place_of.get(id(reference))
            if place is None:
                place = self._place_of[id(reference)] = len(self._frames)
                self._frames.append((author, reference))
            places.append(place)
        return np.array(places, np.uint32)

    def frames_at(self, places: UInt32[np.ndarray, " frames"]) -> dict[str, Reference]:
        """The frames at these places. Raises KeyError where there are not so many."""
        if (places >= len(self._frames)).any():
            raise KeyError("a place of a frame that is not there")
        return dict(self._frames[place] for place in places.tolist())

    def state_dict(self) -> dict[str, Shaped[np.ndarray, "..."]]:
        return {
            f"{place}.{key}": array
            for place, (author, reference) in enumerate(self._frames)
            for key, array in _arrays_of({author: reference}).items()
        }

    def load_state_dict(self, state: State) -> None:
        by_place: dict[int, dict[str, np.ndarray]] = {}
        for key, array in state.items():
            place, _, rest = key.partition(".")
            by_place.setdefault(int(place), {})[rest] = array
        self._frames = [next(iter(_frames_of(by_place[i]).items())) for i in sorted(by_place)]


def _arrays_of(frames: Mapping[str, Reference]) -> dict[str, np.ndarray]:
    arrays = {
        f"{author}.{name}": array
        for author, frame in frames.items()
        for name, array in frame.codec_state.items()
    }
    for author, frame in frames.items():
        arrays[f"{author}:at"] = np.array([frame.round, frame.check, frame.age], np.int64)
    return arrays


def _frames_of(state: State) -> dict[str, Reference]:
    frames: dict[str, Reference] = {}
    for key, place in state.items():
        if not key.endswith(":at"):
            continue
        author = key.removesuffix(":at")
        t, check, age = (int(i) for i in place)
        frames[author] = Reference(t, check, age, under(state, f"{author}."))
    return frames
