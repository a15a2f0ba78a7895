"""The hyper-parameters of methods: what makes no sense is refused where it is written."""

from typing import Any

import pytest

from conftest import seed_set, torch_learner, torch_peers
from fedh2l.algorithms import ALGORITHMS
from fedh2l.algorithms.baselines import SeedOnly
from fedh2l.algorithms.fedh2l import FedH2L
from fedh2l.bounds import check_fields
from fedh2l.error import FedH2LError
from fedh2l.loop import run
from fedh2l.peer import Peer


def changed(method: Any, **settings: Any) -> Any:
    """A method with fields that its constructor, whose types are checked in tests, does not let
    through.
    """
    for name, value in settings.items():
        object.__setattr__(method, name, value)
    return method


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_method_has_steps_and_refuses_what_makes_no_sense(algorithm: str) -> None:
    kind: Any = ALGORITHMS[algorithm]
    assert kind().steps == 10
    for steps in (0, -1, 10**9):
        with pytest.raises(FedH2LError, match="steps is"):
            kind(steps=steps)
    for steps in (2.5, True, "ten", float("nan")):
        with pytest.raises(FedH2LError, match=r"steps is .*, expected a whole number"):
            check_fields(changed(kind(), steps=steps))


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"conflict": "privat"}, "unknown conflict 'privat': did you mean 'private'"),
        ({"exchange": "bath"}, "unknown exchange 'bath': did you mean 'batch'"),
        ({"teachers": "labels"}, "unknown teachers 'labels': did you mean 'label'"),
        ({"top": -1}, "top is -1; it must be 1 or more"),
        ({"reuse": 0}, "reuse is 0"),
        ({"weight": -1}, "weight is -1"),
        ({"weight": float("nan")}, "weight is nan, expected a finite number"),
        ({"temperature": 0}, "temperature is 0; it must be above 0"),
        ({"own": 1}, "own is 1, expected bool"),
        ({"warmup": 2.5}, "warmup is 2.5, expected a whole number"),
    ],
)
def test_misspelt_and_senseless_settings_are_refused(
    settings: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(FedH2LError, match=complaint):
        check_fields(changed(FedH2L(), **settings))


def test_a_batch_exchange_does_not_go_on_from_answers_to_the_whole_set() -> None:
    peers = torch_peers()
    for _ in run(FedH2L(steps=1), peers, rounds=1):
        pass
    with pytest.raises(FedH2LError, match=r"a: remembers answers about 12 rows, .* about 4"):
        list(run(FedH2L(steps=1, exchange="batch", seed_batch=4), peers, rounds=2, start=1))


def test_seed_only_without_labels_is_refused() -> None:
    seeds = seed_set(labelled=False)  # and without owners
    with pytest.raises(FedH2LError, match="use 'alone'"):
        list(run(SeedOnly(), [Peer("a", torch_learner(), seeds)], rounds=1))
    with pytest.raises(FedH2LError, match="use 'uniform'"):
        list(
            run(FedH2L(teachers="owner"), [Peer(n, torch_learner(), seeds) for n in "ab"], rounds=1)
        )
