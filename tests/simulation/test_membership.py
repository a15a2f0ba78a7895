"""The audit has power, and finds nothing where there is nothing; what it replays is the run."""

import json
from pathlib import Path
from typing import Any

import pytest

from fedh2l.error import FedH2LError
from fedh2l.loop import run
from fedh2l.simulation import run_folder
from fedh2l.simulation.build import data_of, peers_of
from fedh2l.simulation.leak import surrogate
from fedh2l.simulation.leak.membership import Audit, Plan
from fedh2l.simulation.leak.replay import Recorded, frames_of_run
from fedh2l.simulation.settings import compose
from fedh2l.simulation.simulate import simulate

BLIND = """
import torch
from fedh2l.learners.torch import TorchLearner

def model(seed_set, rows=None, training=None):
    '''It learns the seed rows only, whatever its private rows are.'''
    torch.manual_seed(training.seed)
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))
    labels = torch.arange(len(seed_set)) % 10
    adam = torch.optim.Adam(net.parameters(), 3e-3)
    return TorchLearner(net, adam, (seed_set.x, labels), seed=training.seed)
"""
# 72 rows a peer, learnt by heart.
BY_HEART: dict[str, Any] = {
    "peers": ["mlp"],
    "domains": 3,
    "rounds": 6,
    "steps": 40,
    "seed_share": 0.8,
    "views": False,
}


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Surrogates that learn little, where what they find out does not matter."""
    monkeypatch.setattr(surrogate, "STEPS", 30)


def finished(folder: Path, **settings: Any) -> Path:
    with run_folder.open_new(folder, compose(settings).resolved()) as run_:
        for event in simulate(list(run_.cells.values())):
            run_.take(event)
        run_.finish()
    return folder


def result_of(folder: Path, **plan: Any) -> dict[str, Any]:
    audit = Audit(folder, Plan(**plan))
    for _ in audit.worlds():
        continue
    return audit.result()


def test_a_peer_that_learns_as_it_did_says_what_it_said(tmp_path: Path) -> None:
    """To the bit, with absences, losses and a graph."""
    settings = {"peers": ["mlp", "forest"], "domains": 4, "rounds": 6, "steps": 2, "graph": "ring"}
    folder = finished(tmp_path / "r", **settings, participation=0.7, loss=0.3)
    experiment = run_folder.open_again(folder).experiment
    for name in ("rot00", "rot25"):
        frames = frames_of_run(folder, name)
        peers = peers_of(experiment, data_of(experiment), [name])
        exchange = Recorded(frames, experiment.exchange())
        again = run(experiment.played, peers, exchange, rounds=6, codec=experiment.codec)
        assert {r.t: r.frames[name] for r in again} == {t: f[name] for t, f in frames.items()}


def test_canaries_of_a_model_that_learns_by_heart_are_told_apart(tmp_path: Path) -> None:
    result = result_of(finished(tmp_path / "r", **BY_HEART), worlds=6, canaries=34)
    sent, own = result["attacks"]["surrogate"], result["attacks"]["own"]
    assert sent["auc"]["low"] > 0.85 and own["auc"]["low"] > 0.95
    assert own["tpr_at_0.01"]["low"] > 0.5
    assert result["epsilon_at_least"] > 1
    assert result["learnt"] == result["not_learnt"] == 3 * 34


@pytest.mark.slow
def test_more_than_a_fifth_of_the_rows_that_are_learnt_by_heart_are_found(tmp_path: Path) -> None:
    """By what was sent, at 1 % false alarms; the final model itself gives far more of them away."""
    result = result_of(finished(tmp_path / "r", **BY_HEART | {"rounds": 12}), worlds=16)
    sent, own = result["attacks"]["surrogate"], result["attacks"]["own"]
    assert sent["tpr_at_0.01"]["low"] > 0.2
    assert own["tpr_at_0.01"]["low"] > sent["tpr_at_0.01"]["high"]
    assert result["attacks"]["threshold"]["tpr_at_0.01"]["high"] < 0.15


def test_a_model_that_never_saw_the_private_rows_tells_nothing_of_them(tmp_path: Path) -> None:
    (tmp_path / "blind.py").write_text(BLIND)
    peers = ["mlp", f"rot00={tmp_path / 'blind.py'}:model"]
    folder = finished(tmp_path / "r", **BY_HEART | {"peers": peers, "steps": 5})
    result = result_of(folder, worlds=8)
    for attack in result["attacks"].values():
        assert attack["auc"]["low"] <= 0.5 <= attack["auc"]["high"]
        assert attack["tpr_at_0.01"]["low"] <= 0.02
    assert result["epsilon_at_least"] < 0.5


@pytest.mark.usefixtures("hasty")
def test_worlds_are_kept_and_one_that_is_lost_is_the_same_again(tmp_path: Path) -> None:
    folder = finished(tmp_path / "r", **BY_HEART | {"rounds": 2, "steps": 2})
    result_of(folder, worlds=6)
    files = sorted((folder / "audit" / "rot00").rglob("*.safetensors"))
    before = Audit(folder, Plan(worlds=6)).evidence()[0]
    files[0].unlink()
    computed = [c.world for c in Audit(folder, Plan(worlds=8)).worlds() if c.seconds is not None]
    assert computed == [0, 6, 7]
    again = Audit(folder, Plan(worlds=8))
    assert (again.evidence()[0].surrogate == before.surrogate).all()

    files[0].write_bytes(files[0].read_bytes()[:-9])
    with pytest.raises(FedH2LError, match="delete it: it is computed"):
        again.result()
    assert json.loads((folder / "audit" / "rot00" / "rows.json").read_text())["worlds"] == 6


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize(
    ("settings", "plan", "complaint"),
    [
        ({"algorithm": "fedavg"}, {}, "sent weights"),
        ({"algorithm": "fd"}, {}, "says something of classes"),
        ({"algorithm": "alone"}, {}, "nothing was ever sent"),
        ({}, {"peer": "rot7"}, "did you mean 'rot75'"),
        ({}, {"canaries": 1000}, "fewer --canaries"),
        ({}, {"surrogate": "mpl"}, "did you mean 'mlp'"),
    ],
)
def test_what_cannot_be_audited_is_refused(
    settings: dict[str, Any], plan: dict[str, Any], complaint: str, tmp_path: Path
) -> None:
    folder = finished(tmp_path / "r", peers=["mlp"], domains=2, rounds=2, steps=2, **settings)
    with pytest.raises(FedH2LError, match=complaint):
        result_of(folder, **{"worlds": 6} | plan)


@pytest.mark.usefixtures("hasty")
def test_a_forest_is_attacked_by_a_network(tmp_path: Path) -> None:
    folder = finished(tmp_path / "r", peers=["forest"], domains=2, rounds=2, steps=2)
    assert result_of(folder, worlds=6)["surrogate"] == "mlp"
    assert result_of(folder, worlds=6, surrogate="forest")["surrogate"] == "forest"


def test_other_data_are_refused(tmp_path: Path) -> None:
    folder = finished(tmp_path / "r", peers=["mlp"], domains=2, rounds=2, steps=2)
    config = folder / "config.toml"
    config.write_text(config.read_text().replace("seed = 0", "seed = 1"))
    with pytest.raises(FedH2LError, match="not those of the run"):
        Audit(folder, Plan())


@pytest.mark.parametrize(("plan", "complaint"), [({"worlds": 7}, "even"), ({"canaries": 0}, "one")])
def test_a_plan_that_cannot_be_is_refused(plan: dict[str, Any], complaint: str) -> None:
    with pytest.raises(FedH2LError, match=complaint):
        Plan(**plan)
