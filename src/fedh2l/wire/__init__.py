"""Posteriors as bytes: a codec per file, chosen by name in the session.

A codec sees neither a header nor a peer.
"""

from typing import TYPE_CHECKING

from fedh2l.choices import Choices

if TYPE_CHECKING:
    from fedh2l.wire.codec import Codec

CODECS: "Choices[Codec]" = Choices(
    "codec",
    {
        "float32": "fedh2l.wire.plain:FLOAT32",
        "float16": "fedh2l.wire.plain:FLOAT16",
        "uint8": "fedh2l.wire.plain:UINT8",
        "lattice": "fedh2l.wire.lattice:LATTICE",
        "adaptive": "fedh2l.wire.lattice:ADAPTIVE",
        "hard": "fedh2l.wire.hard:HARD",
    },
)
CODEC = "lattice"  # the codec of an experiment that names none
