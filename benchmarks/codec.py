"""`make bench-codec`: bits per sample against accuracy lost, measured in running federations, into
build/bench/codec.json.

Five unlike networks learn from unlabelled seeds, so that posteriors do the work that labels would
do. Every row of the table is closed loop: what a codec blurs, the peers learn. Finished runs are
kept in build/bench/runs, so it can be stopped and called again.
"""

import argparse
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch

from cfd import CFD
from federations import ROUNDS, Federation, all_domains, hundred, ten
from fedh2l.algorithms.baselines import Alone
from fedh2l.algorithms.fedh2l import FedH2L
from fedh2l.loop import run
from fedh2l.wire import CODECS
from fedh2l.wire.codec import Codec
from fedh2l.wire.header import HEADER
from fedh2l.wire.lattice import Lattice
from finished import (
    Result,
    arguments,
    load_or_compute,
    origins,
    place,
    show,
    spread,
    standard_error,
    write,
)
from timed import Timed

NOTHING = "nothing exchanged"
# The last three are not the default.
OURS = ["lattice", "adaptive", "adaptive lead=1", "adaptive lead=0", "adaptive least=0.016"]
NAMES = ["float32", *OURS, NOTHING, "cfd-4bit", "cfd-2bit", "cfd-1bit", "uint8", "float16"]
FEDERATIONS = {"ten": ten, "hundred": hundred}
LAST = 10  # rounds
# Rounds in which the rival says nothing yet; chosen on validation images of ten classes among 1, 3,
# 5 and 8.
RIVAL_WARMUP = 8


def codec_named(name: str) -> Codec:
    """`cfd-2bit`, one of FedH2L's codecs, or one of them with a setting: `adaptive lead=1`."""
    if name.startswith("cfd"):
        return CFD(int(name[4]))
    base, _, setting = name.partition(" ")
    codec, (field, _, value) = CODECS[base], setting.partition("=")
    if field and isinstance(codec, Lattice):
        return replace(codec, **{field: float(value)})
    return codec


def measured(federation: Federation, name: str, seed: int, weight: float) -> Result:
    """One run: bytes of every round's frames, accuracies in %, and CPU milliseconds per message."""
    peers = federation.peers(seed)
    sizes, times = [0.0] * ROUNDS, {"encode_ms": 0.0, "decode_ms": 0.0}
    if name == NOTHING:
        for _ in run(Alone(federation.steps), peers, rounds=ROUNDS):
            pass
    else:
        codec = Timed(codec_named(name))
        warmup = max(federation.warmup, RIVAL_WARMUP if name.startswith("cfd") else 0)
        method = FedH2L(weight, federation.steps, warmup=warmup)
        rounds = run(method, peers, rounds=ROUNDS, codec=codec)
        sizes = [float(np.mean(list(r.sent.values()) or [0])) for r in rounds]
        times = codec.medians()

    return {
        "codec": name,
        "seed": seed,
        "weight": weight,
        "sizes": sizes,
        "asked": len(federation.seeds),
        "classes": len(federation.seeds.classes),
        "validation": all_domains(peers, federation.validation),
        "test": all_domains(peers, federation.test),
        **times,
    }


def results_of(kind: str, options: argparse.Namespace) -> dict[str, dict[int, Result]]:
    """Of one of the two federations: by codec and random seed. With `--table` those on disk."""
    results: dict[str, dict[int, Result]] = {}
    for seed in options.seeds:
        for codec in options.codecs:
            name = f"{kind}-{codec}-{options.weight:g}-{seed}"
            if options.table and not place(name).exists():
                continue

            def compute(codec: str = codec, seed: int = seed) -> Result:
                federation = FEDERATIONS[kind](options.data_dir, seed)
                return measured(federation, codec, seed, options.weight)

            results.setdefault(codec, {})[seed] = load_or_compute(name, compute)
    return results


def rows_of(results: Mapping[str, Mapping[int, Result]]) -> list[Result]:
    """A row for each codec that has a random seed in common with float32."""
    exact = results.get("float32", {})
    rows: list[Result] = []
    for by_seed in results.values():
        if common := [seed for seed in by_seed if seed in exact]:
            rows.append(row([by_seed[s] for s in common], [exact[s] for s in common]))
    return rows


def row(runs: Sequence[Result], exact: Sequence[Result]) -> Result:
    """One entry of codec.json.

    `exact`: the float32 runs of the same random seeds; losses are paired, in points.
    """
    first = runs[0]
    bits = [8 * np.array(r["sizes"]) / first["asked"] for r in runs]
    mean = float(np.mean(bits))
    float32 = 8 * HEADER.size / first["asked"] + 32 * first["classes"]
    losses = [e["test"] - r["test"] for e, r in zip(exact, runs, strict=True)]
    tests = [r["test"] for r in runs]
    return {
        "codec": first["codec"],
        "classes": first["classes"],
        "rows": first["asked"],
        "rounds": ROUNDS,
        "n": len(runs),
        "bits_per_sample": mean,
        "bits_per_sample_last10": float(np.mean([b[-LAST:] for b in bits])),
        "times_below_float32": float32 / mean if mean else None,
        "accuracy_mean": float(np.mean(tests)),
        "accuracy_std": spread(tests),
        "accuracy_loss_vs_float32": float(np.mean(losses)),
        "accuracy_loss_standard_error": standard_error(losses),
        "encode_ms": statistics.median(r["encode_ms"] for r in runs),
        "decode_ms": statistics.median(r["decode_ms"] for r in runs),
        "weight": first["weight"],
        **origins(runs),
    }


def shown(r: Result) -> dict[str, str]:
    """A row of the table on the screen."""
    below = r["times_below_float32"]
    loss, error = r["accuracy_loss_vs_float32"], r["accuracy_loss_standard_error"]
    return {
        "codec": r["codec"],
        "seeds": str(r["n"]),
        "bits/sample": f"{r['bits_per_sample']:.2f}",
        "last 10": f"{r['bits_per_sample_last10']:.2f}",
        "below float32": f"{below:.0f}×" if below else "–",
        "all domains %": f"{r['accuracy_mean']:.2f} ± {r['accuracy_std']:.2f}",
        "points lost": f"{loss:+.2f} ± {error:.2f}",
        "encode ms": f"{r['encode_ms']:.2f}",
        "decode ms": f"{r['decode_ms']:.2f}",
    }


def main() -> None:
    parser = arguments(__doc__, seeds=(0, 1, 2, 3, 4))
    parser.add_argument("--only", choices=FEDERATIONS, action="append", help="by default both")
    parser.add_argument("--codecs", nargs="+", default=NAMES, choices=NAMES)
    parser.add_argument("--weight", type=float, default=3.0, help="λ, chosen on validation images")
    parser.add_argument("--table", action="store_true", help="run nothing; show what is on disk")
    options = parser.parse_args()

    torch.set_num_threads(1)
    every: list[Result] = []
    for kind in options.only or FEDERATIONS:
        rows = rows_of(results_of(kind, options))
        if not rows:
            print(f"{kind}: no float32 run to compare with")
            continue
        title = (
            f"{rows[0]['classes']} classes, {rows[0]['rows']} seed rows, {ROUNDS} rounds, labels "
            f"withheld, λ={options.weight:g}"
        )
        show(title, [shown(r) for r in rows], texts=["codec"])
        every += rows
    write("codec.json", every)


if __name__ == "__main__":
    main()
