"""Writes the committed vectors: frames of each codec, and what they decode to.

To be run after a new version of the format only.
"""

import json
from pathlib import Path

import numpy as np

from fedh2l.message import Posteriors
from fedh2l.wire import CODECS
from fedh2l.wire.frame import decode, encode
from fedh2l.wire.header import Session
from fedh2l.wire.state import WireState

HERE = Path(__file__).parent / "vectors"
SHAPES = {
    "small": (7, 4),
    "many-classes": (12, 100),
    "many-rows": (2100, 3),
    "two-classes": (20, 2),
}


def posteriors(shape: tuple[int, int], rounds: int) -> list[np.ndarray]:
    """Rows in eighths of 1/1024ths, so that they are the same on every machine."""
    rng, frames = np.random.default_rng(7), []
    parts = rng.integers(1, 4, shape)
    for _ in range(rounds):
        parts = parts + (rng.random(shape) < 0.3) * rng.integers(0, 60, shape)
        counts = parts * 8192 // parts.sum(1, keepdims=True)
        counts[:, 0] += 8192 - counts.sum(1)
        frames.append((counts / 8192).astype(np.float32))
    return frames


def vectors(codec: str, shape: tuple[int, int]) -> dict[str, object]:
    session, author, reader = (
        Session(CODECS[codec], "a seed set's digest"),
        WireState("author"),
        WireState("reader"),
    )
    author.unreadable = {"reader"}
    frames: list[dict[str, object]] = []
    for t, probs in enumerate(posteriors(shape, 3)):
        data = encode(Posteriors(t, probs), session, author)
        copy = decode(data, Posteriors(t, probs), session, "author", reader)
        assert isinstance(copy, Posteriors)
        frames.append({"frame": data.hex(), "float32": copy.probs.astype("<f4").tobytes().hex()})
    return {
        "codec": codec,
        "seed_set": "a seed set's digest",
        "rows": shape[0],
        "classes": shape[1],
        "author": "author",
        "frames": frames,
    }


if __name__ == "__main__":
    for codec in CODECS:
        for name, shape in SHAPES.items():
            if name != "many-rows" or codec in ("lattice", "adaptive"):
                (HERE / f"{codec}-{name}.json").write_text(
                    json.dumps(vectors(codec, shape), indent=1) + "\n"
                )
