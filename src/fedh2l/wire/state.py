"""What a peer remembers of the frames that it sent and read: the next are coded against them."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Shaped

from fedh2l.learner import State
from fedh2l.wire.codec import CodecState


@dataclass(frozen=True)
class Reference:
    """What author and receivers hold after a frame: the next frame is coded against it."""

    round: int
    check: int  # of the frame, and through it of all since its key frame
    age: int  # frames since the last key frame
    held: CodecState


@dataclass
class WireState:
    """One peer's ends of its exchanges with the others."""

    me: str
    last_sent: Reference | None = None
    # The last readable frame of each author.
    last_read: dict[str, Reference] = field(default_factory=dict[str, Reference])
    # Authors that cannot be read until they send a key frame: they are told.
    unreadable: set[str] = field(default_factory=set[str])
    key_frame_requested: bool = False  # somebody cannot read me: my next frame is a key frame

    def state_dict(self) -> dict[str, Shaped[np.ndarray, "..."]]:
        frames = self.last_read | ({self.me: self.last_sent} if self.last_sent else {})
        arrays = {f"{author}.{k}": v for author, f in frames.items() for k, v in f.held.items()}
        places = {
            f"{author}:at": np.array([f.round, f.check, f.age], np.int64)
            for author, f in frames.items()
        }
        flags = np.frombuffer(
            "\n".join(
                ["wanted" if self.key_frame_requested else "-", *sorted(self.unreadable)]
            ).encode(),
            np.uint8,
        )
        return arrays | places | {"flags": flags.copy()}

    def load_state_dict(self, state: State) -> None:
        frames: dict[str, Reference] = {}
        for author, place in (
            (k.removesuffix(":at"), v) for k, v in state.items() if k.endswith(":at")
        ):
            t, check, age = (int(i) for i in place)
            frames[author] = Reference(
                t,
                check,
                age,
                {
                    k.removeprefix(f"{author}."): v
                    for k, v in state.items()
                    if k.startswith(f"{author}.")
                },
            )
        self.last_sent = frames.pop(self.me, None)
        self.last_read = frames
        wanted, *lost = state["flags"].tobytes().decode().split("\n")
        self.key_frame_requested, self.unreadable = wanted == "wanted", set(lost)
