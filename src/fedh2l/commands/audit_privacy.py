"""`fedh2l audit --privacy`: what a peer's messages tell of its private rows, as a table."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from fedh2l.record.units import duration
from fedh2l.simulation.leak.finds import ATTACKS
from fedh2l.simulation.leak.membership import Audit, Computed, Plan

MEASURES = {
    "tpr_at_0.01": "TPR at 1 % FPR",
    "tpr_at_0.001": "at 0.1 % FPR",
    "auc": "AUC",
}
TOO_FEW = "too few rows"


def audit_privacy(folder: Path, plan: Plan, *, as_json: bool) -> None:
    """Compute the worlds that are not there yet, and tell what they say together. Exits with 1
    where a guarantee is broken.
    """
    audit = Audit(folder, plan)
    try:
        _show_progress(audit.worlds(), plan.worlds, Console(stderr=True))
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on with the next world", file=sys.stderr)
        sys.exit(130)
    result = audit.result()
    if as_json:
        print(json.dumps(result, indent=1))
    else:
        console = Console()
        console.print(_table(folder, result))
        for sentence in sentences(result):
            console.print(Text(sentence))
        console.print(Text(f"all of it, as JSON: {audit.path}"))
    if result["stated"] is not None and result["stated"]["is_broken"]:
        sys.exit(1)


def _show_progress(worlds: Iterable[Computed], count: int, console: Console) -> None:
    taken: list[float] = []
    for computed in worlds:
        done = f"world {computed.world + 1}/{count}"
        if computed.seconds is None:
            console.print(f"{done}  was there", highlight=False)
            continue
        taken.append(computed.seconds)
        left = (count - computed.world - 1) * sum(taken) / len(taken)
        words = f"{done}  {duration(computed.seconds)}, about {duration(left)} left"
        console.print(words, highlight=False)


def _table(folder: Path, result: dict[str, Any]) -> Table:
    title = Text(f"what the messages of {result['peer']} tell of its private rows: {folder}")
    table = Table(title=title, title_justify="left")
    table.add_column("guessed from, %")
    for heading in MEASURES.values():
        table.add_column(heading, justify="right")
    for name, words in ATTACKS.items():
        attack = result["attacks"][name]
        table.add_row(words, *(_cell(attack[key]) for key in MEASURES))
    table.add_section()
    table.add_row("guessing blindly", "1.0", "0.1", "50.0", style="dim")
    return table


def _cell(rate: dict[str, float] | None) -> str:
    if rate is None:
        return TOO_FEW
    value, low, high = (f"{100 * rate[key]:.1f}" for key in ("value", "low", "high"))
    return f"{value} ({low}–{high})"


def sentences(result: dict[str, Any]) -> list[str]:
    """How it was found out, and what follows for ε."""
    count, canaries = result["candidates"], result["canaries"]
    rows = f"a random half of its {count} rows in each"
    if canaries is not None:
        rows = f"{count} canaries, rows with a wrong label, each in half of them"
    others = "every peer learnt anew"
    if result["others"] == "replayed":
        others = "the others said what they had said in the run, an approximation"
    if result["surrogate"] != result["model"]:
        others += f"; the attacker's model is of the kind {result['surrogate']}"
    took = duration(result["seconds"])
    told = [
        f"{result['worlds']} worlds in {took}: {result['peer']} ({result['model']}) learnt {rows}; "
        f"{others}",
        f"{result['learnt']} times a row was learnt, {result['not_learnt']} times it was not; "
        "intervals of 95 %",
    ]
    return [*told, on_epsilon(result["epsilon_at_least"], result["stated"])]


def on_epsilon(least: float, stated: dict[str, Any] | None) -> str:
    """What the finds say of ε, beside what is stated."""
    if stated is None:
        return f"a guarantee (ε, δ = 0) would have ε ≥ {least:.2f} (95 %); none is stated"
    words = f"ε ≥ {least:.2f} at δ = {stated['delta']:.1g} (95 %), and ε = {stated['epsilon']:.2f}"
    if stated["is_broken"]:
        return f"BROKEN: {words} is stated: more is found out than the guarantee allows"
    return f"{words} is stated: this attack does not contradict it"
