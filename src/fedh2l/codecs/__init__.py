"""Posteriors as bytes: a codec per file, chosen by name in the session.

None of them sees a header or a peer.
"""

from fedh2l.codecs.codec import Codec
from fedh2l.codecs.lattice import Lattice
from fedh2l.codecs.plain import Floats, UInt8
from fedh2l.error import choose

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
