"""Hard labels: of each row the likeliest class alone, as a digit to the base of the number of
classes, so in about log2(classes) bits. Every frame can be read alone.
"""

from math import ceil, log2

import numpy as np
from jaxtyping import Float, Int

from fedh2l.wire.codec import CodecState, WireError, check_size

WORD = 8  # bytes of a whole group of digits


class Hard:
    """Groups of as many digits as an unsigned integer of 8 bytes holds, the first digit the lowest;
    the last group in as many bytes as it needs.
    """

    name = "hard"
    kind = 6

    def encode(
        self,
        probs: Float[np.ndarray, "rows classes"],
        state: CodecState | None,
        rounds_left: int | None = None,
    ) -> tuple[bytes, CodecState]:
        rows, classes = probs.shape
        each, groups, size = layout(rows, classes)
        digits = np.zeros(groups * each, np.uint64)
        digits[:rows] = probs.argmax(1)
        words = (digits.reshape(groups, each) * _powers(classes, each)).sum(1, dtype=np.uint64)
        return words.astype("<u8").tobytes()[:size], {}

    def decode(
        self, body: bytes, shape: tuple[int, int], state: CodecState | None
    ) -> tuple[Float[np.ndarray, "rows classes"], CodecState]:
        rows, classes = shape
        each, groups, size = layout(rows, classes)
        check_size(body, size)
        words = np.frombuffer(body.ljust(groups * WORD, b"\0"), "<u8").astype(np.uint64)
        digits = np.zeros((groups, each), np.uint64)
        for place in range(each):
            digits[:, place] = words % np.uint64(classes)
            words = words // np.uint64(classes)
        labels, unused = digits.ravel()[:rows], digits.ravel()[rows:]
        if words.any() or unused.any():
            raise WireError("message: labels with digits that no row has")
        return one_hot(labels.astype(np.int64), classes), {}


def one_hot(labels: Int[np.ndarray, " rows"], classes: int) -> Float[np.ndarray, "rows classes"]:
    """A single one in each row, in the column of its label."""
    hot = np.zeros((len(labels), classes), np.float32)
    hot[np.arange(len(labels)), labels] = 1
    return hot


def layout(rows: int, classes: int) -> tuple[int, int, int]:
    """Digits in a group, the number of groups, and the bytes of all."""
    each = max(1, int(8 * WORD / log2(classes)))
    while classes**each > 2 ** (8 * WORD):  # the logarithm was rounded
        each -= 1
    groups = ceil(rows / each)
    last = rows - (groups - 1) * each  # digits
    needed = ((classes**last - 1).bit_length() + 7) // 8
    return each, groups, (groups - 1) * WORD + needed


def _powers(classes: int, count: int) -> np.ndarray:
    return np.array([classes**place for place in range(count)], np.uint64)


HARD = Hard()
