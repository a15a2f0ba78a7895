"""`make bench-rivals`: the same work in this package, BlazeFL, Flower, HtFLlib and PFLlib, side by
side, into build/bench/rivals.json.

Six clients, ten steps of 96 rows a round, on real MNIST if FEDH2L_DATA names its folder. They
take turns, a process each with one thread. HTFLLIB and PFLLIB name checkouts of these two, which no
registry has; without them they are left out.
"""

import ast
import io
import os
import statistics
import subprocess
import sys
import tempfile
import tokenize
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from environments import BUILD, CONTESTANTS, Contestant, make  # noqa: E402
from finished import provenance, show, write  # noqa: E402
from processes import Spent, run  # noqa: E402

TIMES, ROUNDS = 5, 9  # interleavings; rounds of each, the first of which is part of the start
SETTINGS = {
    **{f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")},
    "RIVALS_DATA": str(BUILD / "data"),
    "RIVALS_ROUNDS": str(ROUNDS),
    "FLWR_TELEMETRY_ENABLED": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "PYTHONPATH": str(HERE),
}
KINDS = {
    "distillation": "posteriors about seed rows, six unlike networks",
    "tables": "posteriors of classes, six unlike networks",
    "averaging": "weights, six LeNets",
}


def write_rows() -> str:
    """The rows of all contestants, from MNIST or, without it, noise; which of them."""
    import work
    from fedh2l.data.idx import load_mnist

    folder, rng = os.environ.get("FEDH2L_DATA"), np.random.default_rng(0)
    sizes = {str(i): work.PRIVATE_ROWS for i in range(work.CLIENTS)}
    sizes |= {"seeds": work.SEED_ROWS, "test": work.TEST_ROWS}
    total = sum(sizes.values())
    if folder:
        (x, y), _ = load_mnist(Path(folder))
        pick = rng.permutation(len(x))[:total]
        x, y = x[pick], y[pick]
    else:
        x = rng.random((total, *work.SHAPE), np.float32)
        y = np.arange(total) % work.CLASSES

    (BUILD / "data").mkdir(parents=True, exist_ok=True)
    at = 0
    for name, size in sizes.items():
        part = slice(at, at + size)
        np.savez(BUILD / "data" / f"{name}.npz", x=x[part], y=y[part])
        at += size
    return "MNIST" if folder else "noise"


def lines_of(script: Path) -> int:
    """Lines of code of a file and of steps.py, if it is imported: without empty ones, comments and
    docstrings.
    """
    text = script.read_text()
    skipped = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
    skipped |= {tokenize.ENCODING, tokenize.ENDMARKER}
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in skipped:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            lines -= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    steps = lines_of(HERE / "steps.py") if "from steps import" in text else 0
    return len(lines) + steps


def measured(contestant: Contestant, kind: str) -> Spent:
    # HtFLlib and PFLlib look for their data in ../dataset.
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "work"
        place.mkdir()
        command = [contestant.python, HERE / contestant.script]
        environment = os.environ | SETTINGS
        if contestant.checkout:
            subprocess.run(
                [*command, "prepare"], env=environment, cwd=place, check=True, capture_output=True
            )
        spent = run([*command, kind], environment, place)
    if len(spent.rounds) != ROUNDS:
        raise SystemExit(f"{contestant.name}: {len(spent.rounds)} rounds instead of {ROUNDS}")
    return spent


def row(
    kind: str, contestant: Contestant, found: dict[tuple[str, str], list[Spent]]
) -> dict[str, Any]:
    ours, raw = found[kind, contestant.name], found[kind, "raw"]
    ratios = [_per_round(mine) / _per_round(his) for mine, his in zip(ours, raw, strict=True)]
    return {
        "kind": kind,
        "contestant": contestant.name,
        "n": len(ours),
        "seconds": statistics.median(map(_per_round, ours)),
        "ratios": ratios,
        "start": [spent.rounds[0] for spent in ours],
        "memory": [spent.memory for spent in ours],
        "lines": lines_of(HERE / contestant.script),
        "packages": contestant.packages or None,
        "checkout": contestant.commit or None,
    }


def _per_round(spent: Spent) -> float:
    return (spent.rounds[-1] - spent.rounds[0]) / (len(spent.rounds) - 1)


def shown(found: dict[str, Any]) -> dict[str, str]:
    def spread(values: list[float], digits: int) -> str:
        middle, least, most = statistics.median(values), min(values), max(values)
        return f"{middle:.{digits}f} ({least:.{digits}f} to {most:.{digits}f})"

    return {
        "what is exchanged": KINDS[found["kind"]],
        "": found["contestant"],
        "CPU per round / raw loop": spread(found["ratios"], 2),
        "CPU s to the end of round 1": spread(found["start"], 1),
        "MB at the peak": spread(found["memory"], 0),
        "lines of code": str(found["lines"]),
    }


def main(times: int = TIMES) -> None:
    load, data = os.getloadavg(), write_rows()
    contestants = [c for c in CONTESTANTS if c.is_here]
    for contestant in contestants:
        make(contestant)
    found: dict[tuple[str, str], list[Spent]] = {}
    for _ in range(times):
        for kind in KINDS:
            for contestant in contestants:
                if kind in contestant.kinds:
                    spent = measured(contestant, kind)
                    found.setdefault((kind, contestant.name), []).append(spent)

    by_name = {c.name: c for c in contestants}
    rows = [row(kind, by_name[name], found) for kind, name in sorted(found, key=_order)]
    report = {
        **provenance(),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "load": [load, os.getloadavg()],
        "data": data,
        "rounds": ROUNDS,
        "rows": rows,
    }
    texts = ["what is exchanged", ""]
    show(f"six clients, ten steps of 96 rows, {data}", [shown(r) for r in rows], texts)
    write("rivals.json", report)


def _order(key: tuple[str, str]) -> tuple[int, int]:
    kind, name = key
    return list(KINDS).index(kind), [c.name for c in CONTESTANTS].index(name)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
