"""Bytes to reach an accuracy, against FedAvg in float32 and in int8: the only setting that FedAvg
can play, one network for all.

Five peers with the same network on rotated MNIST, labels of the seed set withheld; each row
all-domain test accuracy by payload bytes of one copy per peer and round. `python
benchmarks/alike.py --data-dir folder` writes build/bench/alike.json.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from federations import PEERS, ROUNDS, Federation, all_domains, ten
from fedh2l.algorithms.fedavg import FedAvg
from fedh2l.algorithms.fedh2l import FedH2L
from fedh2l.loop import Algorithm, run
from fedh2l.message import Inbox, Weights
from fedh2l.peer import Peer
from finished import Result, arguments, load_or_compute, origins, show, write

TARGETS = (70.0, 75.0, 80.0, 85.0, 90.0)
METHODS = ("fedh2l adaptive", "fedh2l lattice", "fedh2l float32", "fedavg int8", "fedavg float32")
WATCHED = 300  # test images of each domain on which the curve is drawn
HEADER, COUNT = 16, 4  # bytes of a frame of weights besides its arrays


@dataclass(frozen=True)
class Int8:
    """FedAvg with every array as int8 and one float32 scale.

    `sizes` takes the bytes of each frame as int8: the wire itself carries float32.
    """

    algorithm: FedAvg
    sizes: list[int]

    def speak(self, peer: Peer, t: int) -> Weights:
        message = self.algorithm.speak(peer, t)
        packed = {name: packed_int8(a) for name, a in message.arrays.items()}
        self.sizes.append(HEADER + COUNT + sum(map(len, packed.values())))
        arrays = {name: unpacked(packed[name], a.shape) for name, a in message.arrays.items()}
        return replace(message, arrays=arrays)

    def listen(self, peer: Peer, t: int, inbox: Inbox) -> None:
        self.algorithm.listen(peer, t, inbox)


def packed_int8(a: np.ndarray) -> bytes:
    scale = float(np.abs(a).max()) / 127 or 1.0
    return struct.pack("<f", scale) + np.rint(a / scale).astype(np.int8).tobytes()


def unpacked(packed: bytes, shape: tuple[int, ...]) -> np.ndarray:
    (scale,) = struct.unpack_from("<f", packed)
    return (np.frombuffer(packed, np.int8, offset=4) * np.float32(scale)).reshape(shape)


def measured(federation: Federation, model: str, method: str, seed: int) -> Result:
    """One run: its curve of (bytes so far, accuracy in %), and the accuracy at its end."""
    name, codec = method.split()
    fedavg = FedAvg(federation.steps)
    int8 = Int8(fedavg, [])
    algorithm: Algorithm = FedH2L(steps=federation.steps)
    if name == "fedavg":
        algorithm, codec = (int8 if codec == "int8" else fedavg), "float32"
    peers = federation.peers(seed, [model] * PEERS, one_start=name == "fedavg")

    few = [(x[:WATCHED], y[:WATCHED]) for x, y in federation.test]
    curve: list[tuple[float, float]] = []
    bytes_so_far = 0.0
    for r in run(algorithm, peers, rounds=ROUNDS, codec=codec):
        sizes = int8.sizes[-PEERS:] or list(r.sent.values())
        bytes_so_far += float(np.mean(sizes))
        curve.append((bytes_so_far, all_domains(peers, few)))
    return {
        "method": method,
        "seed": seed,
        "curve": curve,
        "test": all_domains(peers, federation.test),
    }


def bytes_to(target: float, curve: Sequence[Sequence[float]]) -> float | None:
    """None: it is never reached."""
    return next((size for size, accuracy in curve if accuracy >= target), None)


def row(method: str, model: str, runs: Sequence[Result]) -> Result:
    """One entry of alike.json. The curve is the mean of the runs."""
    curve = np.mean([r["curve"] for r in runs], 0).tolist()
    return {
        "method": method,
        "model": model,
        "bytes_to_target": {str(target): bytes_to(target, curve) for target in TARGETS},
        "curve": curve,
        "accuracy_mean": float(np.mean([r["test"] for r in runs])),
        **origins(runs),
    }


def shown(r: Result) -> dict[str, str]:
    """A row of the table on the screen, in kB."""
    cells = {"method": r["method"]}
    for target, size in r["bytes_to_target"].items():
        cells[f"{float(target):g} %"] = "–" if size is None else f"{size / 1000:.1f}"
    cells["after all rounds"] = f"{r['curve'][-1][0] / 1000:.1f}"
    cells["accuracy %"] = f"{r['accuracy_mean']:.2f}"
    return cells


def main() -> None:
    parser = arguments(__doc__, seeds=(0, 1, 2))
    parser.add_argument("--model", default="lenet")
    options = parser.parse_args()

    torch.set_num_threads(1)
    rows: list[Result] = []
    for method in METHODS:
        runs: list[Result] = []
        for seed in options.seeds:

            def compute(method: str = method, seed: int = seed) -> Result:
                return measured(ten(options.data_dir, seed), options.model, method, seed)

            runs.append(load_or_compute(f"alike-{options.model}-{method}-{seed}", compute))
        rows.append(row(method, options.model, runs))

    title = (
        f"kB per peer and copy until the mean of {len(options.seeds)} random seeds is there: five "
        f"{options.model}s, labels withheld"
    )
    show(title, [shown(r) for r in rows], texts=["method"])
    write("alike.json", rows)


if __name__ == "__main__":
    main()
