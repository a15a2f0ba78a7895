"""Posteriors as bytes: a codec per file, chosen by name in the session. None of them sees a header or a peer."""

from fedh2l.codecs.codec import Codec
from fedh2l.codecs.plain import Floats, UInt8
from fedh2l.error import choose

CODECS: dict[str, Codec] = {"float32": Floats("float32"), "float16": Floats("float16"), "uint8": UInt8()}


def codec_of(name: str) -> Codec:
    """The codec of that name, or a refusal with the near miss."""
    return CODECS[choose("codec", name, CODECS)]
