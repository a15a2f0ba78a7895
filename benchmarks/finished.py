"""The parts that the benchmarks on real MNIST share: finished runs, kept on disk with their
provenance, and the look of the tables.
"""

import argparse
import json
import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[1]
OUT = Path("build/bench")
Result = dict[str, Any]  # of one run, as it lies on disk


def arguments(description: str | None, seeds: Sequence[int] = ()) -> argparse.ArgumentParser:
    """`--data-dir`, or FEDH2L_DATA in its place; with `seeds` also `--seeds`."""
    parser = argparse.ArgumentParser(description=description)
    folder = os.environ.get("FEDH2L_DATA")
    parser.add_argument("--data-dir", type=Path, default=folder, required=folder is None)
    if seeds:
        parser.add_argument("--seeds", type=int, nargs="+", default=list(seeds))
    return parser


def place(name: str) -> Path:
    """Where the result of the run with this name lies, or would lie."""
    return OUT / "runs" / f"{name.replace(' ', '-')}.json"


def load_or_compute(name: str, compute: Callable[[], Result]) -> Result:
    """The result of a finished run from disk; if there is none, computed and written there."""
    path = place(name)
    if not path.exists():
        clock = time.perf_counter()
        result = compute() | provenance()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(result))
        seconds = time.perf_counter() - clock
        print(f"{name}: test {result['test']:.2f} %, {seconds:.0f} s", flush=True)
    return json.loads(path.read_text())


def provenance() -> dict[str, str]:
    """The last commit that changed src/, marked where src/ has changes on top of it; the date."""
    commit = _git("log", "-1", "--format=%h", "--abbrev=10", "--", "src")
    changed = _git("status", "--porcelain", "--untracked-files=no", "src")
    return {
        "commit": commit + ("+changes" if changed else ""),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
    }


def _git(*words: str) -> str:
    command = ["git", "-C", str(ROOT), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def origins(results: Sequence[Result]) -> Result:
    """Random seeds, commits and dates of the runs behind a row."""
    return {
        "seeds": [r["seed"] for r in results],
        "commits": sorted({r["commit"] for r in results}),
        "dates": sorted({r["date"] for r in results}),
    }


def spread(values: Sequence[float]) -> float:
    """The standard deviation of a sample; of one value 0."""
    return statistics.stdev(values) if len(values) > 1 else 0.0


def standard_error(values: Sequence[float]) -> float:
    return spread(values) / len(values) ** 0.5


def show(title: str, rows: Sequence[Mapping[str, str]], texts: Sequence[str]) -> None:
    """A table on the screen. Columns named in `texts` stand to the left, numbers to the right."""
    table = Table(title=title)
    for heading in rows[0]:
        table.add_column(heading, justify="left" if heading in texts else "right")
    for row in rows:
        table.add_row(*row.values())
    Console(width=140).print(table)


def write(name: str, content: object) -> None:
    """build/bench/NAME, as JSON."""
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / name).write_text(json.dumps(content, indent=1))
    print(OUT / name)
