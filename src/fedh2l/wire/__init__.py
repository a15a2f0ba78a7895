"""Posteriors as bytes: a codec per file, chosen by name in the session.

None of them sees a header or a peer.
"""

from fedh2l.error import choose
from fedh2l.wire.codec import Codec
from fedh2l.wire.lattice import Lattice
from fedh2l.wire.plain import Floats, UInt8

_ALL: tuple[Codec, ...] = (
    Floats("float32"),
    Floats("float16"),
    UInt8(),
    Lattice("lattice", 4, adaptive=False),
    Lattice("adaptive", 5, adaptive=True),
)
CODECS: dict[str, Codec] = {codec.name: codec for codec in _ALL}
CODEC = "lattice"  # where none is named


def codec_of(name: str) -> Codec:
    """The codec of that name, or a refusal with the near miss."""
    return CODECS[choose("codec", name, CODECS)]
