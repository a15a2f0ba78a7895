"""The accuracy tables of the README, run and written.

`make accuracy`. Finished runs are kept, so it can be stopped and called again.
"""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from finished import ROOT, Result, arguments, provenance

CODEC = "--codec float32"  # with which the README's tables were measured
SHORT = "--rate 1e-3 --seed-batch 32 --no-mixtures --rounds"
ORIGINAL = "--owner 1 --focus 0 --private 1"
LADDER = (  # the same protocol at 300 steps: how much each step is worth
    # nothing exchanged, no views
    f"--algorithm seed-only --no-views {SHORT} 30",
    # a batch of 32 every step, λ=1, no views
    f"--exchange batch --weight 1 --reuse 1 --steps 1 {ORIGINAL} --no-views {SHORT} 300",
    # the whole seed set every 10 steps, λ=10, no views
    f"--weight 10 --no-views {SHORT} 30",
    # nothing exchanged, shift views
    f"--algorithm seed-only --view shift {SHORT} 30",
    # the whole seed set every 10 steps, λ=10, shift views
    f"--weight 10 --view shift {SHORT} 30",
)
HEADINGS = "| seed | row | own | all domains | worst domain | sent per peer |"
RULE = "|---|---|---:|---:|---:|---:|"
ACCURACIES = ("own_accuracy", "all_domain_accuracy", "worst_domain_accuracy")


class Run(NamedTuple):
    name: str
    seed: int
    flags: str  # of `fedh2l run`, besides --seed

    @property
    def words(self) -> list[str]:
        data = "" if "--data" in self.flags else "--data rotated-mnist "
        return f"run {data}--seed {self.seed} {self.flags} {CODEC}".split()

    def folder(self, out: Path) -> Path:
        return out / f"{self.name}-{self.seed}"


def runs() -> Iterator[Run]:
    """In the order in which they matter."""
    for seed in (0, 1, 2):
        yield Run("labelled", seed, "--baselines")
        yield Run("unlabelled", seed, "--unlabelled --no-baselines")
    for name, flags in (("skewed", "--data skewed-mnist"), ("few", "--seed-share 0.01")):
        for seed in (0, 1, 2):
            yield Run(name, seed, f"{flags} --no-baselines")
            yield Run(f"{name}-seed-only", seed, f"{flags} --algorithm seed-only")
    for algorithm in ("fedh2l", "fedavg", "alone"):
        flags = f"--algorithm {algorithm} --no-baselines"
        weight = "--weight 10" if algorithm == "fedh2l" else ""
        # A peer that learns from no seed row has no batch of them.
        short = SHORT.replace("--seed-batch 32 ", "") if algorithm == "alone" else SHORT
        yield Run(f"one-{algorithm}", 0, f"--peers batchnorm-cnn {flags}")
        yield Run(
            f"oneshort-{algorithm}", 0, f"--peers lenet {flags} --view shift {weight} {short} 30"
        )
    for i, flags in enumerate(LADDER):
        yield Run(f"ladder{i}", 0, f"{flags} --no-baselines")


def do(run: Run, data_dir: Path, out: Path) -> None:
    """Run it, or go on with it where it was stopped."""
    folder = run.folder(out)
    print("fedh2l", *run.words, flush=True)
    place = ["--resume"] if (folder / "config.toml").exists() else ["--out"]
    command = ["fedh2l", *run.words, "--data-dir", str(data_dir), *place, str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    (folder / "provenance.json").write_text(json.dumps(provenance()))


def table(out: Path) -> Iterator[str]:
    """Markdown, of the runs that are finished, and where they come from."""
    finished = [r for r in runs() if (r.folder(out) / "summary.json").exists()]
    yield HEADINGS
    yield RULE
    for run in finished:
        summary = json.loads((run.folder(out) / "summary.json").read_text())
        yield line(run.seed, run.name, summary["mean"], payload(summary))
        for baseline, mean in summary["baselines"].items():
            yield line(run.seed, f"{run.name}: {baseline}", mean, 0)
    yield ""
    yield from sorted({(r.folder(out) / "provenance.json").read_text() for r in finished})


def line(seed: int, row: str, mean: Result, payload: float) -> str:
    accuracies = " | ".join(f"{100 * mean[key]:.2f}" for key in ACCURACIES)
    return f"| {seed} | {row} | {accuracies} | {payload / 1e6:.1f} MB |"


def payload(summary: Result) -> float:
    """Bytes that a peer has sent, the mean over the peers."""
    sizes = [peer["payload_bytes_sent"] for peer in summary["peers"].values()]
    return sum(sizes) / len(sizes)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "build/results")
    parser.add_argument("--only", default="", help="only the runs whose name begins with this")
    parser.add_argument("--table", action="store_true", help="run nothing; the finished runs")
    options = parser.parse_args()

    for run in runs():
        finished = (run.folder(options.out) / "summary.json").exists()
        if run.name.startswith(options.only) and not options.table and not finished:
            do(run, options.data_dir, options.out)
    print("\n".join(table(options.out)))


if __name__ == "__main__":
    main()
