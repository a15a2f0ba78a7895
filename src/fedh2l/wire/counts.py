"""Distributions as counts: non-negative integers that sum to K in every row."""

import numpy as np
from jaxtyping import Float, UInt8


def to_counts(
    probs: Float[np.ndarray, "rows classes"], total: int
) -> UInt8[np.ndarray, "rows classes"]:
    """The nearest counts to total·p in L1: the whole parts, and one more for the classes with the
    largest remainders. total ≤ 255.
    """
    scaled = probs * np.float32(total)
    whole = np.minimum(scaled, total).astype(np.uint8)
    short = total - whole.sum(1, dtype=np.int64)

    # One more for the classes with the largest remainders, as many as the row falls short of.
    most = int(np.clip(short.max(initial=0), 0, probs.shape[1]))
    if most:
        rest = whole - scaled  # minus the remainder: the largest remainder is sorted first
        nearest = (
            np.argpartition(rest, most - 1, 1)[:, :most]
            if most < probs.shape[1]
            else np.argsort(rest, 1)
        )
        nearest = np.take_along_axis(
            nearest, np.take_along_axis(rest, nearest, 1).argsort(1, kind="stable"), 1
        )
        np.put_along_axis(
            whole,
            nearest,
            np.take_along_axis(whole, nearest, 1) + (np.arange(most) < short[:, None]),
            1,
        )

    # A row that summed to a little more or less than one is made up at its largest class.
    uneven_rows = np.flatnonzero(whole.sum(1, dtype=np.int64) != total)
    for row in uneven_rows:
        best = int(whole[row].argmax())
        whole[row, best] += total - int(whole[row].sum())
    return whole
