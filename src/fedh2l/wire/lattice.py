"""Lattice: the counts that author and receivers hold follow the posteriors by moves (moves.py); a
move is coded only where it brings enough.
"""

from dataclasses import dataclass
from math import ceil, log2

import numpy as np
from jaxtyping import Float, Int

from fedh2l.wire.codec import CodecState, WireError
from fedh2l.wire.moves import FIRST, MOST_PASSES, ROW, SHARES, Counts, code_moves
from fedh2l.wire.rans import LANES, TOTAL, Reader, Writer

FEW = 10  # classes; with m times as many, a move may be m times as fine
# The least share that a move takes of a row, rounded down to a power of 1/2. This and the settings
# below were chosen on validation data.
FINEST = 0.2
# `adaptive`: the least share is this times the rows' distance from uniform (the root of `signal`),
# where that is more.
COARSE = 0.8
BLOCK = 512  # rows that are worked on at a time, to stay within the processor's cache
MANY_ROWS = 2048  # above so many rows the entropy coder takes 64 lanes (docs/wire.md)

Probs = Float[np.ndarray, "rows classes"]


@dataclass(frozen=True)
class Lattice:
    """Rows of counts that sum to 2^15. With more classes moves are finer; with `adaptive` they are
    coarser as the rows become sure.

    Peers that teach one another become sure of an example as they come to agree on it. In a row of
    a hundred classes, probabilities are smaller, and coarse moves would drown them. Rows that move
    only where it brings enough stay behind posteriors that go on in one direction, and a peer that
    learns from yesterday's posteriors learns slower; so a move leads by as much as rows lag.
    """

    name: str
    kind: int
    adaptive: bool
    # The part of `signal` that a move must take off a row's squared error; less with many classes.
    least: float = 0.004
    # A move is chosen for the way to the posteriors and this part of it more; else the rows that
    # are held would always lag behind.
    lead: float = 0.5
    # This, divided by the rounds that a view still lasts, stands for `least` where it is more: a
    # view that soon passes may be coarse.
    passing: float = 0.1

    def encode(
        self, probs: Probs, state: CodecState | None, rounds_left: int | None = None
    ) -> tuple[bytes, CodecState]:
        before = state or uniform(probs.shape)
        # The mean squared distance of the rows from uniform: how much they say.
        signal = float(np.square(probs - np.float32(1 / probs.shape[1])).sum(1).mean())
        many = max(probs.shape[1] / FEW, 1.0)
        # A key frame starts from uniform rows, which lag behind nothing.
        lead = self.lead if state else 0.0

        adaptive_share = COARSE * signal**0.5 if self.adaptive else 0.0
        finest_share = max(adaptive_share, FINEST) / many
        finest = min(max(ceil(-log2(finest_share)), 1), SHARES)

        least_if_passing = self.passing / rounds_left if rounds_left else 0.0
        least_gain = signal * max(self.least / many ** (1 / 3), least_if_passing)

        def choose(
            rows: Int[np.ndarray, " n"], counts: Counts
        ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            blocks = range(0, max(len(rows), 1), BLOCK)
            moves = [
                best_moves(probs[rows[at : at + BLOCK]], counts[at : at + BLOCK], finest, lead)
                for at in blocks
            ]
            classes, share, gain = (np.concatenate(parts) for parts in zip(*moves, strict=True))
            mask = gain > least_gain
            return mask, classes[mask], share[mask]

        writer = Writer(_lanes(len(probs)))
        passes, after = code_moves(writer, before, MOST_PASSES, choose)
        return bytes([passes]) + writer.finish(), after

    def decode(
        self, body: bytes, shape: tuple[int, int], state: CodecState | None
    ) -> tuple[Probs, CodecState]:
        before = state or uniform(shape)
        if not body or body[0] > MOST_PASSES:
            raise WireError("a body without its number of passes")
        reader = Reader(body[1:], _lanes(shape[0]))
        _, after = code_moves(reader, before, body[0])
        reader.finish()
        return shares(after["counts"]), after


def best_moves(
    probs: Probs, counts: Counts, finest: int, lead: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each row the best single move: its class, its share (0: a half, to finest - 1), and how
    much it takes off the squared error.

    The share is the best one for a way that is longer by `lead`.
    """
    current = shares(counts)
    difference = probs - current
    classes, row = difference.argmax(1), np.arange(len(probs))
    # (p − c)·(e − c): a move goes from the current row c towards the corner e, in which the class
    # has everything.
    along = difference[row, classes] - np.einsum("rc,rc->r", difference, current)
    length = 1 - 2 * current[row, classes] + np.einsum("rc,rc->r", current, current)  # ‖e − c‖²

    step = np.float32(0.5) ** np.arange(1, finest + 1, dtype=np.float32)
    longer, back = 2 * step * along[:, None], step**2 * length[:, None]
    share = ((1 + lead) * longer - back).argmax(1)
    gains = longer - back
    return classes, share, gains[row, share]


def shares(counts: Counts) -> Probs:
    return counts.astype(np.float32) / np.float32(ROW)


def uniform(shape: tuple[int, int]) -> CodecState:
    """The rows that a key frame changes: uniform ones, which say nothing."""
    rows, classes = shape
    if classes > TOTAL:
        raise WireError(
            f"{classes} classes, and this codec can tell {TOTAL} apart; use uint8 or float16"
        )
    row = np.full(classes, ROW // classes, np.uint16)
    row[: ROW % classes] += 1
    return {"counts": np.tile(row, (rows, 1)), "ages": np.zeros(rows, np.uint8), **FIRST}


def _lanes(rows: int) -> int:
    return LANES if rows > MANY_ROWS else 1


LATTICE = Lattice("lattice", 4, adaptive=False)
ADAPTIVE = Lattice("adaptive", 5, adaptive=True)
