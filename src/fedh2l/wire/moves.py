"""Rows of counts and what changes them: a move takes the same share of every count of a row and
gives it to one class.

Author and receivers hold the same counts, 2^15 in a row, so only the differences from them are
coded. A frame codes moves in passes: which rows move, for each its class and its share; then which
of these rows move once more. One function drives encoder and decoder. How often each symbol came in
the frames since the key frame makes the models: author and receivers have seen the same frames.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Int, UInt16

from fedh2l.wire.codec import CodecState
from fedh2l.wire.rans import Reader, Writer, even_table, tables_of

ROW = 1 << 15  # the sum of the counts of a row
SHARES = 5  # a move takes 1/2, 1/4, ... 1/32 of every count, rounded down
NEAR = 7  # classes that are coded by their place in the current row; the others by their number
MOST_PASSES = 15
Counts = UInt16[np.ndarray, "rows classes"]
Symbols = Int[np.ndarray, " n"]
# The values of a row's largest count at which the next context begins.
STEPS = np.array([1, 2, 4, 8, 16, 24, 30]) * (ROW // 32)
FIRST: dict[str, np.ndarray] = {  # weights at a key frame, in sixteenths of a symbol
    "flag": np.full((8 * 4 * 3, 2), 16, np.int64),
    "place": np.tile(np.array([[40, 12, 6, 4, 3, 2, 2, 16]], np.int64), (16, 1)),
    "share": np.full((8 * 4, SHARES), 12, np.int64),
}


# The encoder's choice in a pass: from the rows that may move, and their counts, to a mask of those
# that do, and the class and the share of each of these.
Choice = Callable[[Symbols, Counts], tuple[Bool[np.ndarray, " n"], Symbols, Symbols]]


def code_moves(
    coder: Writer | Reader, before: CodecState, passes: int, choose: Choice | None = None
) -> tuple[int, CodecState]:
    """The number of passes of a frame, and what author and receivers hold after it.

    A reader reads so many passes; a writer writes the moves that `choose` gives until no row moves.
    The state: the counts, the ages (a bit per frame in which a row moved, the last frame's lowest)
    and the weights of the models.
    """
    counts, ages = before["counts"].copy(), before["ages"]
    rows, classes = np.arange(len(counts)), counts.shape[1]
    tables = {k: tables_of(before[k]) for k in FIRST}
    tables["place"] = tables_of(before["place"], np.arange(NEAR + 1) < classes)
    hits = {k: np.zeros_like(before[k]) for k in FIRST}

    def code(name: str, contexts: Symbols, symbols: Symbols | None) -> Symbols:
        values = coder.code(tables[name], contexts, symbols)
        np.add.at(hits[name], (contexts, values), 16)
        return values

    has_moved, pass_number = np.zeros(len(counts), np.bool_), 0
    while pass_number < passes and len(rows):
        row_counts = counts[rows]
        # The encoder chooses; the decoder, which passes no choice, reads the same from the coder.
        mask, class_of_move, share_of_move = None, None, None
        if choose is not None:
            mask, class_of_move, share_of_move = choose(rows, row_counts)
            if not mask.any():
                break

        # Which rows move: rows that are sure, and rows that moved lately, do so at other rates.
        size = np.searchsorted(STEPS, row_counts.max(1), side="right")
        context = (size * 4 + (ages[rows] & 3)) * 3 + min(pass_number, 2)
        flags = code("flag", context, None if mask is None else mask.astype(np.int64)) > 0
        rows, row_counts, size = rows[flags], row_counts[flags], size[flags]

        # To which class, as a place among the likeliest ones, and how much of the row.
        near = likeliest_classes(row_counts)
        place_of_move = None if class_of_move is None else _places_in(near, class_of_move)
        place = code("place", size * 2 + (pass_number > 0), place_of_move)
        target = _code_classes(coder, near, place, classes, class_of_move)
        share = code("share", size * 4 + np.minimum(place, 3), share_of_move)

        counts[rows], has_moved[rows] = move(row_counts, target, share), True
        pass_number += 1
    return pass_number, {
        "counts": counts,
        "ages": ages << 1 | has_moved,
        **{k: fade_weights(before[k], hits[k]) for k in FIRST},
    }


def move(row_counts: Counts, target: Symbols, share: Symbols) -> Counts:
    """Each row after its move to the target class. Whole counts only, so that author and receivers
    stay equal.
    """
    portion = row_counts >> (share + 1)[:, None].astype(np.uint16)
    row_counts -= portion
    row_counts[np.arange(len(row_counts)), target] += portion.sum(1, dtype=np.uint16)
    return row_counts


def fade_weights(weights: np.ndarray, hits: np.ndarray) -> np.ndarray:
    """The weights with the hits of one more frame; older frames fade by a quarter."""
    return np.maximum(weights - (weights >> 2), 1) + hits


def likeliest_classes(counts: Counts) -> Int[np.ndarray, "n near"]:
    """The classes of the largest counts, among equal counts the lowest class first."""
    near, last = min(NEAR, counts.shape[1]), (1 << 16) - 1
    # One number orders both: the count in the high half, the class, reversed, in the low one.
    keys = counts.astype(np.uint32) << 16 | (last - np.arange(counts.shape[1], dtype=np.uint32))
    largest = np.sort(np.partition(keys, -near, 1)[:, -near:], 1)[:, ::-1]
    return last - (largest & last).astype(np.int64)


def _places_in(near: np.ndarray, classes: Symbols) -> Symbols:
    """The place of each class among its row's likeliest ones; NEAR: it is none of them."""
    same = near == classes[:, None]
    return np.where(same.any(1), same.argmax(1), NEAR)


def _code_classes(
    coder: Writer | Reader,
    near: np.ndarray,
    place: Symbols,
    classes: int,
    class_of_move: Symbols | None,
) -> Symbols:
    """The class of each row's move: by its place, or by its number among the classes without one.

    `class_of_move`: from the encoder; None: read it.
    """
    target = np.take_along_axis(near, np.minimum(place, near.shape[1] - 1)[:, None], 1)[:, 0]
    far = np.flatnonzero(place == NEAR)
    if not len(far):
        return target

    near_by_class = np.sort(near[far], 1)
    index = None
    if class_of_move is not None:
        far_class = class_of_move[far]
        index = far_class - (near_by_class < far_class[:, None]).sum(1)
    number = coder.code(even_table(classes - NEAR), np.zeros(len(far), np.int64), index)
    for column in range(NEAR):  # by rising class: step over the near ones
        number = number + (near_by_class[:, column] <= number)
    target[far] = number
    return target
