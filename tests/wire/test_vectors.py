"""The committed frames decode to the last bit, whatever machine, numpy or byte order of buffers.

Needs numpy and jaxtyping only.
"""

import json
import sys
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from fedh2l.message import Posteriors
from fedh2l.wire import CODECS
from fedh2l.wire.frame import decode
from fedh2l.wire.header import Session
from fedh2l.wire.state import Reference, WireState

VECTORS = sorted((Path(__file__).parent / "vectors").glob("*.json"))


@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize("path", VECTORS, ids=lambda p: p.stem)
def test_a_committed_frame_decodes_to_the_committed_rows(
    path: Path, order: Literal["little", "big"]
) -> None:
    vector = json.loads(path.read_text())
    session, state = Session(CODECS[vector["codec"]], vector["seed_set"]), WireState("reader")
    shape = vector["rows"], vector["classes"]
    for t, entry in enumerate(vector["frames"]):
        like = Posteriors(t, np.zeros(shape, np.float32))
        message = decode(bytes.fromhex(entry["frame"]), like, session, vector["author"], state)
        assert isinstance(message, Posteriors)
        assert message.probs.astype("<f4").tobytes() == bytes.fromhex(entry["float32"])
        last = state.last_read[vector["author"]]
        turned = {k: v.astype(v.dtype.newbyteorder(order)) for k, v in last.codec_state.items()}
        state.hold(vector["author"], Reference(last.round, last.check, last.age, turned))


def test_there_are_vectors_of_every_codec() -> None:
    assert {p.stem.split("-")[0] for p in VECTORS} == {
        "float32",
        "float16",
        "uint8",
        "lattice",
        "adaptive",
        "hard",
    }


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, "-q", "-p", "no:cacheprovider"]))
