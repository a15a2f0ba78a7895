"""The page of a sweep says which method is the best where, and no bold where intervals overlap."""

import json
import re
from pathlib import Path

import pytest

from fedh2l.cli import main
from fedh2l.commands.pages.sweep_places import places_of
from fedh2l.simulation.sweep.plan_file import PLAN, plan_of, plan_text, read_plan
from fedh2l.simulation.sweep.tables import CellLine, write_tables

PLANNED = {
    "methods": ["fedh2l", "seed-only", "pooled"],
    "data": ["digits"],
    "seeds": 3,
    "common": {"rounds": 4},
    "setting": {"labelled": {}, "few": {"seed_labels": 20, "methods": ["fedh2l"]}},
    "tune": {"fedh2l": {"weight": [1.0, 3.0]}},
}


def cell(method: str, data: str, seed: int, accuracy: float) -> CellLine:
    sent = 0.0 if method in ("seed-only", "pooled") else 4000.0
    return CellLine(
        algorithm=method,
        data=data,
        setting="default",
        seed=seed,
        own=accuracy + 0.1,
        all_domain=accuracy,
        worst_domain=accuracy - 0.1,
        ece=0.05,
        nll=0.5,
        all_domain_auc=None,
        validation_all_domain=accuracy,
        payload_bytes=sent,
        cpu_seconds=1.0,
        cell=f"{method}-{data}-{seed}",
    )


def cells(data: str, means: dict[str, float], spread: float) -> list[CellLine]:
    return [
        cell(method, data, seed, mean + spread * ((seed + shift) % 3 - 1))
        for shift, (method, mean) in enumerate(means.items())
        for seed in range(3)
    ]


CLEAR = cells("digits", {"fedh2l": 0.8, "seed-only": 0.7, "pooled": 0.9}, 0.01)
OVERLAPPING = cells("mnist", {"fedh2l": 0.8, "seed-only": 0.79, "pooled": 0.9}, 0.02)


def test_the_verdict_names_a_best_method_only_where_no_interval_overlaps() -> None:
    clear, overlapping = places_of([*CLEAR, *OVERLAPPING])
    assert clear.best == "fedh2l" and overlapping.best is None  # pooled is no candidate
    assert clear.verdict == (
        "On digits fedh2l is ahead of all others (1): 80.0 ± 1.0 % on all domains, over 3 seeds; "
        "its 95 % interval overlaps none of theirs."
    )
    assert "On mnist no method is ahead of all others" in overlapping.verdict
    assert "intervals overlap" in overlapping.verdict
    (single,) = places_of([cell("fedh2l", "digits", 0, 0.8), cell("alone", "digits", 0, 0.2)])
    assert "80.0 % on all domains, over 1 seed, and of a single seed there is no" in single.verdict


def test_the_page_of_a_sweep(tmp_path: Path) -> None:
    write_tables(tmp_path, [*CLEAR, *OVERLAPPING])
    failed = [{"algorithm": "fedmd", "data": "digits", "setting": "x", "seed": 0, "reason": "<b>"}]
    (tmp_path / "sweep.json").write_text(json.dumps({"cells": 20, "failed": failed}))
    (tmp_path / PLAN).write_text(plan_text(plan_of(PLANNED)))
    with pytest.raises(SystemExit) as end:
        main(["report", str(tmp_path)])
    assert end.value.code == 0

    page = (tmp_path / "report.html").read_text()
    assert "On 1 of 2 data sets and settings one method is ahead of all others" in page
    assert "overlaps none of theirs: fedh2l on 1." in page
    assert re.findall(r"<strong>([^<]*)", page) == ["80.0 ± 1.0"]
    assert page.count('<svg role="img"') == 2 * 2 + 2  # two measures, and bytes, of each data set
    assert "reason: &lt;b&gt;" not in page and "seed 0: &lt;b&gt;" in page
    assert "of 20, 1 failed" in page and "[setting.few]" in page
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids)) and len(page.encode()) < 500_000


def test_the_plan_of_a_sweep_is_kept_as_a_file_that_repeats_it(tmp_path: Path) -> None:
    plan = plan_of(PLANNED)
    (tmp_path / PLAN).write_text(plan_text(plan))
    assert read_plan(tmp_path / PLAN) == plan
