"""What a sweep's file may say, what it means, and what names a cell."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fedh2l.error import FedH2LError
from fedh2l.simulation.settings import compose
from fedh2l.simulation.sweep.fingerprint import name_of_cell
from fedh2l.simulation.sweep.job import Job
from fedh2l.simulation.sweep.plan import groups_of, unequal_steps
from fedh2l.simulation.sweep.plan_file import plan_of
from fedh2l.simulation.sweep.processes import Began, Ended, Moved
from fedh2l.simulation.sweep.remaining import Remaining

METHODS = {"methods": ["fedh2l", "alone", "fedavg"], "seeds": 2}


def test_a_setting_counts_where_it_means_something() -> None:
    content: dict[str, Any] = {
        "common": {"weight": 2.0, "rounds": 9},
        "on": {"digits": {"rounds": 8}},
    }
    content |= {"method": {"fedh2l": {"weight": 4.0}}, "setting": {"a": {}, "b": {"weight": 5.0}}}
    groups, left_out = groups_of(plan_of(METHODS | content))
    weights = {g.names: getattr(g.experiment.algorithm, "weight", None) for g in groups}
    assert weights == {
        ("fedh2l", "digits", "a"): 4.0,
        ("alone", "digits", "a"): None,
        ("fedh2l", "digits", "b"): 5.0,
        ("alone", "digits", "b"): None,
    }
    assert {g.experiment.rounds for g in groups} == {8}
    # FedAvg cannot run between unlike models: it is left out, and the reason told.
    assert {(one.algorithm, one.setting) for one in left_out} == {("fedavg", "a"), ("fedavg", "b")}
    assert "averages weights" in left_out[0].reason


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ({"methods": []}, "no methods"),
        ({"methods": ["fedhl2"]}, "did you mean 'fedh2l'"),
        ({"data": ["digit"]}, "did you mean 'digits'"),
        ({"rounds": 3}, r"rounds stands in no table; .* below \[common\]"),
        ({"comon": {}}, "did you mean 'common'"),
        ({"common": {"roundz": 3}}, r"\[common\]: unknown setting 'roundz': did you mean 'rounds'"),
        ({"common": {"rounds": 0}}, "rounds is 0; it must be 1 or more"),
        ({"common": {"turn": 10.0}}, "turn is a setting of data skewed-mnist"),
        ({"common": {"seed": 3}}, "put it into the list seeds"),
        ({"method": {"fedprox": {}}}, "unknown table"),
        (
            {"method": {"alone": {"weight": 1.0}}},
            "setting of algorithm fedh2l and fd and 11 more, not of alone",
        ),
        ({"on": {"rotated-mnist": {}}}, "unknown table"),
        ({"seeds": [1, 1]}, "twice"),
        ({"seeds": ["a"]}, "expected a list of numbers"),
        ({"tune": {"fedh2l": {"weight": 1.0}}}, "expected a list"),
        ({"common": {"peers": ["lennet"]}}, "did you mean 'lenet'"),
        ({"setting": {"a": {"methods": ["pooled"]}}}, "unknown method of"),
    ],
)
def test_what_means_nothing_is_refused(content: dict[str, Any], complaint: str) -> None:
    with pytest.raises(FedH2LError, match=complaint):
        groups_of(plan_of(METHODS | content))


def test_unequal_steps_are_told() -> None:
    plan = plan_of(METHODS | {"method": {"fedh2l": {"steps": 5}}, "common": {"rounds": 2}})
    (sentence,) = unequal_steps(groups_of(plan)[0])
    assert sentence == "digits, default: not at equal local steps: fedh2l 10; alone 20"
    assert unequal_steps(groups_of(plan_of(METHODS))[0]) == []


def test_a_cell_is_named_by_all_that_decides_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "mine.py"
    own.write_text("def model(seed_set): ...\n")
    experiment = compose({"domains": 2, "peers": ["mine.py:model"]}).resolved()
    first = name_of_cell(experiment)
    assert name_of_cell(replace(experiment, seed=0)) == first
    assert name_of_cell(replace(experiment, seed=1)) != first
    assert name_of_cell(replace(experiment, rate=0.1)) != first
    own.write_text("def model(seed_set): return None\n")
    assert name_of_cell(experiment) != first


def test_the_data_names_the_cell_too(tmp_path: Path) -> None:
    path, names = tmp_path / "clinic.csv", set[str]()
    for value in (1, 2):
        # Another file name each time: within one process a data set is read once.
        path = path.with_stem(f"clinic{value}")
        lines = [f"{i},{i % 7 * value},{'ab'[i % 2]}" for i in range(60)]
        path.write_text("\n".join(["f,g,label", *lines]))
        place = tmp_path / str(value) / "clinic.csv"
        place.parent.mkdir()
        place.write_text(path.read_text())
        settings = {"data": str(place), "label": "label", "peers": ["logistic"], "domains": 2}
        names.add(name_of_cell(compose(settings).resolved()))
    assert len(names) == 2


def test_the_remaining_time_is_of_what_was_seen() -> None:
    now = 0.0
    experiment = compose({"rounds": 10}).resolved()
    jobs = [Job(name, experiment, Path(name), Path(name)) for name in "abcd"]
    kinds = {"a": ("x", "d"), "b": ("x", "d"), "c": ("y", "d"), "d": ("y", "d")}
    remaining = Remaining(jobs, kinds, 1, clock=lambda: now)
    assert remaining.seconds() is None  # nothing is known yet
    for news in (Began("a"), Moved("a", 0)):
        remaining.take(news)
    now = 10.0
    remaining.take(Moved("a", 5))
    # Half a cell in 10 s: half of it, and three whole ones, are left.
    assert remaining.seconds() == pytest.approx(10 + 3 * 20)
    now = 20.0
    remaining.take(Ended("a"))
    for news in (Began("c"), Moved("c", 8)):  # one that goes on where it was killed
        remaining.take(news)
    now = 21.0
    remaining.take(Moved("c", 9))
    # A tenth of c took 1 s: c has 1 s left, d 10 s, b 20 s.
    assert remaining.seconds() == pytest.approx(1 + 10 + 20)
    for name in "bcd":
        remaining.take(Ended(name))
    assert remaining.seconds() == 0
