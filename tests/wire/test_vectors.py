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
from fedh2l.wire.frame import Session, decode
from fedh2l.wire.state import Reference, WireState

VECTORS = sorted((Path(__file__).parent / "vectors").glob("*.json"))


@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize("path", VECTORS, ids=lambda p: p.stem)
def test_a_committed_frame_decodes_to_the_committed_rows(
    path: Path, order: Literal["little", "big"]
) -> None:
    told = json.loads(path.read_text())
    session, state = Session(CODECS[told["codec"]], told["seed_set"]), WireState("reader")
    shape = told["rows"], told["classes"]
    for t, one in enumerate(told["frames"]):
        like = Posteriors(t, np.zeros(shape, np.float32))
        heard = decode(bytes.fromhex(one["frame"]), like, session, told["author"], state)
        assert isinstance(heard, Posteriors)
        assert heard.probs.astype("<f4").tobytes() == bytes.fromhex(one["float32"])
        last = state.last_read[told["author"]]
        turned = {k: v.astype(v.dtype.newbyteorder(order)) for k, v in last.held.items()}
        state.last_read[told["author"]] = Reference(last.round, last.check, last.age, turned)


def test_there_are_vectors_of_every_codec() -> None:
    assert {p.stem.split("-")[0] for p in VECTORS} == {
        "float32",
        "float16",
        "uint8",
        "lattice",
        "adaptive",
    }


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, "-q", "-p", "no:cacheprovider"]))
