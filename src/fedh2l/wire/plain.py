"""A number per probability: float32, float16 and uint8. Every frame can be read alone."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from fedh2l.wire.codec import CodecState, WireError, check_posteriors, check_size
from fedh2l.wire.counts import to_counts

TOTAL = 255  # the sum of the counts of a row


@dataclass(frozen=True)
class Floats:
    """IEEE 754, little-endian, row by row. float32 gives back what it was given; float16 is
    normalised on arrival.
    """

    name: Literal["float32", "float16"] = "float32"

    @property
    def kind(self) -> int:
        return 1 if self.name == "float32" else 2

    @property
    def dtype(self) -> np.dtype[np.floating]:
        return np.dtype("<f4" if self.name == "float32" else "<f2")

    def encode(
        self,
        probs: Float[np.ndarray, "rows classes"],
        state: CodecState | None,
        rounds_left: int | None = None,
    ) -> tuple[bytes, CodecState]:
        return probs.astype(self.dtype).tobytes(), {}

    def decode(
        self, body: bytes, shape: tuple[int, int], state: CodecState | None
    ) -> tuple[Float[np.ndarray, "rows classes"], CodecState]:
        check_size(body, shape[0] * shape[1] * self.dtype.itemsize)
        probs = np.frombuffer(body, self.dtype).astype(np.float32).reshape(shape)
        if self.name == "float32":
            check_posteriors(probs, shape, "message")
            return probs, {}
        finite = np.isfinite(probs.min()) and np.isfinite(probs.max())
        sums = probs.sum(1, keepdims=True) if finite else np.zeros((1, 1), np.float32)
        # Rounding adds up where classes are many.
        if probs.min() < 0 or np.abs(sums - 1).max() > 0.1:
            raise WireError("message: rows of float16 that are not probabilities")
        return probs / sums, {}


@dataclass(frozen=True)
class UInt8:
    """A byte per probability.

    Largest remainders make every row sum to 255, so that it is a distribution by construction.
    """

    name = "uint8"
    kind = 3

    def encode(
        self,
        probs: Float[np.ndarray, "rows classes"],
        state: CodecState | None,
        rounds_left: int | None = None,
    ) -> tuple[bytes, CodecState]:
        return to_counts(probs, TOTAL).tobytes(), {}

    def decode(
        self, body: bytes, shape: tuple[int, int], state: CodecState | None
    ) -> tuple[Float[np.ndarray, "rows classes"], CodecState]:
        check_size(body, shape[0] * shape[1])
        counts = np.frombuffer(body, np.uint8).reshape(shape)
        if (counts.sum(1, dtype=np.int64) != TOTAL).any():
            raise WireError(f"message: a row of bytes that does not sum to {TOTAL}")
        return counts.astype(np.float32) / np.float32(TOTAL), {}


FLOAT32, FLOAT16, UINT8 = Floats("float32"), Floats("float16"), UInt8()
