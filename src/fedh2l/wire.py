"""Messages as bytes, and the door through which strangers come in: everything is checked before anything is allocated.

A message is a 16-byte header (magic, version, kind, round, first 8 bytes of the seed set's digest; little-endian) and
float32 values. Sizes never come from the message: the receiver knows what it expects, because it has just said the like.
"""

import struct

import numpy as np

from fedh2l.error import FedH2LError
from fedh2l.message import Message, Posteriors, Weights

HEADER = struct.Struct("<2sBBI8s")
MAGIC, VERSION = b"H2", 1
POSTERIORS, WEIGHTS = 1, 2
SUM_TOLERANCE = 1e-3  # of a row of posteriors


class WireError(FedH2LError):
    """Bytes that are not what this peer expects. Nothing of them was used."""


def check_posteriors(probs: np.ndarray, shape: tuple[int, int], who: str) -> None:
    """Refuse what is not one distribution per row, over the agreed classes."""
    if probs.shape != shape:
        raise WireError(
            f"{who}: posteriors of shape {probs.shape}, expected {shape}: one row per seed example, one column per "
            "class, in the seed set's order of classes"
        )
    low, sums = probs.min(initial=0.0), probs.sum(1)
    if not np.isfinite(sums).all():
        raise WireError(f"{who}: NaN or infinity in the posteriors; its training has diverged: lower the learning rate or check its data")
    if low < 0 or np.abs(sums - 1).max(initial=0.0) > SUM_TOLERANCE:
        raise WireError(
            f"{who}: rows are not probabilities (least value {low:.3g}, row sums {sums.min():.3g} to {sums.max():.3g}); "
            "if these are logits, apply softmax"
        )


def encode(message: Message, session: bytes) -> bytes:
    """`session`: the first 8 bytes of the seed set's digest."""
    if isinstance(message, Posteriors):
        return HEADER.pack(MAGIC, VERSION, POSTERIORS, message.round, session) + message.probs.astype("<f4").tobytes()
    body = (message.arrays[k].astype("<f4").tobytes() for k in sorted(message.arrays))
    return HEADER.pack(MAGIC, VERSION, WEIGHTS, message.round, session) + struct.pack("<I", message.rows) + b"".join(body)


def decode(data: bytes, like: Message, session: bytes, sender: str) -> Message:
    """The message in `data`, of the same kind, round and shape as `like`: the receiver's own of this round. Else `WireError`."""
    if len(data) < HEADER.size:
        raise WireError(f"{sender}: {len(data)} bytes, shorter than a header")
    magic, version, kind, t, theirs = HEADER.unpack_from(data)
    if magic != MAGIC or version != VERSION:
        raise WireError(f"{sender}: not a message of version {VERSION} of this wire format; all peers must run the same release")
    if theirs != session:
        raise WireError(f"{sender}: speaks about another seed set ({theirs.hex()}, mine is {session.hex()}); compare digests")
    if kind != (POSTERIORS if isinstance(like, Posteriors) else WEIGHTS):
        raise WireError(f"{sender}: a message of kind {kind}, expected {type(like).__name__}; all peers must run the same algorithm")
    if t != like.round:
        raise WireError(f"{sender}: round {t}, expected {like.round}")
    body = memoryview(data)[HEADER.size :]
    return _posteriors(body, like, sender) if isinstance(like, Posteriors) else _weights(body, like, sender)


def _posteriors(body: memoryview, like: Posteriors, sender: str) -> Posteriors:
    _check_size(body, 4 * like.probs.size, sender)
    probs = np.frombuffer(body, "<f4").astype(np.float32).reshape(like.probs.shape)
    check_posteriors(probs, like.probs.shape, sender)
    return Posteriors(like.round, probs)


def _weights(body: memoryview, like: Weights, sender: str) -> Weights:
    _check_size(body, 4 + 4 * sum(a.size for a in like.arrays.values()), sender)
    (rows,) = struct.unpack_from("<I", body)
    flat = np.frombuffer(body[4:], "<f4").astype(np.float32)
    if not rows or not np.isfinite(flat).all():
        raise WireError(f"{sender}: NaN, infinity or no rows behind its weights; its training has diverged")
    arrays, at = {}, 0
    for k in sorted(like.arrays):
        a = like.arrays[k]
        arrays[k] = flat[at : at + a.size].reshape(a.shape)
        at += a.size
    return Weights(like.round, rows, arrays)


def _check_size(body: memoryview, expected: int, sender: str) -> None:
    if len(body) != expected:
        raise WireError(f"{sender}: a body of {len(body)} bytes, expected {expected}: another model, seed set or number of classes")
