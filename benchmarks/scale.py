"""`make bench-scale`: what a peer costs as peers become many: CPU milliseconds per peer and round,
and memory, each setting in a process of its own, interleaved.

Softmax regressions of 16 features (numpy: a framework's own cost per step would hide what is
measured), ten steps a round, exchange posteriors about 100 seed rows of 10 classes. `python
benchmarks/scale.py one GRAPH PEERS` measures one setting, and prints JSON.
"""

import json
import os
import resource
import statistics
import sys
import time
from datetime import UTC, datetime
from typing import Any

import numpy as np

from children import child
from fedh2l.algorithms.fedh2l import FedH2L
from fedh2l.exchange.graph import graph
from fedh2l.exchange.in_process import InProcess
from fedh2l.learner import Lesson, State
from fedh2l.loop import run
from fedh2l.peer import Peer
from fedh2l.rows import Rows
from fedh2l.seedset import SeedSet
from finished import provenance, show, write

HERE = __file__
FEATURES, CLASSES, SEED_ROWS, PRIVATE_ROWS = 16, 10, 100, 64
BATCH, STEPS, DEGREE, RATE = 16, 10, 8, 0.1
WARM = 2  # rounds before the clock starts: key frames, and what is imported at first use
# That are measured, the same in all settings: models that learn say less and less that is new, and
# a frame of the twentieth round costs half as much to code as one of the third.
ROUNDS = 2
TOGETHER = 300  # peers at least that are measured: of small federations several, one by one
# Graph and peers.
SETTINGS = [
    ("full", 10),
    ("full", 100),
    ("full", 300),
    ("full", 1000),
    ("regular", 10),
    ("regular", 100),
    ("regular", 1000),
]
LARGEST = ("regular", 10_000)
TIMES = 5


class Softmax:
    """Softmax regression by gradient descent on private rows and rows of the lesson."""

    def __init__(self, data: Rows, seed: int) -> None:
        self.x, self.y = data
        self.hot = np.eye(CLASSES, dtype=np.float32)[self.y]
        self.w = np.zeros((FEATURES, CLASSES), np.float32)
        self.rng = np.random.default_rng(seed)

    def posteriors(self, x: np.ndarray) -> np.ndarray:
        logits = x @ self.w
        e = np.exp(logits - logits.max(1, keepdims=True))
        return e / e.sum(1, keepdims=True)

    def learn(self, lesson: Lesson | None, steps: int) -> float | None:
        targets, weights = (self.hot[:0], self.hot[:0, 0]) if lesson is None else lesson.merged()
        for _ in range(steps):
            mine = self.rng.integers(len(self.x), size=BATCH)
            gradient = self._gradient(self.x[mine], self.hot[mine], 1.0)
            if lesson is not None:
                rows = self.rng.integers(len(lesson.x), size=lesson.batch)
                taught = self._gradient(lesson.x[rows], targets[rows], weights[rows, None])
                gradient = gradient + taught
            self.w -= np.float32(RATE) * gradient.astype(np.float32)
        return None

    def _gradient(self, x: np.ndarray, targets: np.ndarray, weights: Any) -> np.ndarray:
        return x.T @ (weights * (self.posteriors(x) - targets)) / len(x)

    def state_dict(self) -> dict[str, np.ndarray]:
        return {"w": self.w}

    def load_state_dict(self, state: State) -> None:
        self.w = np.array(state["w"])


def one(graph_name: str, count: int) -> dict[str, float]:
    """CPU milliseconds per peer and round, and the greatest memory in MB."""
    again = max(1, TOGETHER // count)
    spent = sum(seconds(graph_name, count) for _ in range(again))
    return {
        "ms": 1000 * spent / (count * ROUNDS * again),
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def seconds(graph_name: str, count: int) -> float:
    """CPU seconds of the measured rounds of a federation."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(CLASSES, FEATURES))

    def rows(n: int) -> Rows:
        y = np.arange(n) % CLASSES
        return (centres[y] + rng.normal(size=(n, FEATURES))).astype(np.float32), y

    seeds = SeedSet(rows(SEED_ROWS)[0], tuple("0123456789"), np.arange(SEED_ROWS) % CLASSES)
    peers = [Peer(f"peer{i:05d}", Softmax(rows(PRIVATE_ROWS), i), seeds) for i in range(count)]
    names = [p.name for p in peers]
    degree = count - 1 if graph_name == "full" else min(DEGREE, count - 1)
    neighbours = (
        graph(graph_name, names)
        if graph_name == "full"
        else graph(graph_name, names, degree=degree)
    )

    clock = 0.0
    for r in run(FedH2L(steps=STEPS), peers, InProcess(neighbours), rounds=WARM + ROUNDS):
        assert {len(heard) for heard in r.heard.values()} == {degree}
        if r.t == WARM - 1:
            clock = time.process_time()
    return time.process_time() - clock


def measured(graph_name: str, count: int) -> dict[str, float]:
    return json.loads(child(HERE, "one", graph_name, str(count)).output)


def main(*arguments: str) -> None:
    if arguments and arguments[0] == "one":
        print(json.dumps(one(arguments[1], int(arguments[2]))))
        return
    times = int(arguments[0]) if arguments else TIMES
    load = os.getloadavg()
    found: dict[tuple[str, int], list[dict[str, float]]] = {s: [] for s in SETTINGS}
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
    setting: tuple[str, int],
    results: list[dict[str, float]],
    found: dict[tuple[str, int], list[dict[str, float]]],
) -> dict[str, float | str]:
    graph_name, count = setting
    few = found[graph_name, 10]
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
