"""A codec that notes how long it takes."""

import statistics
import time
from dataclasses import dataclass, field

import numpy as np

from fedh2l.wire.codec import Codec, CodecState


@dataclass(frozen=True)
class Timed:
    """`spent`: CPU milliseconds of every call."""

    codec: Codec
    spent: dict[str, list[float]] = field(default_factory=lambda: {"encode": [], "decode": []})

    @property
    def name(self) -> str:
        return self.codec.name

    @property
    def kind(self) -> int:
        return self.codec.kind

    def encode(
        self, probs: np.ndarray, state: CodecState | None, rounds_left: int | None = None
    ) -> tuple[bytes, CodecState]:
        clock = time.process_time()
        body, after = self.codec.encode(probs, state, rounds_left)
        self.spent["encode"].append(1000 * (time.process_time() - clock))
        return body, after

    def decode(
        self, body: bytes, shape: tuple[int, int], state: CodecState | None
    ) -> tuple[np.ndarray, CodecState]:
        clock = time.process_time()
        rows, after = self.codec.decode(body, shape, state)
        self.spent["decode"].append(1000 * (time.process_time() - clock))
        return rows, after

    def medians(self) -> dict[str, float]:
        """Milliseconds of the median call: `encode_ms`, `decode_ms`."""
        return {f"{verb}_ms": statistics.median(times) for verb, times in self.spent.items()}
