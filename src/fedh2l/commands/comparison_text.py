"""Tables of a comparison as Markdown and as LaTeX (booktabs).

Bold is only what is best beyond doubt: where no 95 % interval of another method overlaps.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fedh2l.record.units import percent, size
from fedh2l.simulation.sweep.intervals import SMALL_IS_GOOD
from fedh2l.simulation.sweep.statistics import EVERYWHERE, Comparison
from fedh2l.simulation.sweep.tables import CellLine, TableLine, table_of

LATEX = str.maketrans(
    {c: "\\" + c for c in "&%$#_{}"}
    | {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}"}
    | {"±": r"$\pm$", "−": "$-$", "–": "--"}
)
MEASURES = {
    "all_domain": "Points of accuracy on all domains",
    "own": "Points of accuracy on the own domain",
    "worst_domain": "Points of accuracy on the worst domain",
    "ece": "Expected calibration error",
    "nll": "Negative log-likelihood in nats",
}
NOTE = "Mean ± sample standard deviation over n seeds, on test rows, in %. "
BOLD = "Bold: best by all-domain accuracy, its 95 % interval overlapping no other's."


@dataclass(frozen=True)
class Words:
    """A table in words: headings, rows, which rows are bold, and what stands below."""

    headings: tuple[str, ...]
    rows: list[tuple[str, ...]]
    bold: tuple[bool, ...]
    left: int  # columns that are text
    note: str


def results(cells: Sequence[CellLine], best: set[tuple[str, str, str]]) -> Words:
    """The means, of every method on every data set in every setting."""
    lines = table_of(cells)
    with_settings = len({line.setting for line in lines}) > 1
    with_data = len({line.data for line in lines}) > 1
    names = ["method", *["data"] * with_data, *["setting"] * with_settings]
    figures = ("n", "own", "all domains", "worst domain", "ECE", "sent per peer", "CPU s")
    rows: list[tuple[str, ...]] = []
    for line in lines:
        places = [line.algorithm, *[line.data] * with_data, *[line.setting] * with_settings]
        rows.append((*places, *_figures(line)))
    bold = tuple((line.algorithm, line.data, line.setting) in best for line in lines)
    note = NOTE + (BOLD if any(bold) else "No method's 95 % interval is clear of all others'.")
    return Words((*names, *figures), rows, bold, len(names), note)


def _figures(line: TableLine) -> tuple[str, ...]:
    return (
        str(line.n),
        spread(line.own_mean, line.own_std),
        spread(line.all_domain_mean, line.all_domain_std),
        percent(line.worst_domain_mean),
        f"{line.ece_mean:.3f}",
        size(line.payload_bytes) if line.payload_bytes else "–",
        f"{line.cpu_seconds:.1f}",
    )


def spread(mean: float, std: float | None) -> str:
    """95.3 ± 0.4, in per cent; of one seed there is no spread."""
    return percent(mean) if std is None else f"{percent(mean)} ± {100 * std:.1f}"


def verdicts(comparisons: Sequence[Comparison]) -> Words:
    """The paired comparisons, with the verdict of each."""
    if not comparisons:
        return Words(("method", "against"), [], (), 2, "No two methods have a seed in common.")
    headings = ("method", "against", "where", "n", "difference", "95 % interval", "p", "verdict")
    rows = [_verdict(c) for c in comparisons]
    return Words(headings, rows, (False,) * len(rows), 3, _note(comparisons))


def _verdict(c: Comparison) -> tuple[str, ...]:
    """One comparison, in the words of its row."""
    parts = [c.data, *[c.setting] * (c.setting not in ("", "default"))]
    # NLL and ECE are no percentages.
    scale, digits = (1, 3) if c.measure in SMALL_IS_GOOD else (100, 1)
    interval = "–"
    if c.low is not None and c.high is not None:
        interval = f"{scale * c.low:+.{digits}f} to {scale * c.high:+.{digits}f}"
    p = "–" if c.p_holm is None else f"{c.p_holm:.3f}"
    return (
        c.method,
        c.against,
        ", ".join(parts),
        str(c.n),
        f"{scale * c.difference:+.{digits}f}",
        interval,
        "< 0.001" if p == "0.000" else p,
        c.verdict,
    )


def _note(comparisons: Sequence[Comparison]) -> str:
    """What was compared, and by which tests."""
    kinds = {"t": "paired t test", "wilcoxon": "Wilcoxon's signed-rank test"}
    over_seeds = sorted({kinds[c.test] for c in comparisons if c.data != EVERYWHERE})
    tests = [f"{test} over seeds" for test in over_seeds]
    if any(c.data == EVERYWHERE for c in comparisons):
        tests.append(f"{kinds['wilcoxon']} of the means over data sets")
    p_of = f"p corrected for these {len(comparisons)} comparisons (Holm)."
    return f"{MEASURES[comparisons[0].measure]}: {', '.join(tests)}; {p_of}"


def markdown(words: Words) -> str:
    """A table that GitHub shows, with its note below."""
    rule = ["---"] * words.left + ["---:"] * (len(words.headings) - words.left)
    lines = [_row(words.headings), _row(rule)]
    for row, bold in zip(words.rows, words.bold, strict=True):
        cells = [cell.replace("|", "\\|") for cell in row]
        lines.append(_row([f"**{cell}**" if bold else cell for cell in cells]))
    return "\n".join([*lines, "", words.note]) + "\n"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def latex(words: Words) -> str:
    """A tabular with the rules of booktabs, for a page that has \\usepackage{booktabs}."""
    columns = "l" * words.left + "r" * (len(words.headings) - words.left)
    bold: Callable[[str], str] = lambda cell: rf"\textbf{{{cell}}}"  # noqa: E731
    lines = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", _latex_row(words.headings)]
    lines.append(r"\midrule")
    for row, is_bold in zip(words.rows, words.bold, strict=True):
        cells = [cell.translate(LATEX) for cell in row]
        lines.append(" & ".join(bold(c) if is_bold else c for c in cells) + r" \\")
    lines += [r"\bottomrule", r"\end{tabular}", f"% {words.note}"]
    return "\n".join(lines) + "\n"


def _latex_row(cells: Sequence[str]) -> str:
    return " & ".join(cell.translate(LATEX) for cell in cells) + r" \\"
