"""A run with a privacy budget: what it tells, what it refuses, and what a kill costs."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from test_simulate import finished

from fedh2l.cli import main
from fedh2l.error import FedH2LError
from fedh2l.learners.accountant import epsilon_of
from fedh2l.record.ledger import Ledger
from fedh2l.simulation.settings import compose

BUDGET = 8.0
SPENT = re.compile(r"(7\.99|8\.00) of 8")
SMALL: dict[str, Any] = {
    "peers": ["mlp"],
    "domains": 2,
    "rounds": 4,
    "steps": 2,
    "evaluate": 1,
    "epsilon": BUDGET,
    "sampling": 0.1,
}


def ledgers(folder: Path) -> dict[str, Ledger]:
    return {path.stem: Ledger(path) for path in sorted(folder.glob("ledgers/*.jsonl"))}


def steps(ledger: Ledger) -> int:
    return sum(s.steps for s in ledger.spendings)


def flags(settings: dict[str, Any]) -> list[str]:
    words = ["--data", "digits", "--workers", "1"]
    for name, value in settings.items():
        words += [f"--{name}", *(value if isinstance(value, list) else [str(value)])]
    return words


# --- what it tells


def test_a_run_tells_what_each_peer_has_spent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    out = tmp_path / "run"
    with pytest.raises(SystemExit) as end:
        main(["run", *flags(SMALL), "--baselines", "--out", str(out)])
    assert end.value.code == 0
    terminal = capsys.readouterr().out
    assert len(SPENT.findall(terminal)) == 2 and "ε spent: at δ = " in terminal

    summary = json.loads((out / "summary.json").read_text())
    for name, ledger in ledgers(out).items():
        privacy = summary["peers"][name]["privacy"]
        assert privacy["epsilon"] == epsilon_of(ledger.spendings, privacy["delta"]) <= BUDGET
        assert (privacy["steps"], privacy["refused"]) == (8, 0) == (steps(ledger), 0)
        assert privacy["delta"] == 1 / 485**2  # 1/n² of the private rows
    line = json.loads((out / "rounds.jsonl").read_text().splitlines()[0])
    assert 0 < line["peers"]["rot00"]["privacy"]["epsilon"] < BUDGET

    report = (out / "report.html").read_text()
    assert len(SPENT.findall(report)) == 2 and "ε spent" in report
    assert "privacy: ε = 8 for each private row" in report
    # Each baseline is a training of its own, with a ledger of its own.
    assert {p.parent.parent.name for p in out.glob("baselines/*/ledgers/*.jsonl")} == {
        "alone",
        "seed-only",
        "pooled",
    }


def test_a_run_without_a_budget_says_nothing_of_one(tmp_path: Path) -> None:
    settings = {k: v for k, v in SMALL.items() if k not in ("epsilon", "sampling")}
    summary = finished(settings | {"rounds": 1}, tmp_path / "run")
    assert "privacy" not in summary["peers"]["rot00"]
    assert not ledgers(tmp_path / "run")


def test_two_runs_of_one_seed_differ(tmp_path: Path) -> None:
    files = [tmp_path / name / "sent.bin" for name in ("one", "other")]
    for file in files:
        finished(SMALL | {"codec": "float32", "rounds": 2}, file.parent)
    assert files[0].read_bytes() != files[1].read_bytes()


# --- what it refuses


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"algorithm": "fd"}, "what fd says depends on the private rows themselves"),
        ({"algorithm": "fedproto"}, "what fedproto says depends on"),
        ({"algorithm": "fccl"}, "what fccl says depends on"),
        ({"algorithm": "fml"}, "what fml says depends on"),
        ({"algorithm": "selective-fd"}, "what selective-fd says depends on"),
        ({"algorithm": "one-shot", "warmup": 1}, "what one-shot says depends on"),
        ({"batch": 10}, "--batch means nothing with --epsilon"),
    ],
)
def test_what_no_noise_covers_is_refused_before_anything_is_computed(
    changes: dict[str, Any], says: str
) -> None:
    with pytest.raises(FedH2LError, match=re.escape(says)):
        compose(SMALL | changes).resolved()


@pytest.mark.parametrize("method", ["fedavg", "fedmd", "feddf", "kt-pfl", "trust", "one-shot"])
def test_methods_that_ask_the_model_alone_go_on(method: str, tmp_path: Path) -> None:
    by_chance = {"select": "random", "warmup": 1} if method == "one-shot" else {}
    summary = finished(SMALL | {"algorithm": method} | by_chance, tmp_path / "run")
    spent = [peer["privacy"]["epsilon"] for peer in summary["peers"].values()]
    assert all(0 < epsilon <= BUDGET for epsilon in spent)


def test_a_forest_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(FedH2LError, match=r"rot75: a SklearnLearner learns without a gradient"):
        finished(SMALL | {"peers": ["mlp", "forest"]}, tmp_path / "run")


def test_without_opacus_the_extra_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "opacus", None)
    for name in [n for n in sys.modules if n.startswith("opacus.")]:
        monkeypatch.setitem(sys.modules, name, None)
    for name in ("torch_private", "torch_per_row", "accountant"):
        monkeypatch.delitem(sys.modules, f"fedh2l.learners.{name}")
    with pytest.raises(SystemExit) as end:
        main(["run", *flags(SMALL), "--no-baselines", "--out", str(tmp_path / "run")])
    assert end.value.code == 2
    assert "not installed: pip install 'fedh2l[privacy]'" in capsys.readouterr().err
