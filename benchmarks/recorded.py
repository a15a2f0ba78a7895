"""Codecs on recorded runs: the posteriors of a run in float32, told again in every codec. Not
closed loop: how far off, and how fast.

`ten` and `hundred` as in codec.py, one random seed; the last row stacks the five peers of `hundred`
to 5000 rows, for speed. `python benchmarks/recorded.py --data-dir folder` writes
build/bench/recorded.json.
"""

import argparse
import json
import os
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from codec import LAST, OUT, Timed, provenance
from federations import ROUNDS, Federation, hundred, ten
from fedh2l.algorithms.fedh2l import FedH2L
from fedh2l.loop import run
from fedh2l.wire import CODECS, codec_of
from fedh2l.wire.frame import HEADER

MB = 1e6


def record(federation: Federation, seed: int) -> np.ndarray:
    """What every peer said in every round of exchange: rounds × peers × rows × classes."""
    shape = (len(federation.seeds), len(federation.seeds.classes))
    rounds = run(
        FedH2L(steps=federation.steps, warmup=federation.warmup),
        federation.peers(seed),
        rounds=ROUNDS,
        codec="float32",
    )
    said = [sorted(r.frames.items()) for r in rounds if r.frames]
    return np.stack(
        [
            [np.frombuffer(frame, "<f4", offset=HEADER.size).reshape(shape) for _, frame in frames]
            for frames in said
        ]
    )


def told(frames: np.ndarray, codec: str) -> dict[str, Any]:
    """One author's rounds × rows × classes through a codec: bits with the header, error in total
    variation, speed of one core.
    """
    timed, said, heard, bits, off = Timed(codec_of(codec)), None, None, [], []
    for probs in frames:
        body, said = timed.encode(probs, said or None)
        rows, heard = timed.decode(body, probs.shape, heard or None)
        bits.append(8 * (HEADER.size + len(body)) / len(probs))
        off.append(float(np.abs(rows - probs).sum(1).mean() / 2))
    took = {k: statistics.median(v) for k, v in timed.spent.items()}
    _, rows, classes = frames.shape
    return {
        "codec": codec,
        "classes": classes,
        "rows": rows,
        "rounds": len(frames),
        "bits_per_sample": float(np.mean(bits)),
        "bits_per_sample_last10": float(np.mean(bits[-LAST:])),
        "total_variation": float(np.mean(off)),
        "encode_ms": took["encode"],
        "decode_ms": took["decode"],
        **{
            f"{k}_mb_per_s": frames[0].nbytes / MB / (ms / 1000) if ms else None
            for k, ms in took.items()
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data-dir",
        type=Path,
        default=os.environ.get("FEDH2L_DATA"),
        required="FEDH2L_DATA" not in os.environ,
    )
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    few, many = (record(kind(asked.data_dir, asked.seed), asked.seed) for kind in (ten, hundred))
    stacked = many.reshape(len(many), -1, many.shape[3])
    rows = [told(frames, codec) for frames in (few[:, 0], many[:, 0], stacked) for codec in CODECS]
    table = Table(
        title="recorded posteriors of one peer, told again in each codec; MB/s of float32 on one "
        "core"
    )
    speeds = ("encode ms", "decode ms", "encode MB/s", "decode MB/s")
    for heading in (
        "codec",
        "rows × classes",
        "bits/sample",
        "last 10",
        "total variation",
        *speeds,
    ):
        table.add_column(heading, justify="left" if heading == "codec" else "right")
    for r in rows:
        numbers = (
            r["bits_per_sample"],
            r["bits_per_sample_last10"],
            r["total_variation"],
            r["encode_ms"],
            r["decode_ms"],
        )
        fast = (f"{r[k]:.0f}" if r[k] else "–" for k in ("encode_mb_per_s", "decode_mb_per_s"))
        table.add_row(
            r["codec"], f"{r['rows']}×{r['classes']}", *(f"{n:.3g}" for n in numbers), *fast
        )
    Console(width=140).print(table)
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "recorded.json").write_text(
        json.dumps([r | {"seed": asked.seed} | provenance() for r in rows], indent=1)
    )


if __name__ == "__main__":
    main()
