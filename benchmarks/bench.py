"""`make bench`: overhead, speed-up, start-up and memory, as ratios measured side by side on this
machine, into one table.

CPU seconds unless it says wall clock; medians of interleaved runs, with the least and the greatest.
One thread per process. Images are MNIST's where FEDH2L_DATA names their folder, else noise.
`python benchmarks/bench.py memory overhead` measures these parts only.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from children import ONE_THREAD, Spent, child
from finished import show, write

HERE = Path(__file__).parent
TIMES = 5  # interleavings of processes
COMMAND = "import sys; from fedh2l.cli import main; main(sys.argv[1:])"
HELP = """
import sys
from fedh2l.cli import main
try:
    main(["--help"])
except SystemExit:
    pass
print(*sys.modules)
"""
# About a second of a core.
SPIN = """
import numpy as np
a = np.ones((384, 384), np.float32)
for _ in range(700):
    a @ a
"""


@dataclass(frozen=True)
class Measure:
    name: str
    values: list[float]
    target: float | None = None
    at_least: bool = False  # the target is a floor; else a ceiling
    unit: str = "×"

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def met(self) -> bool | None:
        if self.target is None:
            return None
        return self.median >= self.target if self.at_least else self.median <= self.target


def start_up() -> list[Measure]:
    helps = [child("-c", HELP) for _ in range(10)]
    heavy = {"torch", "sklearn", "numpy"} & set(helps[0].output.split())
    cpu = [h.cpu for h in helps]
    return [
        Measure("fedh2l --help, median of 10", cpu, 0.3, unit=" s"),
        Measure("fedh2l --help, best of 10", [min(cpu)], 0.3, unit=" s"),
        Measure("fedh2l --help: heavy modules imported", [len(heavy)], 0, unit=""),
        Measure("the demo with a single round, report included", _one_round(), 3.5, unit=" s"),
    ]


def _one_round() -> list[float]:
    flags = "run --data digits --rounds 1 --no-baselines --workers 1 --json --overwrite"
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        return [child("-c", COMMAND, *flags.split(), "--out", out).cpu for _ in range(TIMES)]


def memory(rounds: int = 3) -> list[Measure]:
    pairs = [
        [child(HERE / "loops.py", side, str(rounds)).memory for side in ("federated", "raw")]
        for _ in range(TIMES)
    ]
    return [
        Measure("peak memory, federated / raw loop", [f / r for f, r in pairs], 1.05),
        Measure("peak memory, federated", [f for f, _ in pairs], unit=" MB"),
    ]


def overhead(blocks: int = 6, rounds: int = 4) -> list[Measure]:
    seconds = json.loads(child(HERE / "loops.py", "ratios", str(blocks), str(rounds)).output)
    return [
        Measure(f"CPU, federated / raw loop, {name}", [f / r for f, r in seconds[key]], 1.05)
        for name, key in (("views and mixtures", "True"), ("no views", "False"))
    ]


def speed_up(rounds: int = 12) -> list[Measure]:
    """One against two worker processes on images of MNIST's size, and what two processes get from
    this machine meanwhile.
    """
    training: list[float] = []
    whole: list[float] = []
    cpu: list[float] = []
    machine: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        images = Path(os.environ.get("FEDH2L_DATA", folder))
        if "FEDH2L_DATA" not in os.environ:
            write_images(images)
        for _ in range(TIMES):
            machine.append(spare())
            one, seconds_of_one = federation(images, Path(folder) / "run", 1, rounds)
            two, seconds_of_two = federation(images, Path(folder) / "run", 2, rounds)
            training.append(seconds_of_one / seconds_of_two)
            whole.append(one.wall / two.wall)
            cpu.append(two.cpu / one.cpu)
    return [
        Measure("wall clock, --workers 1 / --workers 2, rounds", training, 1.8, at_least=True),
        Measure(f"  the same with start-up and report, {rounds} rounds", whole),
        Measure("  the same in CPU seconds: 2 / 1", cpu),
        Measure("  two independent processes got, meanwhile", machine),
    ]


def federation(images: Path, out: Path, workers: int, rounds: int) -> tuple[Spent, float]:
    """(of the whole command, wall-clock seconds of its rounds)."""
    flags = (
        f"run --data rotated-mnist --data-dir {images} --rounds {rounds} --evaluate {rounds} "
        "--no-baselines --json --overwrite"
    )
    spent = child("-c", COMMAND, *flags.split(), "--workers", str(workers), "--out", out)
    return spent, json.loads(spent.output)["seconds"]["train"]


def spare() -> float:
    """How many times as much two processes get done as one: 2 on two idle cores, less where others
    work or cores share a unit.
    """
    one = child("-c", SPIN).wall
    clock = time.perf_counter()
    both = [
        subprocess.Popen([sys.executable, "-c", SPIN], env=os.environ | ONE_THREAD)
        for _ in range(2)
    ]
    for process in both:
        process.wait()
    return 2 * one / (time.perf_counter() - clock)


def write_images(folder: Path) -> None:
    """Noise in MNIST's files: six peers' training and validation rows, and a few to test on."""
    rng = np.random.default_rng(0)
    for part, rows in (("train", 7500), ("t10k", 600)):
        for kind, data in (
            ("images-idx3", rng.integers(0, 256, (rows, 28, 28))),
            ("labels-idx1", np.arange(rows) % 10),
        ):
            head = bytes([0, 0, 8, data.ndim]) + np.array(data.shape, ">u4").tobytes()
            (folder / f"{part}-{kind}-ubyte").write_bytes(head + data.astype(np.uint8).tobytes())


def shown(m: Measure) -> dict[str, str]:
    """A row of the table on the screen."""
    digits = 0 if m.unit in (" MB", "") else 2
    median, least, most = (f"{v:.{digits}f}" for v in (m.median, min(m.values), max(m.values)))
    bound = "≥" if m.at_least else "≤"
    return {
        "measured side by side": m.name,
        "median": median + m.unit,
        "least to greatest": f"{least} to {most}",
        "target": "" if m.target is None else f"{bound} {m.target:g}{m.unit}",
        "": {True: "[green]met[/]", False: "[red]missed[/]", None: ""}[m.met],
    }


def main(*names: str) -> None:
    clock, load = time.perf_counter(), os.getloadavg()
    parts = {part.__name__: part for part in (start_up, memory, overhead, speed_up)}
    measures = [m for name in names or parts for m in parts[name]()]
    report = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "images": "MNIST" if "FEDH2L_DATA" in os.environ else "noise",
        "python": sys.version.split()[0],
        "cores": os.cpu_count(),
        "load_before": load,
        "load_after": os.getloadavg(),
        "seconds": time.perf_counter() - clock,
        "measures": [asdict(m) | {"median": m.median, "met": m.met} for m in measures],
    }
    title = f"{report['date']}, {os.cpu_count()} cores, load {load[1]:.1f}"
    show(title, [shown(m) for m in measures], texts=["measured side by side"])
    print(f"{report['seconds']:.0f} s")
    write("bench.json", report)


if __name__ == "__main__":
    main(*sys.argv[1:])
