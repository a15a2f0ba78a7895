"""A run with --keep best: what is kept, that nothing else changes, and what is exported."""

import json
from math import sqrt
from pathlib import Path
from typing import Any

import pytest
from test_simulate import SMALL, finished, lines, states

from fedh2l.cli import main
from fedh2l.error import FedH2LError
from fedh2l.metrics import scores
from fedh2l.record.kept import KEPT, load_kept
from fedh2l.simulation import run_folder
from fedh2l.simulation.build import data_of, peers_of
from fedh2l.simulation.settings import compose, digest_of
from fedh2l.simulation.simulate import Evaluation, simulate

# So fast that some are worse in the end than they were before.
FAST = SMALL | {"rate": 0.3}
KEEP = FAST | {"keep": "best"}
QUICK = ["run", "--rounds", "2", "--peers", "logistic", "--domains", "2", "--workers", "1"]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("kept") / "run"
    return folder, finished(KEEP, folder)


def test_each_peer_is_kept_as_it_was_at_its_latest_round_within_one_error_of_its_best(
    kept: tuple[Path, dict[str, Any]],
) -> None:
    folder, summary = kept
    experiment = compose(KEEP).resolved()
    data, written = data_of(experiment), lines(folder)
    peers = peers_of(experiment, data, experiment.names)
    rounds: dict[str, int] = {}
    for p in peers:
        rows = len(data.domains[p.name].validation[1])
        own = [line["peers"][p.name]["own_accuracy"] for line in written]
        least = max(own) - sqrt(max(own) * (1 - max(own)) / rows)
        rounds[p.name] = max(t for t, accuracy in enumerate(own, 1) if accuracy >= least)
        assert load_kept(folder / KEPT / p.name, p) == rounds[p.name]
        assert summary["peers"][p.name]["kept"]["round"] == rounds[p.name]

        domains = {name: domain.validation for name, domain in data.domains.items()}
        now, then = scores(p.learner, p.name, domains), written[rounds[p.name] - 1]
        assert now["all_domain_accuracy"] == then["peers"][p.name]["all_domain_accuracy"]
        tests = {name: domain.test for name, domain in data.domains.items()}
        tested = scores(p.learner, p.name, tests)["all_domain_accuracy"]
        assert summary["peers"][p.name]["kept"]["all_domain_accuracy"] == tested
    assert min(rounds.values()) < 6, "every peer keeps its last round, so nothing was shown"


def test_nothing_else_changes(kept: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    folder, summary = kept
    plain = finished(FAST, tmp_path / "plain")
    assert lines(tmp_path / "plain") == lines(folder)
    assert states(tmp_path / "plain") == states(folder)
    assert plain["mean"] == summary["mean"] and "kept" not in plain
    assert not (tmp_path / "plain" / KEPT).exists()
    # A run that was begun before there was such a setting can be gone on with.
    assert "keep" not in (tmp_path / "plain" / "config.toml").read_text()
    assert digest_of(compose(FAST)) != digest_of(compose(KEEP))


def test_two_workers_and_a_run_cut_before_its_commit_keep_the_same(
    kept: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    _, summary = kept
    assert finished(KEEP, tmp_path / "two", workers=2)["peers"] == summary["peers"]

    folder = tmp_path / "cut"
    with run_folder.open_new(folder, compose(KEEP).resolved()) as run:
        for event in simulate(list(run.cells.values())):
            # Kept, and not committed: as a kill between the two leaves it.
            if isinstance(event, Evaluation) and event.done == 4:
                break
            run.take(event)
    with run_folder.open_again(folder) as run:
        for event in simulate(list(run.cells.values())):
            run.take(event)
        assert run.finish()["peers"] == summary["peers"]


def test_the_kept_round_is_told_and_exported(
    kept: tuple[Path, dict[str, Any]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    folder, summary = kept
    early = min(summary["peers"], key=lambda name: summary["peers"][name]["kept"]["round"])
    to = "skops" if summary["peers"][early]["model"] == "forest" else "safetensors"
    with pytest.raises(SystemExit):
        main(["export", str(folder), "--peer", early, "--to", to, "--json"])
    answer = json.loads(capsys.readouterr().out)
    assert answer["rounds"] == summary["peers"][early]["kept"]["round"] < 6

    with pytest.raises(SystemExit):
        main([*QUICK, "--keep", "best", "--out", "told"])
    assert capsys.readouterr().out.count("kept rounds, mean") == 1
    told = json.loads(Path("told/summary.json").read_text())
    assert set(told["baselines"]["alone"]["kept"]) == set(told["mean"])


def test_within_a_privacy_budget_no_round_is_chosen() -> None:
    with pytest.raises(FedH2LError, match="--keep best chooses a round by validation rows"):
        compose({"epsilon": 8.0, "peers": ["mlp"], "keep": "best"}).resolved()
