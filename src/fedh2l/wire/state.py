"""The frames that a peer sent and read last: the next ones are coded against them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Shaped

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

    def state_dict(self) -> dict[str, Shaped[np.ndarray, "..."]]:
        frames = dict(self.last_read)
        if self.last_sent:
            frames[self.me] = self.last_sent
        arrays = {
            f"{author}.{name}": array
            for author, frame in frames.items()
            for name, array in frame.codec_state.items()
        }
        places = {
            f"{author}:at": np.array([f.round, f.check, f.age], np.int64)
            for author, f in frames.items()
        }
        request = "wanted" if self.key_frame_requested else "-"
        flags = "\n".join([request, *sorted(self.unreadable)]).encode()
        return arrays | places | {"flags": np.frombuffer(flags, np.uint8).copy()}

    def load_state_dict(self, state: State) -> None:
        frames: dict[str, Reference] = {}
        for key, place in state.items():
            if not key.endswith(":at"):
                continue
            author = key.removesuffix(":at")
            t, check, age = (int(i) for i in place)
            codec_state = under(state, f"{author}.")
            frames[author] = Reference(t, check, age, codec_state)
        self.last_sent = frames.pop(self.me, None)
        self.last_read = frames

        request, *unreadable = state["flags"].tobytes().decode().split("\n")
        self.key_frame_requested, self.unreadable = request == "wanted", set(unreadable)
