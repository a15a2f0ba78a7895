"""Rows of counts and what changes them: a move takes the same share of every count of a row and
gives it to one class.

Author and receivers hold the same counts, 2^15 in a row, so a row needs telling only as far as it
differs from what is held. A frame tells moves in passes: which rows move, for each the class and
the share; then which of these move once more. One walk drives encoder and decoder. How often each
symbol came in the frames since the key frame makes the models: both ends have seen the same frames.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Int, UInt16

from fedh2l.wire.codec import CodecState
from fedh2l.wire.rans import Reader, Writer, even, tables_of

ROW = 1 << 15  # what the counts of a row sum to
SHARES = 5  # a move takes 1/2, 1/4, ... 1/32 of every count, rounded down
NEAR = 7  # classes that are told by their place in the held row; the others by their number
MOST = 15  # passes
Counts = UInt16[np.ndarray, "rows classes"]
Symbols = Int[np.ndarray, " n"]
# Of the largest count, between the contexts.
STEPS = np.array([1, 2, 4, 8, 16, 24, 30]) * (ROW // 32)
FIRST: dict[str, np.ndarray] = {  # what a key frame begins with, in sixteenths of a symbol
    "flag": np.full((8 * 4 * 3, 2), 16, np.int64),
    "place": np.tile(np.array([[40, 12, 6, 4, 3, 2, 2, 16]], np.int64), (16, 1)),
    "share": np.full((8 * 4, SHARES), 12, np.int64),
}


# What moves in a pass: for the rows that may, their counts -> which do, and for these the class and
# the share.
Choice = Callable[[Symbols, Counts], tuple[Bool[np.ndarray, " n"], Symbols, Symbols]]


def walk(
    coder: Writer | Reader, before: CodecState, passes: int, choose: Choice | None = None
) -> tuple[int, CodecState]:
    """What both ends hold after a frame, and in how many passes: read so many, or write what is
    chosen until nothing moves.

    CodecState are the counts, the ages (in which frames a row moved, the last one lowest) and the
    statistics.
    """
    counts, ages = before["counts"].copy(), before["ages"]
    rows, classes = np.arange(len(counts)), counts.shape[1]
    tables = {k: tables_of(before[k]) for k in FIRST}
    tables["place"] = tables_of(before["place"], np.arange(NEAR + 1) < classes)
    hits = {k: np.zeros_like(before[k]) for k in FIRST}

    def code(name: str, contexts: Symbols, symbols: Symbols | None) -> Symbols:
        told = coder.code(tables[name], contexts, symbols)
        np.add.at(hits[name], (contexts, told), 16)
        return told

    moved, done = np.zeros(len(counts), np.bool_), 0
    while done < passes and len(rows):
        row_counts = counts[rows]
        # The encoder chooses; the decoder, which passes no choice, reads the same from the coder.
        go, class_of_move, share_of_move = None, None, None
        if choose is not None:
            go, class_of_move, share_of_move = choose(rows, row_counts)
            if not go.any():
                break

        # Which rows move: rows that are sure, and rows that moved lately, do so at other rates.
        size = np.searchsorted(STEPS, row_counts.max(1), side="right")
        context = (size * 4 + (ages[rows] & 3)) * 3 + min(done, 2)
        flags = code("flag", context, None if go is None else go.astype(np.int64)) > 0
        rows, row_counts, size = rows[flags], row_counts[flags], size[flags]

        # To which class, as a place among the likeliest ones, and how much of the row.
        near = nearest(row_counts)
        told = None if class_of_move is None else _place(near, class_of_move)
        place = code("place", size * 2 + (done > 0), told)
        to = _classes(coder, near, place, classes, class_of_move)
        share = code("share", size * 4 + np.minimum(place, 3), share_of_move)

        counts[rows], moved[rows] = move(row_counts, to, share), True
        done += 1
    return done, {
        "counts": counts,
        "ages": ages << 1 | moved,
        **{k: learnt(before[k], hits[k]) for k in FIRST},
    }


def move(row_counts: Counts, to: Symbols, share: Symbols) -> Counts:
    """Each row after its move. Whole counts only, so that author and receivers stay equal."""
    taken = row_counts >> (share + 1)[:, None].astype(np.uint16)
    row_counts -= taken
    row_counts[np.arange(len(row_counts)), to] += taken.sum(1, dtype=np.uint16)
    return row_counts


def learnt(weights: np.ndarray, hits: np.ndarray) -> np.ndarray:
    """Older frames fade by a quarter."""
    return np.maximum(weights - (weights >> 2), 1) + hits


def nearest(held: Counts) -> Int[np.ndarray, "n near"]:
    """The classes of the largest counts, among equals the lowest class."""
    near, last = min(NEAR, held.shape[1]), (1 << 16) - 1
    # Among equal counts the lower class.
    keys = held.astype(np.uint32) << 16 | (last - np.arange(held.shape[1], dtype=np.uint32))
    largest = np.sort(np.partition(keys, -near, 1)[:, -near:], 1)[:, ::-1]
    return last - (largest & last).astype(np.int64)


def _place(near: np.ndarray, classes: Symbols) -> Symbols:
    same = near == classes[:, None]
    return np.where(same.any(1), same.argmax(1), NEAR)


def _classes(
    coder: Writer | Reader, near: np.ndarray, place: Symbols, classes: int, told: Symbols | None
) -> Symbols:
    chosen = np.take_along_axis(near, np.minimum(place, near.shape[1] - 1)[:, None], 1)[:, 0]
    far = np.flatnonzero(place == NEAR)
    if len(far):
        skipped = np.sort(near[far], 1)
        index = None if told is None else told[far] - (skipped < told[far][:, None]).sum(1)
        number = coder.code(even(classes - NEAR), np.zeros(len(far), np.int64), index)
        for column in range(NEAR):  # by rising class: step over the near ones
            number = number + (skipped[:, column] <= number)
        chosen[far] = number
    return chosen
