"""Paired tests, their correction and average ranks, held to worked examples and to SciPy."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from test_simulate import finished

from fedh2l.commands.comparison_text import latex, markdown, results, verdicts
from fedh2l.commands.rank_diagram import rank_diagram
from fedh2l.error import FedH2LError
from fedh2l.simulation.sweep.intervals import clearly_best
from fedh2l.simulation.sweep.ranks import critical_difference, ranks_of
from fedh2l.simulation.sweep.sources import cells_of_all
from fedh2l.simulation.sweep.statistics import EVERYWHERE, compared, holm
from fedh2l.simulation.sweep.tables import CellLine, write_tables


def cells(
    method: str, values: list[float], data: str = "digits", setting: str = "default"
) -> list[CellLine]:
    return [
        CellLine(method, data, setting, seed, v, v, v, 0.1, 0.2, None, v, 1000.0, 1.0, "x")
        for seed, v in enumerate(values)
    ]


GOOD = [0.91, 0.93, 0.92, 0.94, 0.95]
FAIR = [0.90, 0.915, 0.91, 0.925, 0.945]
POOR = [0.5, 0.62, 0.55, 0.6, 0.53]


def test_holm_by_hand() -> None:
    # .01 × 4, .02 × 3, .03 × 2, and the last may not be below the one before.
    assert holm([0.03, 0.01, 0.05, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


def test_a_paired_test_sees_what_the_spread_of_each_hides() -> None:
    every = cells("a", GOOD) + cells("b", FAIR) + cells("c", POOR)
    first, second = compared(every, "a")
    assert (first.method, first.against, first.n) == ("b", "a", 5)
    assert first.difference == pytest.approx(np.mean(FAIR) - np.mean(GOOD))
    known = float(stats.ttest_rel(FAIR, GOOD).pvalue)
    assert first.p == pytest.approx(known)
    # Of two p values the larger is as it was, the smaller is doubled.
    assert second.p is not None and second.p < known
    assert (second.p_holm, first.p_holm) == (pytest.approx(2 * second.p), pytest.approx(known))
    assert (first.verdict, second.verdict) == ("worse", "worse")
    interval = stats.ttest_rel(FAIR, GOOD).confidence_interval()
    assert (first.low, first.high) == (pytest.approx(interval.low), pytest.approx(interval.high))


@pytest.mark.parametrize(
    ("count", "test", "words"),
    [
        (1, "t", "too few to say: n = 1"),
        (2, "t", "too few to say: n = 2, needs 3"),
        (5, "wilcoxon", "too few to say: n = 5, Wilcoxon's test needs 6"),
    ],
)
def test_of_too_few_nothing_is_said(count: int, test: str, words: str) -> None:
    every = cells("a", GOOD[:count]) + cells("b", POOR[:count])
    (only,) = compared(every, test=test)  # type: ignore[arg-type]
    assert (only.p, only.p_holm) == (None, None)
    assert only.verdict.startswith(words)


def test_equal_methods_do_not_differ() -> None:
    (only,) = compared(cells("a", GOOD) + cells("b", GOOD))
    assert (only.difference, only.p, only.verdict) == (0.0, 1.0, "no difference shown")


def test_a_spread_of_rounding_alone_says_nothing() -> None:
    # 0.3 - 0.2 and 0.4 - 0.3 differ in their last bits: t would be beyond all bounds.
    (only,) = compared(cells("a", [0.2, 0.3, 0.8]) + cells("b", [0.3, 0.4, 0.9]))
    assert (only.p, only.verdict) == (None, "no spread to judge by")


def test_only_seeds_that_both_have_are_paired() -> None:
    (only,) = compared(cells("a", GOOD) + cells("b", POOR)[2:])
    assert only.n == 3
    assert compared(cells("a", GOOD) + cells("b", POOR, data="other")) == []


def test_a_small_error_is_the_better_one() -> None:
    (only,) = compared(cells("a", GOOD) + cells("b", POOR), measure="ece")
    assert only.verdict == "no difference shown"  # both 0.1
    with pytest.raises(FedH2LError, match="unknown measure"):
        compared(cells("a", GOOD), measure="accuracy")
    with pytest.raises(FedH2LError, match="unknown method to compare with"):
        compared(cells("a", GOOD), "b")


def test_over_data_sets_the_means_are_compared() -> None:
    every: list[CellLine] = []
    for i in range(6):
        every += cells("a", [v - i / 50 for v in GOOD], data=f"d{i}")
        every += cells("b", [v - i / 60 for v in FAIR], data=f"d{i}")
    *single, over_all = compared(every)
    assert len(single) == 6 and over_all.data == EVERYWHERE
    assert (over_all.n, over_all.test) == (6, "wilcoxon")
    means = [c.difference for c in single]
    assert over_all.p == pytest.approx(stats.wilcoxon(means).pvalue)
    # With fewer places the test cannot reach 5 % whatever it sees, and says so.
    few = compared([c for c in every if c.data in ("d0", "d1")])[-1]
    assert few.verdict == "too few to say: n = 2, Wilcoxon's test needs 6"


def test_settings_of_one_data_set_are_not_several_data_sets() -> None:
    """Two settings of the same rows are one witness: its mean."""
    every = cells("a", GOOD) + cells("b", FAIR)
    every += cells("a", GOOD, setting="other") + cells("b", POOR, setting="other")
    assert [c.data for c in compared(every)] == ["digits", "digits"]
    every += cells("a", GOOD, data="more") + cells("b", FAIR, data="more")
    over_all = compared(every)[-1]
    assert (over_all.data, over_all.n) == (EVERYWHERE, 2)
    near, far = np.mean(FAIR) - np.mean(GOOD), np.mean(POOR) - np.mean(GOOD)
    assert over_all.difference == pytest.approx((near + (near + far) / 2) / 2)


def test_bold_is_only_what_overlaps_nobody() -> None:
    both = cells("a", GOOD) + cells("b", FAIR) + cells("c", POOR)
    assert clearly_best(both) == set()  # b is within a's interval
    assert clearly_best(cells("a", GOOD) + cells("c", POOR)) == {("a", "digits", "default")}
    # What has everybody's rows is no candidate, and of one seed nothing is said.
    assert clearly_best(cells("a", GOOD) + cells("c", POOR) + cells("p", [0.99] * 5), ["p"])
    assert clearly_best(cells("a", GOOD[:1]) + cells("c", POOR[:1])) == set()


def test_tables_as_markdown_and_latex() -> None:
    every = cells("a_b", GOOD) + cells("c", POOR)
    words = results(every, clearly_best(every))
    lines = markdown(words).splitlines()
    assert lines[0].startswith("| method | n | own | all domains |")
    assert lines[2].startswith("| **a_b** | **5** | **93.0 ± 1.6** |")
    assert lines[3].startswith("| c | 5 | 56.0 ± 4.9 |")
    text = latex(words)
    assert r"\textbf{a\_b} & \textbf{5} & \textbf{93.0 $\pm$ 1.6}" in text
    assert all(rule in text for rule in (r"\toprule", r"\midrule", r"\bottomrule"))
    text = markdown(verdicts(compared(every)))
    assert "| c | a_b | digits | 5 | -37.0 |" in text
    assert "corrected for these 1 comparisons (Holm)" in text


def test_the_critical_difference_is_that_of_the_published_table() -> None:
    """Demšar 2006, table 5: q at 5 % of 2, 4 and 10 methods; and its example, 4 methods on 14."""
    for methods, q in ((2, 1.960), (4, 2.569), (10, 3.164)):
        expected = q * np.sqrt(methods * (methods + 1) / (6 * 14))
        assert critical_difference(methods, 14) == pytest.approx(expected, abs=2e-3)
    assert critical_difference(4, 14) == pytest.approx(1.25, abs=0.01)


def test_ranks_over_data_sets_and_their_diagram() -> None:
    every: list[CellLine] = []
    for i in range(5):
        every += cells("first", [0.9], data=f"d{i}")
        every += cells("tied", [0.8], data=f"d{i}")
        every += cells("also", [0.8], data=f"d{i}")
        every += cells("last", [0.1 + i / 100], data=f"d{i}")
    ranks = ranks_of(every)
    assert ranks is not None
    assert ranks.average == {"first": 1.0, "tied": 2.5, "also": 2.5, "last": 4.0}
    assert ranks.alike == [(1.0, 2.5), (2.5, 4.0)]  # the critical difference is 2.1
    assert ranks.friedman < 0.01
    picture = rank_diagram(ranks)
    assert picture == rank_diagram(ranks)
    assert "first 1.00" in picture and "CD = 2.10" in picture
    # Four data sets, or two methods, are too few for a diagram.
    assert ranks_of([c for c in every if c.data != "d0"]) is None
    assert ranks_of([c for c in every if c.algorithm in ("first", "last")]) is None


def test_sweeps_that_disagree_are_told_apart(tmp_path: Path) -> None:
    for name, values in (("one", GOOD), ("two", GOOD), ("three", POOR)):
        (tmp_path / name).mkdir()
        write_tables(tmp_path / name, cells("a", values) + cells("b", FAIR))
    same = cells_of_all([tmp_path / "one", tmp_path / "two"])
    assert len(same) == 10 and {c.setting for c in same} == {"default"}
    other = cells_of_all([tmp_path / "one", tmp_path / "three"])
    assert len(other) == 20
    assert {c.setting for c in other} == {f"default, {tmp_path / n}" for n in ("one", "three")}
    with pytest.raises(FedH2LError, match="neither a sweep nor a finished run"):
        cells_of_all([tmp_path])


def test_runs_are_told_apart_by_what_differs_in_their_configurations(tmp_path: Path) -> None:
    settings = {"domains": 2, "peers": ["logistic"], "rounds": 1, "steps": 1, "views": False}
    for name, more in (("a", {}), ("b", {"seed": 1}), ("c", {"unlabelled": True})):
        finished(settings | more, tmp_path / name, baselines=name != "c")
    # Another seed is no other setting.
    same = cells_of_all([tmp_path / "a", tmp_path / "b"])
    assert {c.setting for c in same} == {"default"}
    assert [(c.algorithm, c.seed) for c in same] == [
        (method, seed) for seed in (0, 1) for method in ("fedh2l", "alone", "seed-only", "pooled")
    ]
    assert all((c.payload_bytes > 0) == (c.algorithm == "fedh2l") for c in same)
    assert all(c.cpu_seconds > 0 and 0 < c.ece < 1 for c in same)

    other = cells_of_all([tmp_path / "a", tmp_path / "c"])
    assert {c.setting for c in other} == {"unlabelled=False", "unlabelled=True"}
