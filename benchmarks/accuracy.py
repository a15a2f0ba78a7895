"""The accuracy tables of the README, run and written:

`make results`. Finished runs are kept, so it can be stopped and called again.
"""

import argparse
import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).parents[1]
KEYS = ("own_accuracy", "all_domain_accuracy", "worst_domain_accuracy")
SHORT = "--rate 1e-3 --seed-batch 32 --no-mixtures --rounds"
LADDER = {  # the same protocol at 300 steps: how much each step is worth
    "nothing exchanged, no views": f"--algorithm seed-only --no-views {SHORT} 30",
    "a batch of 32 every step, λ=1, no "
    "views": f"--exchange batch --weight 1 --reuse 1 --steps 1 --no-views {SHORT} 300",
    "the whole seed set every 10 steps, λ=10, no views": f"--weight 10 --no-views {SHORT} 30",
    "nothing exchanged, shift views": f"--algorithm seed-only --view shift {SHORT} 30",
    "the whole seed set every 10 steps, λ=10, shift views": f"--weight 10 --view shift {SHORT} 30",
}


def runs() -> Iterator[tuple[str, int, str]]:
    """(name, seed, flags), in the order in which they matter."""
    for seed in (0, 1, 2):
        yield "labelled", seed, "--references"
        yield "unlabelled", seed, "--unlabelled"
    for name, flags in (("skewed", "--data skewed-mnist"), ("few", "--seed-share 0.01")):
        for seed in (0, 1, 2):
            yield name, seed, flags
            yield f"{name}-seed-only", seed, f"{flags} --algorithm seed-only"
    for algorithm in ("fedh2l", "fedavg", "alone"):
        yield f"one-{algorithm}", 0, f"--peers batchnorm-cnn --algorithm {algorithm}"
        yield (
            f"oneshort-{algorithm}",
            0,
            f"--peers lenet --algorithm {algorithm} --view shift --weight 10 {SHORT} 30",
        )
    for i, flags in enumerate(LADDER.values()):
        yield f"ladder{i}", 0, flags


def command(seed: int, flags: str) -> str:
    data = "" if "--data" in flags else "--data rotated-mnist "
    return f"fedh2l run {data}--seed {seed} {flags}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=HERE / "build/results")
    parser.add_argument("--only", default="", help="run only what begins with this")
    parser.add_argument(
        "--table", action="store_true", help="run nothing; write the tables of what there is"
    )
    asked = parser.parse_args()
    for name, seed, flags in runs():
        folder = asked.out / f"{name}-{seed}"
        if asked.table or not name.startswith(asked.only) or (folder / "summary.json").exists():
            continue
        how = (
            ["--resume", str(folder)]
            if (folder / "config.toml").exists()
            else ["--out", str(folder)]
        )
        print(command(seed, flags), flush=True)
        words = command(seed, flags).split()[2:]
        subprocess.run(
            ["fedh2l", "run", *words, "--data-dir", str(asked.data_dir), *how],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        (folder / "provenance.json").write_text(
            json.dumps({"commit": commit(), "date": f"{datetime.now(UTC):%Y-%m-%d}"})
        )
    print("\n".join(tables(asked.out)))


def commit() -> str:
    def git(*words: str) -> str:
        return subprocess.run(
            ["git", "-C", str(HERE), *words], capture_output=True, text=True, check=True
        ).stdout.strip()

    return git("rev-parse", "--short=10", "HEAD") + (
        "+changes" if git("status", "--porcelain", "--untracked-files=no") else ""
    )


def tables(out: Path) -> Iterator[str]:
    """Markdown, of the runs that are there."""
    found = {
        (n, s): json.loads(p.read_text())
        for n, s, _ in runs()
        if (p := out / f"{n}-{s}" / "summary.json").exists()
    }
    yield (
        "| seed | row | own | all domains | worst domain | sent per peer "
        "|\n|---|---|---:|---:|---:|---:|"
    )
    for (name, seed), summary in found.items():
        yield line(seed, name, summary["mean"], sent(summary))
        for row, mean in summary["references"].items():
            yield line(seed, f"{name}: {row}", mean, 0)
    where = sorted(
        {
            json.dumps(json.loads((out / f"{n}-{s}" / "provenance.json").read_text()))
            for n, s in found
        }
    )
    yield "\n".join(["", *where])


def line(seed: int, row: str, mean: dict[str, float], payload: float) -> str:
    return (
        f"| {seed} | {row} | "
        + " | ".join(f"{100 * mean[k]:.2f}" for k in KEYS)
        + f" | {payload / 1e6:.1f} MB |"
    )


def sent(summary: dict[str, Any]) -> float:
    peers = summary["peers"].values()
    return sum(p["payload_bytes_sent"] for p in peers) / len(peers)


if __name__ == "__main__":
    main()
