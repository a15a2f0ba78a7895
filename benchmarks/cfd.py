"""The rival: constrained quantisation to 1, 2 or 4 bits, change against the last round, and an
entropy coder (after CFD, arXiv:2012.00632).

Every row becomes counts that sum to 2^bits - 1; each count is coded in the context of the same
count of the last round, by the coder and with the learning statistics that our own codecs use, so
that what is compared is what is said and not how well it is packed.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from fedh2l.wire.codec import CodecState
from fedh2l.wire.counts import to_counts
from fedh2l.wire.moves import fade_weights
from fedh2l.wire.rans import LANES, Reader, Writer, tables_of


@dataclass(frozen=True)
class CFD:
    bits: int

    @property
    def name(self) -> str:
        return f"cfd-{self.bits}bit"

    @property
    def kind(self) -> int:
        return 200 + self.bits

    @property
    def total(self) -> int:
        return (1 << self.bits) - 1

    def encode(
        self,
        probs: Float[np.ndarray, "rows classes"],
        state: CodecState | None,
        rounds_left: int | None = None,
    ) -> tuple[bytes, CodecState]:
        counts = to_counts(probs, self.total)
        writer = Writer(LANES if counts.size > 2048 else 1)
        after = self._code(writer, counts.shape, state, counts.ravel().astype(np.int64))
        return writer.finish(), after

    def decode(
        self, body: bytes, shape: tuple[int, int], state: CodecState | None
    ) -> tuple[Float[np.ndarray, "rows classes"], CodecState]:
        reader = Reader(body, LANES if shape[0] * shape[1] > 2048 else 1)
        after = self._code(reader, shape, state, None)
        reader.finish()
        sums = np.maximum(after["counts"].sum(1, keepdims=True), 1)
        return (after["counts"] / sums).astype(np.float32), after

    def _code(
        self,
        coder: Writer | Reader,
        shape: tuple[int, int],
        state: CodecState | None,
        symbols: np.ndarray | None,
    ) -> CodecState:
        many = self.total + 1
        if state:
            before, weights = state["counts"].ravel().astype(np.int64), state["weights"]
        else:
            before = np.zeros(shape[0] * shape[1], np.int64)
            weights = np.full((many, many), 16, np.int64) + 160 * np.eye(many, dtype=np.int64)
        counts = coder.code(tables_of(weights), before, symbols)
        hits = np.zeros_like(weights)
        np.add.at(hits, (before, counts), 16)
        return {
            "counts": counts.reshape(shape).astype(np.uint8),
            "weights": fade_weights(weights, hits),
        }
