"""Codecs on recorded runs: the posteriors of a run in float32, said again in every codec. Not
closed loop: how far off, and how fast.

`ten` and `hundred` as in codec.py, one random seed; the last row stacks the five peers of `hundred`
to 5000 rows, for speed. `python benchmarks/recorded.py --data-dir folder` writes
build/bench/recorded.json.
"""

import numpy as np
import torch

from codec import LAST
from federations import ROUNDS, Federation, hundred, ten
from fedh2l.algorithms.fedh2l import FedH2L
from fedh2l.distill import total_variation
from fedh2l.loop import run
from fedh2l.message import Posteriors
from fedh2l.wire import CODECS
from fedh2l.wire.codec import CodecState
from fedh2l.wire.header import HEADER
from finished import Result, arguments, provenance, show, write
from timed import Timed

MB = 1e6


def record(federation: Federation, seed: int) -> np.ndarray:
    """What every peer said in every round of exchange: rounds × peers × rows × classes."""
    method = FedH2L(steps=federation.steps, warmup=federation.warmup)
    peers = federation.peers(seed)
    recorded: list[list[np.ndarray]] = []
    for r in run(method, peers, rounds=ROUNDS, codec="float32"):
        messages = [message for _, message in sorted(r.said.items())]
        if messages:  # there are none while peers warm up
            recorded.append([m.probs for m in messages if isinstance(m, Posteriors)])
    return np.stack([np.stack(probs) for probs in recorded])


def coded(frames: np.ndarray, name: str) -> Result:
    """One author's rounds × rows × classes through a codec: bits with the header, error in total
    variation, speed of one core.
    """
    codec = Timed(CODECS[name])
    author: CodecState = {}
    receiver: CodecState = {}
    bits: list[float] = []
    errors: list[float] = []
    for probs in frames:
        body, author = codec.encode(probs, author or None)
        rows, receiver = codec.decode(body, probs.shape, receiver or None)
        bits.append(8 * (HEADER.size + len(body)) / len(probs))
        errors.append(total_variation(rows, probs))

    times = codec.medians()
    megabytes = frames[0].nbytes / MB
    speeds = {
        verb: megabytes / (times[f"{verb}_ms"] / 1000) if times[f"{verb}_ms"] else None
        for verb in ("encode", "decode")
    }
    _, rows, classes = frames.shape
    return {
        "codec": name,
        "classes": classes,
        "rows": rows,
        "rounds": len(frames),
        "bits_per_sample": float(np.mean(bits)),
        "bits_per_sample_last10": float(np.mean(bits[-LAST:])),
        "total_variation": float(np.mean(errors)),
        **times,
        **{f"{verb}_mb_per_s": speed for verb, speed in speeds.items()},
    }


def shown(r: Result) -> dict[str, str]:
    """A row of the table on the screen."""
    encode, decode = r["encode_mb_per_s"], r["decode_mb_per_s"]
    return {
        "codec": r["codec"],
        "rows × classes": f"{r['rows']}×{r['classes']}",
        "bits/sample": f"{r['bits_per_sample']:.3g}",
        "last 10": f"{r['bits_per_sample_last10']:.3g}",
        "total variation": f"{r['total_variation']:.3g}",
        "encode ms": f"{r['encode_ms']:.3g}",
        "decode ms": f"{r['decode_ms']:.3g}",
        "encode MB/s": f"{encode:.0f}" if encode else "–",
        "decode MB/s": f"{decode:.0f}" if decode else "–",
    }


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    torch.set_num_threads(1)
    few = record(ten(options.data_dir, options.seed), options.seed)
    many = record(hundred(options.data_dir, options.seed), options.seed)
    stacked = many.reshape(len(many), -1, many.shape[3])
    recordings = (few[:, 0], many[:, 0], stacked)
    results = [coded(frames, codec) for frames in recordings for codec in CODECS]

    title = "recorded posteriors of one peer, said again in each codec; MB/s of float32 on one core"
    show(title, [shown(r) for r in results], texts=["codec"])
    write("recorded.json", [r | {"seed": options.seed} | provenance() for r in results])


if __name__ == "__main__":
    main()
