"""Lattice: what both ends hold follows the posteriors by moves (moves.py), each told only where it
brings enough.
"""

from dataclasses import dataclass
from math import ceil, log2

import numpy as np
from jaxtyping import Float, Int

from fedh2l.wire.codec import CodecState, WireError
from fedh2l.wire.moves import FIRST, MOST, ROW, SHARES, Counts, walk
from fedh2l.wire.rans import MANY, TOTAL, Reader, Writer

FEW = 10  # classes; with m times as many, a move may be m times as fine
# The least share of a move, or the power of 1/2 below it; chosen on validation data, as are the
# others.
FINEST = 0.2
# `adaptive`: times how far the rows are from uniform (root of `signal`), where that is more.
COARSE = 0.8
BLOCK = 512  # rows that are worked on at a time, to stay within the processor's cache

Probs = Float[np.ndarray, "rows classes"]


@dataclass(frozen=True)
class Lattice:
    """Rows of counts that sum to 2^15. With more classes moves are finer; `adaptive`: coarser as
    the rows become sure.

    Peers that teach one another become sure of an example as they come to agree on it. In a row of
    a hundred classes, probabilities are smaller, and coarse moves would drown them. Rows that move
    only where it brings enough stay behind posteriors that go on in one direction, and who learns
    from yesterday's posteriors learns slower; so a move leads by as much as rows lag.
    """

    name: str
    kind: int
    adaptive: bool
    # What a move must take off a row's squared error, as a part of `signal`; less with many
    # classes.
    least: float = 0.004
    # By how much more than the way to a row a move is chosen; what is held would else always lag
    # behind.
    lead: float = 0.5
    # Over the rounds that a view lasts, instead of `least` where it is more: what soon passes may
    # be coarse.
    passing: float = 0.1

    def encode(
        self, probs: Probs, held: CodecState | None, rounds_left: int | None = None
    ) -> tuple[bytes, CodecState]:
        before = held or uniform(probs.shape)
        signal = float(np.square(probs - np.float32(1 / probs.shape[1])).sum(1).mean())
        many, lead = max(probs.shape[1] / FEW, 1.0), self.lead if held else 0.0
        coarse = max(COARSE * signal**0.5 if self.adaptive else 0.0, FINEST) / many
        finest = min(max(ceil(-log2(coarse)), 1), SHARES)
        least = signal * max(
            self.least / many ** (1 / 3), self.passing / rounds_left if rounds_left else 0.0
        )

        def choose(
            rows: Int[np.ndarray, " n"], counts: Counts
        ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            blocks = range(0, max(len(rows), 1), BLOCK)
            found = [
                best_moves(probs[rows[at : at + BLOCK]], counts[at : at + BLOCK], finest, lead)
                for at in blocks
            ]
            classes, share, gain = (np.concatenate(parts) for parts in zip(*found, strict=True))
            go = gain > least
            return go, classes[go], share[go]

        writer = Writer(_lanes(len(probs)))
        passes, after = walk(writer, before, MOST, choose)
        return bytes([passes]) + writer.finish(), after

    def decode(
        self, body: bytes, shape: tuple[int, int], held: CodecState | None
    ) -> tuple[Probs, CodecState]:
        before = held or uniform(shape)
        if not body or body[0] > MOST:
            raise WireError("a body without its number of passes")
        reader = Reader(body[1:], _lanes(shape[0]))
        _, after = walk(reader, before, body[0])
        reader.finish()
        return shares(after["counts"]), after


def best_moves(
    probs: Probs, counts: Counts, finest: int, lead: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each row the class, the share (0: a half, to finest - 1) of the best single move, and how
    much it takes off the squared error.

    The share is the best one for a way that is longer by `lead`.
    """
    held = shares(counts)
    wanted = probs - held
    classes, row = wanted.argmax(1), np.arange(len(probs))
    # (p − h)·(e − h): a move goes from h towards the corner e.
    along = wanted[row, classes] - np.einsum("rc,rc->r", wanted, held)
    length = 1 - 2 * held[row, classes] + np.einsum("rc,rc->r", held, held)  # ‖e − h‖²
    step = np.float32(0.5) ** np.arange(1, finest + 1, dtype=np.float32)
    longer, back = 2 * step * along[:, None], step**2 * length[:, None]
    share = ((1 + lead) * longer - back).argmax(1)
    gains = longer - back
    return classes, share, gains[row, share]


def shares(counts: Counts) -> Probs:
    return counts.astype(np.float32) / np.float32(ROW)


def uniform(shape: tuple[int, int]) -> CodecState:
    """What a key frame changes: rows that say nothing."""
    rows, classes = shape
    if classes > TOTAL:
        raise WireError(
            f"{classes} classes, and this codec can tell {TOTAL} apart; use uint8 or float16"
        )
    row = np.full(classes, ROW // classes, np.uint16)
    row[: ROW % classes] += 1
    return {"counts": np.tile(row, (rows, 1)), "ages": np.zeros(rows, np.uint8), **FIRST}


def _lanes(rows: int) -> int:
    return MANY if rows > 2048 else 1


LATTICE = Lattice("lattice", 4, adaptive=False)
ADAPTIVE = Lattice("adaptive", 5, adaptive=True)
