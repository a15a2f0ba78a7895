"""A codec: rows of probabilities to bytes and back, alone or against what author and receivers
already hold.
"""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Shaped

from fedh2l.error import FedH2LError

SUM_TOLERANCE = 1e-3  # of a row of posteriors
# What author and receivers hold after a frame; empty: the next frame needs nothing of it.
CodecState = Mapping[str, Shaped[np.ndarray, "..."]]


class WireError(FedH2LError):
    """The bytes are not what this peer expects. Nothing of them was used."""


@runtime_checkable
class Codec(Protocol):
    """A codec is frozen; what it needs from earlier frames is handed to it as `state`.

    On bad bytes it raises a `WireError` without the sender's name: the wire adds that.
    """

    @property
    def name(self) -> str:
        """With its settings: two peers whose codecs differ in name do not understand each other."""
        ...

    @property
    def kind(self) -> int:
        """The number in a frame's header, 1 to 255."""
        ...

    def encode(
        self,
        probs: Float[np.ndarray, "rows classes"],
        state: CodecState | None,
        rounds_left: int | None = None,
    ) -> tuple[bytes, CodecState]:
        """The body of a frame, and what author and receivers hold after it.

        `state`: what they hold before it; None: the frame is to be readable alone.
        `rounds_left`: how many rounds, this one included, ask about the same view (None: all). With
        few left the encoder may be coarser.
        """
        ...

    def decode(
        self, body: bytes, shape: tuple[int, int], state: CodecState | None
    ) -> tuple[Float[np.ndarray, "rows classes"], CodecState]:
        """The rows in a body: distributions, whatever the body is, or `WireError`.

        Sizes come from `shape`, never from the body.
        """
        ...


def check_posteriors(probs: np.ndarray, shape: tuple[int, int], source: str) -> None:
    """Refuse rows that are not one distribution each, over the agreed classes.

    `source`: the peer, or the message, that a refusal names.
    """
    if probs.shape != shape:
        raise WireError(
            f"{source}: posteriors of shape {probs.shape}, expected {shape}: one row per seed "
            "example, one column per "
            "class, in the seed set's order of classes"
        )

    low, high = probs.min(initial=0.0), probs.max(initial=0.0)
    if not np.isfinite(low) or not np.isfinite(high):
        raise WireError(
            f"{source}: NaN or infinity in the posteriors; its training has diverged: lower the "
            "learning rate or check its data"
        )

    sums = probs.sum(1, dtype=np.float64)  # wide enough for whatever a stranger sends
    if low < 0 or np.abs(sums - 1).max(initial=0.0) > SUM_TOLERANCE:
        raise WireError(
            f"{source}: rows are not probabilities (least value {low:.3g}, row sums "
            f"{sums.min():.3g} to {sums.max():.3g}); "
            "if these are logits, apply softmax"
        )


def check_size(body: bytes, expected: int) -> None:
    """Refuse a body of another size."""
    if len(body) != expected:
        raise WireError(
            f"a body of {len(body)} bytes, expected {expected}: another model, seed set or "
            "number of classes"
        )
