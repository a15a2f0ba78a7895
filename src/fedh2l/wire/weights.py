"""The body of a frame of weights, for the methods that average them."""

import struct
from dataclasses import replace

import numpy as np

from fedh2l.message import Weights
from fedh2l.wire.codec import WireError, check_size


def pack_weights(message: Weights) -> bytes:
    """The number of rows behind the weights, then all arrays as float32, by name."""
    arrays = [message.arrays[name].astype("<f4").tobytes() for name in sorted(message.arrays)]
    return struct.pack("<I", message.rows) + b"".join(arrays)


def unpack_weights(body: bytes, expected: Weights, t: int) -> Weights:
    """The weights of round t in a body, with the names and shapes of the receiver's own ones."""
    check_size(body, 4 + 4 * expected.shape[0])
    (rows,) = struct.unpack_from("<I", body)
    flat = np.frombuffer(body, "<f4", offset=4).astype(np.float32)
    if not rows or not np.isfinite(flat).all():
        raise WireError("NaN, infinity or no rows behind its weights; its training has diverged")

    arrays: dict[str, np.ndarray] = {}
    at = 0
    for name in sorted(expected.arrays):
        like = expected.arrays[name]
        arrays[name] = flat[at : at + like.size].reshape(like.shape)
        at += like.size
    return replace(expected, round=t, rows=rows, arrays=arrays)
