"""`make bench-scale`: what a peer costs as peers become many: CPU milliseconds per peer and round,
and memory, each setting in a process of its own, interleaved.

Softmax regressions of 16 features (PyTorch, Adam, ten steps a round) exchange posteriors about 100
seed rows of 10 classes. `python benchmarks/scale.py one GRAPH PEERS ROUNDS` measures one setting,
and prints JSON.
"""

import json
import os
import resource
import statistics
import sys
import time
from datetime import UTC, datetime

import numpy as np

from bench import child
from finished import provenance, show, write

HERE = __file__
FEATURES, CLASSES, SEED_ROWS, PRIVATE_ROWS = 16, 10, 100, 64
BATCH, STEPS, DEGREE = 16, 10, 8
WARM = 2  # rounds before the clock starts: key frames, and what is imported at first use
# Graph, peers, rounds that are measured.
SETTINGS = [
    ("full", 10, 20),
    ("full", 100, 5),
    ("full", 300, 3),
    ("full", 1000, 2),
    ("regular", 10, 20),
    ("regular", 100, 5),
    ("regular", 1000, 2),
]
LARGEST = ("regular", 10_000, 1)  # three rounds with those before the clock starts
TIMES = 5


def one(graph_name: str, count: int, rounds: int) -> dict[str, float]:
    """CPU milliseconds per peer and round, seconds to start, and the greatest memory in MB."""
    # Imported here: the process that measures all settings must stay small (bench.child).
    import torch
    from torch import nn

    from fedh2l.algorithms.fedh2l import FedH2L
    from fedh2l.exchange.graph import graph
    from fedh2l.exchange.in_process import InProcess
    from fedh2l.learners.torch import TorchLearner
    from fedh2l.loop import run
    from fedh2l.peer import Peer
    from fedh2l.seedset import SeedSet

    torch.set_num_threads(1)
    begin = time.process_time()
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(CLASSES, FEATURES))

    def rows(n: int) -> tuple[np.ndarray, np.ndarray]:
        y = np.arange(n) % CLASSES
        return (centres[y] + rng.normal(size=(n, FEATURES))).astype(np.float32), y

    x, y = rows(SEED_ROWS)
    seeds = SeedSet(x, tuple("0123456789"), y)
    peers: list[Peer] = []
    for i in range(count):
        model = nn.Linear(FEATURES, CLASSES)
        optimizer = torch.optim.Adam(model.parameters(), 1e-2)
        learner = TorchLearner(model, optimizer, rows(PRIVATE_ROWS), batch=BATCH, seed=i)
        peers.append(Peer(f"peer{i:05d}", learner, seeds))
    names = [p.name for p in peers]
    exchange = InProcess(graph(graph_name, names, degree=min(DEGREE, count - 1)))
    started = time.process_time() - begin

    clock = 0.0
    for r in run(FedH2L(steps=STEPS), peers, exchange, rounds=WARM + rounds):
        heard = {len(r.heard[name]) for name in names}
        assert heard == {count - 1 if graph_name == "full" else min(DEGREE, count - 1)}
        if r.t == WARM - 1:
            clock = time.process_time()
    spent = time.process_time() - clock
    return {
        "ms": 1000 * spent / (count * rounds),
        "start_seconds": started,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def measured(graph_name: str, count: int, rounds: int) -> dict[str, float]:
    return json.loads(child(HERE, "one", graph_name, str(count), str(rounds)).output)


def main(*arguments: str) -> None:
    if arguments and arguments[0] == "one":
        print(json.dumps(one(arguments[1], int(arguments[2]), int(arguments[3]))))
        return
    times = int(arguments[0]) if arguments else TIMES
    load = os.getloadavg()
    found: dict[tuple[str, int, int], list[dict[str, float]]] = {s: [] for s in SETTINGS}
    for _ in range(times):
        for setting in SETTINGS:
            found[setting].append(measured(*setting))
    found[LARGEST] = [measured(*LARGEST)]

    rows = [_row(setting, results, found) for setting, results in found.items()]
    report = {
        **provenance(),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "load": [load, os.getloadavg()],
        "rows": rows,
    }
    titles = {"graph": "graph", "peers": "peers", "n": "n", "ms": "CPU ms per peer and round"}
    titles |= {"least": "least", "greatest": "greatest", "growth": "× that of 10 peers"}
    titles |= {"memory": "MB at the peak"}
    table = [{heading: _text(row[key]) for key, heading in titles.items()} for row in rows]
    show("what a peer costs as peers become many", table, texts=["graph"])
    write("scale.json", report)


def _row(
    setting: tuple[str, int, int],
    results: list[dict[str, float]],
    found: dict[tuple[str, int, int], list[dict[str, float]]],
) -> dict[str, float | str]:
    graph_name, count, _ = setting
    few = next(r for (kind, n, _), r in found.items() if kind == graph_name and n == 10)
    milliseconds = [r["ms"] for r in results]
    # Each against the run of ten peers beside it: the machine's pace changes from hour to hour.
    growth = statistics.median(m["ms"] / f["ms"] for m, f in zip(results, few, strict=False))
    return {
        "graph": graph_name,
        "peers": count,
        "n": len(results),
        "ms": statistics.median(milliseconds),
        "least": min(milliseconds),
        "greatest": max(milliseconds),
        "growth": growth,
        "memory": max(r["memory"] for r in results),
    }


def _text(value: float | str) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main(*sys.argv[1:])
