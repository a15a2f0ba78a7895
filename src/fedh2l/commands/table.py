"""Tables for the terminal: one that moves while peers learn, one that stands when they are done."""

import time
from collections.abc import Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from fedh2l.commands.privacy_text import budgets
from fedh2l.record.units import budget, percent, size
from fedh2l.simulation.cells import Cell
from fedh2l.simulation.settings import settings_of
from fedh2l.simulation.simulate import Evaluation, Start


class Display:
    """The live table; where there is no terminal, a plain line per evaluation."""

    def __init__(self, cells: Sequence[Cell], main: str, console: Console) -> None:
        self.main, self.console = main, console
        self.cells = [cell.name for cell in cells]
        self.experiment = next(cell.experiment for cell in cells if cell.name == main)
        self.latest: dict[str, Evaluation] = {}
        self.cell = self.cells[0]
        self.notes_shown = False  # of what was inferred from the data
        self.clock = time.perf_counter()
        self.live = (
            Live(self._table(), console=console, refresh_per_second=4, transient=True)
            if console.is_terminal
            else None
        )

    def __enter__(self) -> "Display":
        if self.live:
            self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.live:
            self.live.stop()

    def show(self, event: Start | Evaluation) -> None:
        """Show how far a cell is."""
        self.cell = event.cell
        if isinstance(event, Start) and not self.notes_shown:
            # A path or a name of the user's is text and not markup.
            for note in event.notes:
                self.console.print(Text(note), soft_wrap=True)
            self.notes_shown = True
        if isinstance(event, Evaluation):
            self.latest[event.cell] = event
        if self.live:
            self.live.update(self._table())
        else:
            self.console.print(self._line(event), highlight=False)

    def _line(self, event: Start | Evaluation) -> str:
        if isinstance(event, Start):
            return f"{event.cell}: {self.experiment.rounds} rounds"
        honest = set(self.experiment.names) - set(self.experiment.honesty.liars)
        both = [
            [p.validation[k] for name, p in event.peers.items() if p.validation and name in honest]
            for k in ("own_accuracy", "all_domain_accuracy")
        ]
        own, everywhere = (percent(sum(v) / len(v)) if v else "·" for v in both)
        return (
            f"  {event.cell} {event.done}/{self.experiment.rounds}  own {own}  all domains "
            f"{everywhere}  (validation, mean over peers)"
        )

    def _table(self) -> RenderableType:
        main, alone = self.latest.get(self.main), self.latest.get("alone")
        data, seed = settings_of(self.experiment)["data"], self.experiment.seed
        title = f"{self.main} on {data}, seed {seed}: validation accuracy, %"
        table = Table(title=title, title_justify="left")
        for heading in ("peer", "model"):
            table.add_column(heading)
        for heading in ("own: alone → now", "all domains: alone → now", "sent"):
            table.add_column(heading, justify="right")
        for name, model in zip(self.experiment.names, self.experiment.models, strict=True):
            cells = [
                f"{_of(alone, name, k)} → {_of(main, name, k)}"
                for k in ("own_accuracy", "all_domain_accuracy")
            ]
            table.add_row(
                name, model, *cells, size(main.peers[name].payload_bytes_sent) if main else "·"
            )
        return Group(table, self._progress())

    def _progress(self) -> Text:
        text = Text()
        for cell in self.cells:
            rounds = self.latest[cell].done if cell in self.latest else 0
            style = "bold" if cell == self.cell else "dim"
            text.append(f"{cell} {rounds}/{self.experiment.rounds}   ", style)
        return text.append(f"{time.perf_counter() - self.clock:.0f} s", "dim")


def _of(event: Evaluation | None, name: str, key: str) -> str:
    scores = None if event is None else event.peers[name].validation
    return percent(None if scores is None else scores[key])  # type: ignore[literal-required]


def final_table(summary: dict[str, Any]) -> RenderableType:
    """The accuracies of each cell on the test sets, and the worth of the exchange."""
    keys = {
        "own": "own_accuracy",
        "all domains": "all_domain_accuracy",
        "worst domain": "worst_domain_accuracy",
    }
    # There is an AUC of two classes only.
    if "all_domain_auc" in summary["mean"]:
        keys |= {"own AUC": "own_auc", "all-domain AUC": "all_domain_auc"}
    table = Table(
        title=f"test accuracy, %: {summary['data']}, seed {summary['seed']}", title_justify="left"
    )
    table.add_column("")
    has_budget = any("privacy" in peer for peer in summary["peers"].values())
    for heading in (*keys, "sent", *(["ε spent"] if has_budget else [])):
        table.add_column(heading, justify="right")
    for name, peer in summary["peers"].items():
        table.add_row(
            f"{name} ({peer['model']})",
            *(percent(peer.get(k)) for k in keys.values()),
            size(peer["payload_bytes_sent"]),
            *([budget(peer.get("privacy"))] if has_budget else []),
        )
    table.add_section()
    for name, mean, amount, style in _means(summary):
        table.add_row(name, *(percent(mean.get(k)) for k in keys.values()), amount, style=style)
    texts = [Text(worth(summary)), Text(traffic(summary), "dim")]
    # Whose figures are not among the means must be said before what the means are.
    if summary.get("liars"):
        texts.insert(0, Text(lies(summary)))
    return Group(table, *texts, *map(Text, [*drops(summary), *budgets(summary)]))


def _means(summary: dict[str, Any]) -> list[tuple[str, dict[str, Any], str, str]]:
    """The method, the rounds that are kept, and each baseline: its scores, bytes and style."""
    method, peers = summary["algorithm"], summary["peers"].values()
    sent = size(sum(p["payload_bytes_sent"] for p in peers) / len(peers))
    lines = [(f"{method}, mean", summary["mean"], sent, "bold")]
    if "kept" in summary:
        lines.append((f"{method}, kept rounds, mean", summary["kept"], "", ""))
    for name, mean in summary["baselines"].items():
        amount = "all data" if name == "pooled" else size(0)
        lines.append((f"{name}, mean", mean, amount, "dim"))
    return lines


def lies(summary: dict[str, Any]) -> str:
    """One sentence: who lied, and how; its means are those of the honest."""
    liars = ", ".join(summary["liars"])
    return f"{summary['attack']} lies of {liars}, who are left out of every mean"


def drops(summary: dict[str, Any]) -> list[str]:
    """A sentence for each sender that a guard dropped: by how many peers, when first, and why."""
    if not summary.get("guard"):
        return []
    by_sender: dict[str, dict[str, dict[str, Any]]] = {}
    for peer, verdicts in summary["verdicts"].items():
        # A liar's own guard tells nothing of the honest.
        if peer in summary["liars"]:
            continue
        for verdict in verdicts:
            if verdict["dropped"]:
                by_sender.setdefault(verdict["sender"], {}).setdefault(peer, verdict)
    if not by_sender:
        return ["the guard dropped nobody"]
    sentences: list[str] = []
    for sender, verdicts in sorted(by_sender.items()):
        first = min(verdicts.values(), key=lambda v: v["round"])
        sentences.append(
            f"the guard of {', '.join(sorted(verdicts))} dropped {sender}, first in round "
            f"{first['round']}: {sender} {first['why']}"
        )
    return sentences


def worth(summary: dict[str, Any]) -> str:
    """One sentence: what the exchange added to the best that needs none."""
    mean, baselines = summary["mean"]["all_domain_accuracy"], summary["baselines"]
    against = next((r for r in ("seed-only", "alone") if r in baselines), None)
    if against is None or summary["algorithm"] == against:
        return "with --baselines the table tells what the exchange is worth"
    gain = 100 * (mean - baselines[against]["all_domain_accuracy"])
    note = f"; {summary['missing']} messages were missing" if summary["missing"] else ""
    return (
        f"the exchange is worth {gain:+.1f} points on all domains against {against}, with "
        f"{labelling(summary['seed_set'])} seeds{note}"
    )


def labelling(seed_set: dict[str, Any]) -> str:
    """How many seed rows have a label, in words."""
    rows, count = seed_set["rows"], seed_set["labelled"]
    if count in (0, rows):
        return "labelled" if count else "unlabelled"
    return f"{count} labelled and {rows - count} unlabelled"


def traffic(summary: dict[str, Any]) -> str:
    """One sentence: what a peer sent, and what it would have sent of weights."""
    peers = list(summary["peers"].values())
    payload, wire = (
        sum(p[k] for p in peers) / len(peers) for k in ("payload_bytes_sent", "wire_bytes_sent")
    )
    text = f"sent per peer: {size(payload)}, about {size(wire)} with TLS and TCP"

    # Of a tree there are no weights that could be averaged.
    weights = [p["weights_bytes"] for p in peers if p["weights_bytes"] is not None]
    if not weights or not payload:
        return text
    return f"{text}; weights would have been {size(sum(weights) / len(weights))}"
