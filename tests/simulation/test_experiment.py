"""An experiment is composed of a data set and a method, each with its own settings and defaults."""

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path

import pytest

from fedh2l.algorithms import ALGORITHMS
from fedh2l.algorithms.baselines import Alone, Pooled, SeedOnly
from fedh2l.algorithms.fedavg import FedAvg
from fedh2l.algorithms.fedh2l import FedH2L
from fedh2l.algorithms.fedprox import FedProx
from fedh2l.data import DATASETS
from fedh2l.data.rotated_mnist import RotatedMnist
from fedh2l.error import FedH2LError
from fedh2l.simulation.build import data_of, peer_seed, peers_of
from fedh2l.simulation.cells import cells_of
from fedh2l.simulation.config_file import config_text, read_config
from fedh2l.simulation.experiment import Experiment
from fedh2l.simulation.settings import compose, digest_of, kinds_of, own_fields, settings_of


def test_what_is_not_named_is_the_default_of_its_own_class() -> None:
    assert compose({}) == Experiment(algorithm=FedH2L())
    for name, kind in ALGORITHMS.items():
        assert compose({"algorithm": name}).algorithm == kind()
    for name, kind in DATASETS.items():
        assert compose({"data": name}).data == kind()


def test_settings_reach_the_method_under_their_names() -> None:
    others = {
        "weight": 10.0,
        "conflict": "both",
        "temperature": 2.0,
        "teachers": "owner",
        "reuse": 1,
        "own": False,
        "exchange": "batch",
        "top": 3,
        "warmup": 2,
    }
    assert compose(others).algorithm == FedH2L(**others)  # type: ignore[arg-type]
    assert compose({"algorithm": "fedprox", "proximal": 0.3}).algorithm == FedProx(proximal=0.3)


def test_no_two_parts_have_a_setting_of_one_name() -> None:
    for data in DATASETS:
        for algorithm in ALGORITHMS:
            names = [f.name for f in own_fields()]
            for kind in kinds_of(data, algorithm).values():
                names += [f.name for f in fields(kind)]
            assert len(set(names)) == len(names), (data, algorithm)


@pytest.mark.parametrize("data", DATASETS)
def test_one_kind_of_peer_fills_every_domain(data: str) -> None:
    experiment = compose({"data": data, "peers": ["lenet"]}).resolved()
    assert experiment.models == ["lenet"] * len(DATASETS[data]().models)
    assert len(experiment.names) == len(set(experiment.names)) == len(experiment.models)
    three = compose({"data": data, "peers": ["lenet", "mlp"], "domains": 3}).resolved()
    assert three.models == ["lenet", "mlp", "lenet"]


def test_a_domain_may_have_a_model_of_its_own() -> None:
    named = compose({"peers": ["rot38=forest", "mlp", "lenet"], "domains": 5}).resolved()
    assert named.models == ["mlp", "lenet", "forest", "mlp", "lenet"]
    assert compose(settings_of(named)) == named
    # Domains that nobody gave a model have the usual ones.
    one = compose({"peers": ["rot00=forest"]}).resolved()
    assert one.models == ["forest", "mlp", "lenet", "resnet", "batchnorm-cnn"]
    all_of_two = compose({"peers": ["rot00=forest", "rot75=mlp"], "domains": 2}).resolved()
    assert all_of_two.peers == ("rot00=forest", "rot75=mlp")


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"peers": ["rot0=mlp"]}, "unknown domain of --peers 'rot0': did you mean 'rot00'"),
        ({"peers": ["rot00=mlpp"]}, "unknown model 'mlpp': did you mean 'mlp'"),
        ({"peers": ["rot00=mlp", "rot00=forest"]}, "gives rot00 two models, mlp and forest"),
        ({"data": "digit"}, "unknown data 'digit': did you mean 'digits'"),
        ({"algorithm": "fedhl2"}, "did you mean 'fedh2l'"),
        ({"algorithm": 3}, "unknown algorithm '3'"),
        ({"peers": ["mlp", "lennet"]}, "unknown model 'lennet': did you mean 'lenet'"),
        ({"rounds": 0}, "rounds is 0; it must be 1 or more"),
        ({"rounds": 10**9}, "rounds is 1000000000; it must be .* or less"),
        ({"rate": float("nan")}, "rate is nan, expected a finite number"),
        ({"rate": float("inf")}, "rate is inf, expected a finite number"),
        ({"weight": -1.0}, "weight is -1.0; it must be 0 or more"),
        ({"seed_share": 1.5}, "seed_share is 1.5"),
        ({"roundz": 3}, "unknown setting 'roundz': did you mean 'rounds'"),
        ({"proximal": 0.1}, "proximal is a setting of algorithm fedprox, not of fedh2l"),
        ({"turn": 10.0}, "turn is a setting of data skewed-mnist, not of digits"),
        ({"warmup": 24}, "warmup is 24 of 24 rounds"),
        ({"unlabelled": True, "algorithm": "seed-only"}, "use --algorithm alone"),
        ({"algorithm": "fedavg"}, "use --peers mlp, or --algorithm fedh2l"),
        ({"graph": "rnig"}, "did you mean 'ring'"),
        ({"graph": "regular", "degree": 9}, "has degree 9"),
        ({"peers": []}, "no peers"),
    ],
)
def test_refusals_name_the_near_miss_or_the_fix(wrong: dict[str, object], complaint: str) -> None:
    with pytest.raises(FedH2LError, match=complaint):
        compose(wrong).resolved()


@pytest.mark.parametrize(
    ("idle", "complaint"),
    [
        ({"degree": 4}, "degree is 4, and a graph that is full has none"),
        ({"graph": "ring", "degree": 2}, "a graph that is ring has none"),
        ({"views": False, "view": "shift"}, "--view means nothing with --no-views"),
        ({"views": False, "every": 5}, "--every means nothing with --no-views"),
        ({"views": False, "mixtures": True}, "--mixtures means nothing with --no-views"),
    ],
)
def test_a_setting_that_would_change_nothing_is_refused(
    idle: dict[str, object], complaint: str
) -> None:
    with pytest.raises(FedH2LError, match=complaint):
        compose(idle).resolved()


@pytest.mark.parametrize("data", DATASETS)
def test_without_views_there_are_no_mixtures_and_the_stored_experiment_runs_again(
    data: str,
) -> None:
    experiment = compose({"data": data, "views": False}).resolved()
    assert experiment.views.mixtures is False
    assert experiment.resolved() == experiment


def test_baselines_take_their_steps_from_the_method_of_the_run() -> None:
    experiment = compose({"steps": 7, "seed_batch": 5, "reuse": 2, "weight": 9.0}).resolved()
    cells = {c.name: c for c in cells_of(experiment, Path("run"), baselines=True)}
    assert list(cells) == ["alone", "fedh2l", "seed-only", "pooled"]
    assert cells["alone"].experiment.algorithm == Alone(steps=7)
    assert cells["seed-only"].experiment.algorithm == SeedOnly(steps=7, seed_batch=5, reuse=2)
    assert cells["pooled"].experiment.algorithm == Pooled(steps=7, seed_batch=5)
    assert cells["fedh2l"].experiment == experiment
    assert (cells["fedh2l"].folder, cells["alone"].folder) == (
        Path("run"),
        Path("run/baselines/alone"),
    )
    assert len({digest_of(c.experiment) for c in cells.values()}) == 4

    unlabelled = replace(experiment, unlabelled=True)
    names = [c.name for c in cells_of(unlabelled, None, baselines=True)]
    assert names == ["alone", "fedh2l", "pooled"]
    alone = replace(experiment, algorithm=Alone())
    assert next(c.name for c in cells_of(alone, None, baselines=True)) == "alone"
    assert [c.name for c in cells_of(experiment, None, baselines=False)] == ["fedh2l"]


def test_a_method_with_defaults_of_its_own_is_run_with_them() -> None:
    # Both have a field of this name, and another default: none is filled from the other.
    assert compose({"algorithm": "fedavg", "seed_batch": 0}).algorithm == FedAvg(seed_batch=0)
    assert compose({"algorithm": "pooled"}).algorithm == Pooled()


def test_a_peer_with_fewer_rows_than_a_batch_takes_all_of_them() -> None:
    config = compose({"batch": 500, "peers": ["mlp"], "rounds": 2, "steps": 2}).resolved()
    data = data_of(config)
    as_many = replace(config, batch=len(data.domains["rot00"].train[1]))
    of_500, of_all = (peers_of(c, data, ["rot00"])[0] for c in (config, as_many))
    for peer in (of_500, of_all):
        peer.learn(None, 2)
    assert (of_500.posteriors(data.seed_set.x) == of_all.posteriors(data.seed_set.x)).all()


def test_peers_are_the_same_whoever_else_lives_in_the_process() -> None:
    config = compose({"peers": ["mlp"]}).resolved()
    data = data_of(config)
    alone = peers_of(config, data, ["rot38"])[0]
    among = next(p for p in peers_of(config, data, config.names) if p.name == "rot38")
    assert (alone.posteriors(data.seed_set.x) == among.posteriors(data.seed_set.x)).all()


def test_no_two_peers_of_two_random_seeds_have_one_seed() -> None:
    seeds = {peer_seed(seed, i) for seed in (0, 1, 2, 999) for i in range(3000)}
    assert len(seeds) == 4 * 3000
    # scikit-learn takes 32 bits. Runs of up to 1000 peers are what they were.
    assert max(peer_seed(999, i) for i in (999, 10**6)) < 2**31
    assert [peer_seed(7, i) for i in (0, 999)] == [7000, 7999]


def test_configurations_survive_toml(tmp_path: Path) -> None:
    for experiment in (
        Experiment(),
        compose({"peers": ["mlp", "forest"], "unlabelled": True}).resolved(),
        Experiment(data=RotatedMnist(data_dir=Path("/x"))).resolved(),
    ):
        path = tmp_path / "config.toml"
        path.write_text(config_text(experiment, baselines=True), encoding="utf-8")
        settings = read_config(path)
        assert settings.pop("baselines") is True
        assert compose(settings) == experiment
        assert compose(settings_of(experiment)) == experiment


def test_the_digest_names_what_decides_the_outcome() -> None:
    experiment = Experiment(data=RotatedMnist()).resolved()
    elsewhere = replace(experiment, data=replace(experiment.data, data_dir=Path("/elsewhere")))
    assert digest_of(elsewhere) == digest_of(experiment)
    assert digest_of(replace(experiment, seed=1)) != digest_of(experiment)


def test_the_exchange_has_the_graph_and_the_faults_that_were_asked_for() -> None:
    network = {"graph": "ring", "participation": 0.8, "loss": 0.1, "seed": 3}
    exchange = compose(network).resolved().exchange()
    assert isinstance(exchange.graph, Mapping)
    assert all(len(n) == 2 for n in exchange.graph.values())
    assert (exchange.participation, exchange.loss, exchange.seed) == (0.8, 0.1, 3)
