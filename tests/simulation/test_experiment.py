from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import pytest

from fedh2l.algorithms.fedavg import FedAvg
from fedh2l.algorithms.fedh2l import FedH2L
from fedh2l.algorithms.fedprox import FedProx
from fedh2l.error import FedH2LError
from fedh2l.simulation.build import algorithm_of, data_of, exchange_of, peers_of
from fedh2l.simulation.experiment import ALGORITHMS, DEFAULTS, Experiment
from fedh2l.simulation.run_folder import from_toml, to_toml


def test_every_hyperparameter_of_fedh2l_is_a_flag_with_the_same_default() -> None:
    config = Experiment().resolved()
    assert algorithm_of(config) == FedH2L()
    assert {f.name for f in fields(FedH2L)} <= set(asdict(config))
    others: dict[str, Any] = {
        "weight": 10.0,
        "conflict": "both",
        "temperature": 2.0,
        "teachers": "owner",
        "reuse": 1,
        "own": False,
    }
    others |= {"exchange": "batch", "top": 3, "warmup": 2}
    assert algorithm_of(replace(config, **others)) == FedH2L(**others)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm_can_be_named(algorithm: str) -> None:
    config = Experiment(algorithm=algorithm, peers=("mlp",)).resolved()
    assert algorithm_of(config).__class__.__module__.startswith("fedh2l.algorithms")


def test_the_proximal_term_is_of_fedprox_alone() -> None:
    config = Experiment(algorithm="fedprox", peers=("mlp",), proximal=0.3).resolved()
    assert algorithm_of(config) == FedProx(proximal=0.3)
    assert algorithm_of(replace(config, algorithm="fedavg")) == FedAvg()


@pytest.mark.parametrize("data", DEFAULTS)
def test_one_kind_of_peer_fills_every_domain(data: str) -> None:
    config = Experiment(data=data, peers=("lenet",)).resolved()
    assert config.models == ["lenet"] * len(DEFAULTS[data]["peers"])
    assert len(config.names) == len(set(config.names)) == len(config.models)
    assert Experiment(data=data, peers=("lenet", "mlp"), domains=3).resolved().models == [
        "lenet",
        "mlp",
        "lenet",
    ]


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"data": "digit"}, "unknown data 'digit': did you mean 'digits'"),
        ({"algorithm": "fedhl2"}, "did you mean 'fedh2l'"),
        ({"peers": ("mlp", "lennet")}, "unknown model 'lennet': did you mean 'lenet'"),
        ({"rounds": 0}, "--rounds is 0"),
        ({"seed_share": 1.5}, "--seed-share must be between"),
        ({"unlabelled": True, "algorithm": "seed-only"}, "use --algorithm alone"),
        ({"algorithm": "fedavg"}, "use --peers mlp, or --algorithm fedh2l"),
        ({"graph": "rnig"}, "did you mean 'ring'"),
        ({"graph": "regular", "degree": 9}, "has degree 9"),
        ({"peers": ()}, "no peers"),
    ],
)
def test_refusals_name_the_near_miss_or_the_fix(wrong: dict[str, object], complaint: str) -> None:
    with pytest.raises(FedH2LError, match=complaint):
        Experiment(**wrong).resolved()  # type: ignore[arg-type]


def test_a_peer_with_fewer_rows_than_a_batch_is_named() -> None:
    config = Experiment(batch=500, peers=("mlp",)).resolved()
    with pytest.raises(
        FedH2LError, match="rot00: private data: 194 rows, fewer than a batch of 500"
    ):
        peers_of(config, data_of(config), config.names)


def test_peers_are_the_same_whoever_else_lives_in_the_process() -> None:
    config = Experiment(peers=("mlp",)).resolved()
    data = data_of(config)
    alone = peers_of(config, data, ["rot38"])[0]
    among = next(p for p in peers_of(config, data, config.names) if p.name == "rot38")
    assert (alone.posteriors(data.seed_set.x) == among.posteriors(data.seed_set.x)).all()


def test_configurations_survive_toml() -> None:
    for config in (
        Experiment(),
        Experiment(data_dir=Path("/x"), peers=("mlp", "forest"), unlabelled=True).resolved(),
    ):
        assert from_toml(to_toml(config)) == config


def test_the_digest_names_what_decides_the_outcome() -> None:
    config = Experiment().resolved()
    assert (
        replace(config, data_dir=Path("/elsewhere"), references=not config.references).digest
        == config.digest
    )
    assert replace(config, seed=1).digest != config.digest


def test_the_exchange_has_the_graph_and_the_faults_that_were_asked_for() -> None:
    exchange = exchange_of(Experiment(graph="ring", participation=0.8, loss=0.1, seed=3).resolved())
    assert exchange.graph is not None
    assert all(len(n) == 2 for n in exchange.graph.values())
    assert (exchange.participation, exchange.loss, exchange.seed) == (0.8, 0.1, 3)
