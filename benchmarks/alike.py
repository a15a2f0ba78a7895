"""Bytes to reach an accuracy, against FedAvg in float32 and in int8: the only setting that FedAvg
can play, one network for all.

Five peers with the same network on rotated MNIST, labels of the seed set withheld; each row
all-domain test accuracy by payload bytes of one copy per peer and round. `python
benchmarks/alike.py --data-dir folder` writes build/bench/alike.json.
"""

import argparse
import json
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from codec import OUT, kept, provenance
from federations import PEERS, ROUNDS, Federation, all_domains, ten
from fedh2l.algorithms.fedavg import FedAvg
from fedh2l.algorithms.fedh2l import FedH2L
from fedh2l.loop import run
from fedh2l.message import Inbox, Weights
from fedh2l.peer import Peer

TARGETS = (70.0, 75.0, 80.0, 85.0, 90.0)
METHODS = ("fedh2l adaptive", "fedh2l lattice", "fedh2l float32", "fedavg int8", "fedavg float32")


@dataclass(frozen=True)
class Int8:
    """FedAvg with every array as int8 and one float32 scale.

    `bodies` takes the bytes that the others were told.
    """

    algorithm: FedAvg
    bodies: list[int]

    def speak(self, peer: Peer, t: int) -> Weights:
        said = self.algorithm.speak(peer, t)
        packed = b"".join(self._packed(said.arrays[k]) for k in sorted(said.arrays))
        self.bodies.append(16 + 4 + len(packed))
        arrays, at = {}, 0
        for k in sorted(said.arrays):
            a = said.arrays[k]
            (scale,) = struct.unpack_from("<f", packed, at)
            arrays[k] = (
                np.frombuffer(packed, np.int8, a.size, at + 4) * np.float32(scale)
            ).reshape(a.shape)
            at += 4 + a.size
        return replace(said, arrays=arrays)

    def listen(self, peer: Peer, t: int, inbox: Inbox) -> None:
        self.algorithm.listen(peer, t, inbox)

    def _packed(self, a: np.ndarray) -> bytes:
        scale = float(np.abs(a).max()) / 127 or 1.0
        return struct.pack("<f", scale) + np.rint(a / scale).astype(np.int8).tobytes()


def measured(federation: Federation, model: str, method: str, seed: int) -> dict[str, Any]:
    kind, codec = method.split()
    bodies: list[int] = []
    averages = kind == "fedavg"
    peers = federation.peers(seed, [model] * PEERS, one_start=averages)
    fedavg = FedAvg(federation.steps)
    algorithm = (
        (Int8(fedavg, bodies) if codec == "int8" else fedavg)
        if averages
        else FedH2L(steps=federation.steps)
    )
    few = [(x[:300], y[:300]) for x, y in federation.test]
    curve: list[tuple[float, float]] = []
    sent = 0.0
    for r in run(algorithm, peers, rounds=ROUNDS, codec="float32" if averages else codec):
        sent += float(np.mean(bodies[-PEERS:] if bodies else list(r.sent.values())))
        curve.append((sent, all_domains(peers, few)))
    return {
        "method": method,
        "seed": seed,
        "curve": curve,
        "test": all_domains(peers, federation.test),
        **provenance(),
    }


def reached(curve: Sequence[Sequence[float]], target: float) -> float | None:
    return next((sent for sent, accuracy in curve if accuracy >= target), None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data-dir",
        type=Path,
        default=os.environ.get("FEDH2L_DATA"),
        required="FEDH2L_DATA" not in os.environ,
    )
    parser.add_argument("--model", default="lenet")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    asked = parser.parse_args()
    torch.set_num_threads(1)
    told: list[dict[str, Any]] = []
    table = Table(
        title=f"kB per peer and copy until the mean of {len(asked.seeds)} seeds is there: five "
        f"{asked.model}s, labels withheld"
    )
    for heading in ("method", *(f"{t:g} %" for t in TARGETS), "after all rounds", "accuracy %"):
        table.add_column(heading, justify="left" if heading == "method" else "right")
    for method in METHODS:
        name = f"alike-{asked.model}-{method}"
        runs = [
            kept(
                f"{name}-{s}",
                lambda m=method, s=s: measured(ten(asked.data_dir, s), asked.model, m, s),
            )
            for s in asked.seeds
        ]
        curve = np.mean([r["curve"] for r in runs], 0)
        found = [reached(curve.tolist(), target) for target in TARGETS]
        final = float(np.mean([r["test"] for r in runs]))
        table.add_row(
            method,
            *("–" if f is None else f"{f / 1000:.1f}" for f in found),
            f"{curve[-1][0] / 1000:.1f}",
            f"{final:.2f}",
        )
        told.append(
            {
                "method": method,
                "model": asked.model,
                "bytes_to_target": dict(zip(map(str, TARGETS), found, strict=True)),
                "curve": curve.tolist(),
                "accuracy_mean": final,
                "seeds": asked.seeds,
                "commits": sorted({r["commit"] for r in runs}),
                "dates": sorted({r["date"] for r in runs}),
            }
        )
    Console(width=140).print(table)
    (OUT / "alike.json").write_text(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
