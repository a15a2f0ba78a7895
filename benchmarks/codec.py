"""`make bench-codec`: bits per sample against accuracy lost, measured in running federations, into
build/bench/codec.json.

Five unlike networks learn from unlabelled seeds, so that posteriors do the work that labels would
do. Every row of the table is closed
loop: what a codec blurs, the peers learn. Finished runs are kept in build/bench/runs, so it can be
stopped and called again.
"""

import argparse
import json
import os
import statistics
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from cfd import CFD
from federations import ROUNDS, Federation, all_domains, hundred, ten
from fedh2l.algorithms.baselines import Alone
from fedh2l.algorithms.fedh2l import FedH2L
from fedh2l.loop import run
from fedh2l.wire import codec_of
from fedh2l.wire.codec import Codec, CodecState
from fedh2l.wire.frame import HEADER
from fedh2l.wire.lattice import Lattice

HERE = Path(__file__).parents[1]
OUT = Path("build/bench")
NOTHING = "nothing exchanged"
# What is not the default.
OURS = ["lattice", "adaptive", "adaptive lead=1", "adaptive lead=0", "adaptive least=0.016"]
NAMES = ["float32", *OURS, NOTHING, "cfd-4bit", "cfd-2bit", "cfd-1bit", "uint8", "float16"]
LAST = 10  # rounds
# Rounds before which it does not speak; chosen on validation images of ten classes among 1, 3, 5
# and 8.
RIVAL_BEGINS = 8


@dataclass(frozen=True)
class Timed:
    """A codec that notes its CPU milliseconds."""

    codec: Codec
    spent: dict[str, list[float]] = field(default_factory=lambda: {"encode": [], "decode": []})

    @property
    def name(self) -> str:
        return self.codec.name

    @property
    def kind(self) -> int:
        return self.codec.kind

    def encode(
        self, probs: np.ndarray, held: CodecState | None, rounds_left: int | None = None
    ) -> tuple[bytes, CodecState]:
        clock = time.process_time()
        found = self.codec.encode(probs, held, rounds_left)
        self.spent["encode"].append(1000 * (time.process_time() - clock))
        return found

    def decode(
        self, body: bytes, shape: tuple[int, int], held: CodecState | None
    ) -> tuple[np.ndarray, CodecState]:
        clock = time.process_time()
        found = self.codec.decode(body, shape, held)
        self.spent["decode"].append(1000 * (time.process_time() - clock))
        return found


def named(codec: str) -> Codec:
    if codec.startswith("cfd"):
        return CFD(int(codec[4]))
    name, _, field = codec.partition(" ")
    found, (key, _, value) = codec_of(name), field.partition("=")
    return replace(found, **{key: float(value)}) if key and isinstance(found, Lattice) else found


def measured(federation: Federation, codec: str, seed: int, weight: float) -> dict[str, Any]:
    """One run: bytes of every round's frames, accuracies in %, and CPU milliseconds per message."""
    peers = federation.peers(seed)
    if codec == NOTHING:
        for _ in run(Alone(federation.steps), peers, rounds=ROUNDS):
            pass
        sizes, timed = [0.0] * ROUNDS, None
    else:
        timed = Timed(named(codec))
        warmup = max(federation.warmup, RIVAL_BEGINS if codec.startswith("cfd") else 0)
        method = FedH2L(weight, federation.steps, warmup=warmup)
        sizes = [
            float(np.mean(list(r.sent.values()) or [0]))
            for r in run(method, peers, rounds=ROUNDS, codec=timed)
        ]
    times = (
        {f"{k}_ms": statistics.median(v) for k, v in timed.spent.items()}
        if timed
        else {"encode_ms": 0.0, "decode_ms": 0.0}
    )
    return {
        "codec": codec,
        "seed": seed,
        "weight": weight,
        "sizes": sizes,
        "asked": len(federation.seeds),
        "classes": len(federation.seeds.classes),
        "validation": all_domains(peers, federation.validation),
        "test": all_domains(peers, federation.test),
        **times,
        **provenance(),
    }


def provenance() -> dict[str, str]:
    def git(*words: str) -> str:
        return subprocess.run(
            ["git", "-C", str(HERE), *words], capture_output=True, text=True, check=True
        ).stdout.strip()

    changed = "+changes" if git("status", "--porcelain", "--untracked-files=no", "src") else ""
    return {
        "commit": git("log", "-1", "--format=%h", "--abbrev=10", "--", "src") + changed,
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
    }


def kept(name: str, compute: Any) -> dict[str, Any]:
    """A finished run from disk, or computed and put there."""
    place = OUT / "runs" / f"{name.replace(' ', '-')}.json"
    if not place.exists():
        clock = time.perf_counter()
        found = compute()
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps(found))
        print(
            f"{name}: test {found['test']:.2f} %, {time.perf_counter() - clock:.0f} s", flush=True
        )
    return json.loads(place.read_text())


def row(runs: Sequence[dict[str, Any]], exact: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One line of codec.json.

    `exact`: the float32 runs of the same random seeds; losses are paired, in points.
    """
    first = runs[0]
    bits = [8 * np.array(r["sizes"]) / first["asked"] for r in runs]
    mean = float(np.mean(bits))
    lost = [e["test"] - r["test"] for e, r in zip(exact, runs, strict=True)]
    tests = [r["test"] for r in runs]
    return {
        "codec": first["codec"],
        "classes": first["classes"],
        "rows": first["asked"],
        "rounds": ROUNDS,
        "n": len(runs),
        "bits_per_sample": mean,
        "bits_per_sample_last10": float(np.mean([b[-LAST:] for b in bits])),
        "times_below_float32": (8 * HEADER.size / first["asked"] + 32 * first["classes"]) / mean
        if mean
        else None,
        "accuracy_mean": float(np.mean(tests)),
        "accuracy_std": spread(tests),
        "accuracy_loss_vs_float32": float(np.mean(lost)),
        "accuracy_loss_standard_error": spread(lost) / len(lost) ** 0.5,
        "encode_ms": statistics.median(r["encode_ms"] for r in runs),
        "decode_ms": statistics.median(r["decode_ms"] for r in runs),
        "weight": first["weight"],
        "seeds": [r["seed"] for r in runs],
        "commits": sorted({r["commit"] for r in runs}),
        "dates": sorted({r["date"] for r in runs}),
    }


def spread(values: Sequence[float]) -> float:
    return statistics.stdev(values) if len(values) > 1 else 0.0


def table_of(rows: Sequence[dict[str, Any]]) -> Table:
    first = rows[0]
    title = (
        f"{first['classes']} classes, {first['rows']} seed rows, {ROUNDS} rounds, labels "
        f"withheld, λ={first['weight']:g}"
    )
    table = Table(title=title)
    for heading in (
        "codec",
        "seeds",
        "bits/sample",
        "last 10",
        "below float32",
        "all domains %",
        "points lost",
        "encode ms",
        "decode ms",
    ):
        table.add_column(heading, justify="left" if heading == "codec" else "right")
    for r in rows:
        below = f"{r['times_below_float32']:.0f}×" if r["times_below_float32"] else "–"
        table.add_row(
            r["codec"],
            str(r["n"]),
            f"{r['bits_per_sample']:.2f}",
            f"{r['bits_per_sample_last10']:.2f}",
            below,
            f"{r['accuracy_mean']:.2f} ± {r['accuracy_std']:.2f}",
            f"{r['accuracy_loss_vs_float32']:+.2f} ± {r['accuracy_loss_standard_error']:.2f}",
            f"{r['encode_ms']:.2f}",
            f"{r['decode_ms']:.2f}",
        )
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data-dir",
        type=Path,
        default=os.environ.get("FEDH2L_DATA"),
        required="FEDH2L_DATA" not in os.environ,
    )
    parser.add_argument(
        "--only", choices=("ten", "hundred"), action="append", help="by default both"
    )
    parser.add_argument("--codecs", nargs="+", default=NAMES, choices=NAMES)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--weight", type=float, default=3.0, help="λ, chosen on validation images")
    parser.add_argument("--table", action="store_true", help="run nothing; what there is")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    kinds = {"ten": ten, "hundred": hundred}
    rows: list[dict[str, Any]] = []
    for kind in asked.only or kinds:
        runs: dict[str, dict[int, dict[str, Any]]] = {}
        for seed in asked.seeds:
            for codec in asked.codecs:
                name = f"{kind}-{codec}-{asked.weight:g}-{seed}"
                if asked.table and not (OUT / "runs" / f"{name.replace(' ', '-')}.json").exists():
                    continue
                found = kept(
                    name,
                    lambda k=kind, c=codec, s=seed: measured(
                        kinds[k](asked.data_dir, s), c, s, asked.weight
                    ),
                )
                runs.setdefault(codec, {})[seed] = found
        exact = runs.get("float32", {})
        pairs = [[(r, exact[s]) for s, r in by.items() if s in exact] for by in runs.values()]
        some = [row([r for r, _ in by], [e for _, e in by]) for by in pairs if by]
        Console(width=140).print(table_of(some)) if some else print(
            f"{kind}: no float32 run to compare with"
        )
        rows += some
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "codec.json").write_text(json.dumps(rows, indent=1))
    print(OUT / "codec.json")


if __name__ == "__main__":
    main()
