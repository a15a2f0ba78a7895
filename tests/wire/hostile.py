"""Frames from strangers: good ones turned bad in many ways, and what must hold of a receiver
whatever comes through its door.

`python tests/wire/hostile.py CODEC COUNT SEED` lets so many knock, in a process of its own:
as fast as in a run, and every warning an error.
"""

import json
import random
import struct
import sys
import time
import warnings
import zlib
from collections.abc import Iterator

import numpy as np

from fedh2l.message import Posteriors
from fedh2l.wire import CODECS
from fedh2l.wire.codec import WireError
from fedh2l.wire.frame import decode, encode
from fedh2l.wire.header import HEADER, Session
from fedh2l.wire.state import WireState

SHAPE = (9, 5)


class Door:
    """A receiver that has read mallory's key frame and a change; and what mallory says next."""

    def __init__(self, codec: str, shape: tuple[int, int] = SHAPE) -> None:
        self.session, self.shape = Session(CODECS[codec], "digest"), shape
        rng, sender, self.wire = np.random.default_rng(7), WireState("mallory"), WireState("me")
        probs = [
            rng.dirichlet(np.full(shape[1], 0.5), shape[0]).astype(np.float32) for _ in range(4)
        ]
        self.good = [encode(Posteriors(t, p), self.session, sender) for t, p in enumerate(probs)]
        self.mine = Posteriors(3, probs[3])
        for data in self.good[:2]:
            decode(data, self.mine, self.session, "mallory", self.wire)
        self.last = self.wire.last_read["mallory"]
        self.before = self._state()

    def knock(self, data: bytes) -> bool:
        """Whether the frame was believed.

        Raises where something else happened than a refusal without a trace, or distributions.
        """
        try:
            message = decode(data, self.mine, self.session, "mallory", self.wire)
        except WireError:
            assert self._state() == self.before, "a refused frame left a trace"
            return False
        assert isinstance(message, Posteriors)
        assert message.probs.shape == self.shape
        assert np.isfinite(message.probs).all()
        assert message.probs.min() >= 0
        assert np.abs(message.probs.sum(1) - 1).max() <= 1e-3
        self.wire.last_read, self.wire.key_frame_requested = {"mallory": self.last}, False
        return True

    def signed(self, data: bytes) -> bytes:
        """With the check that goes with what is in it: what a liar sends who knows all that was
        said.
        """
        if len(data) < HEADER.size:
            return data
        before = self.last.check if data[4] else 0
        check = zlib.crc32(
            data[16:], zlib.crc32(self.session.id + struct.pack("<I", before) + data[:12])
        )
        return data[:12] + struct.pack("<I", check) + data[16:]

    def mutants(self, count: int, seed: int) -> Iterator[bytes]:
        """Two of three with a right check, so that they reach what lies behind it."""
        rng = random.Random(seed)
        for _ in range(count):
            data = rng.choice(self.good)
            for _ in range(rng.randint(1, 3)):
                data = rng.choice(MUTATIONS)(data, rng)
            if rng.random() < 0.5:  # as a frame of this session that is due
                head = self.good[rng.choice((2, 2, 0))][: HEADER.size]
                data = head + data[HEADER.size :]
            yield self.signed(data) if rng.random() < 0.67 else data

    def _state(self) -> bytes:
        last = self.wire.last_read["mallory"]
        return repr(
            (
                sorted(self.wire.unreadable),
                self.wire.key_frame_requested,
                last.round,
                last.check,
                last.age,
            )
        ).encode() + b"".join(v.tobytes() for v in last.codec_state.values())


def _flip(data: bytes, rng: random.Random) -> bytes:
    hurt = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        if hurt:
            hurt[rng.randrange(len(hurt))] ^= 1 << rng.randrange(8)
    return bytes(hurt)


def _cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randint(0, len(data))]


def _grow(data: bytes, rng: random.Random) -> bytes:
    return data + rng.randbytes(rng.choice((1, 2, 4, 64, 4096)))


def _header(data: bytes, rng: random.Random) -> bytes:
    hurt = bytearray(data[: HEADER.size].ljust(HEADER.size, b"\0"))
    hurt[rng.choice((2, 3, 4, 5, 6, 8, 9, 11))] = rng.choice((0, 1, 2, 127, 128, 255))
    return bytes(hurt) + data[HEADER.size :]


def _body(data: bytes, rng: random.Random) -> bytes:
    """Anything behind a good header, as long as a body or not."""
    size = rng.choice((len(data) - HEADER.size, rng.randint(0, 300)))
    fill = rng.choice(
        (
            rng.randbytes,
            lambda n: bytes(n),
            lambda n: b"\xff" * n,
            lambda n: b"\x00\x00\xc0\x7f" * (n // 4),
        )
    )
    return data[: HEADER.size] + fill(max(size, 0))


def _stream(data: bytes, rng: random.Random) -> bytes:
    """A number of passes and random words of the entropy coder."""
    state = struct.pack("<I", rng.randint(1 << 16, (1 << 32) - 1))
    return (
        data[: HEADER.size]
        + bytes([rng.randint(0, 16)])
        + state
        + rng.randbytes(2 * rng.randint(0, 60))
    )


def _move(data: bytes, rng: random.Random) -> bytes:
    """A piece of it somewhere else, once more."""
    a, b, to = (rng.randint(0, len(data)) for _ in range(3))
    return data[:to] + data[min(a, b) : max(a, b)] + data[to:]


MUTATIONS = (_flip, _flip, _cut, _grow, _header, _body, _stream, _move)


def main(codec: str, count: str, seed: str) -> None:
    warnings.simplefilter("error")
    door, believed, slowest = Door(codec), 0, 0.0
    for data in door.mutants(int(count), int(seed)):
        clock = time.process_time()
        believed += door.knock(data)
        slowest = max(slowest, time.process_time() - clock)
    print(
        json.dumps(
            {
                "codec": codec,
                "frames": int(count),
                "believed": believed,
                "slowest_cpu_ms": round(1000 * slowest, 2),
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
