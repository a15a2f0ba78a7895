"""A budget lasts as long as was planned, is never overdrawn, and each step is paid for first."""

from typing import Any

import numpy as np
import pytest

from budgets import ROWS, lesson, plain, private, training, vector
from conftest import blobs
from fedh2l.error import FedH2LError
from fedh2l.learners.privacy import Privacy
from fedh2l.record.ledger import Ledger, Spending
from raw_rows import clinic, seeds_of

# --- the ledger


def test_the_budget_lasts_for_the_planned_steps_and_no_longer() -> None:
    learner = private(steps=10)
    learner.learn(None, 6)
    assert learner.spent().epsilon < 8
    learner.learn(lesson(), 4)
    spent = learner.spent()
    assert 8 - 0.01 <= spent.epsilon <= 8
    assert (spent.steps, spent.refused, spent.budget, spent.delta) == (10, 0, 8.0, 1e-4)

    before = vector(learner)
    learner.learn(None, 3)
    np.testing.assert_array_equal(vector(learner), before)
    learner.learn(lesson(), 3)
    assert np.abs(vector(learner) - before).max() > 0  # from the seed set alone
    assert learner.spent()._replace(refused=0) == spent
    assert learner.spent().refused == 6


def test_after_the_budget_steps_go_along_the_seed_gradient_alone() -> None:
    used_up = Ledger()
    used_up.append(Spending(0.5, 1.0, 100), {})
    learner, other = private(ledger=used_up), private(plain(blobs(ROWS, seed=7)), ledger=used_up)
    for one in (learner, other):
        one.learn(lesson(), 5)
    np.testing.assert_array_equal(vector(learner), vector(other))
    assert len(used_up.spendings) == 1
    assert learner.spent().refused == 5


def test_a_ledger_of_an_earlier_life_leaves_less_to_spend() -> None:
    ledger = Ledger()
    ledger.append(Spending(1.5, 0.2, 10), {})
    fresh, later = private(), private(ledger=ledger)
    fresh.learn(None, 10)
    later.learn(None, 10)
    assert later.noise > fresh.noise
    assert later.spent().epsilon <= 8


def test_a_restored_learner_pays_again_for_what_it_repeats() -> None:
    ledger = Ledger()
    learner = private(ledger=ledger)
    learner.learn(None, 5)
    saved = dict(learner.state_dict())
    learner.learn(None, 5)
    again = private(plain(), ledger=ledger)
    again.load_state_dict(saved)
    again.learn(None, 5)
    # The first life had used all of it, and what is left is not worth the noise.
    assert sum(s.steps for s in ledger.spendings) == 10
    assert again.spent().refused == 5


def test_a_killed_learner_that_repeats_a_round_goes_on_in_more_noise() -> None:
    ledger = Ledger()
    learner = private(ledger=ledger)
    learner.learn(None, 2)
    saved = dict(learner.state_dict())
    learner.learn(None, 2)
    again = private(plain(), ledger=ledger)
    again.load_state_dict(saved)
    for _ in range(4):
        again.learn(None, 2)
    assert again.noise > learner.noise
    spent = again.spent()
    assert (spent.steps, spent.refused) == (12, 0)
    assert 8 - 0.01 <= spent.epsilon <= 8


def test_no_step_is_taken_before_the_ledger_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    learner = private()
    before = vector(learner)

    def full(*_: Any) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(learner.ledger, "append", full)
    with pytest.raises(OSError, match="no space"):
        learner.learn(lesson(), 5)
    np.testing.assert_array_equal(vector(learner), before)


@pytest.mark.parametrize(
    ("changes", "paid"),
    [
        ({"follow": "seed"}, 0),
        ({"follow": "seed", "conflict": "seed"}, 0),
        ({"follow": "seed", "conflict": "private"}, 5),
        ({"follow": "private"}, 5),
        ({}, 5),
    ],
)
def test_steps_that_do_not_look_at_private_rows_cost_nothing(
    changes: dict[str, Any], paid: int
) -> None:
    learner = private()
    learner.learn(lesson(**changes), 5)
    assert learner.spent().steps == paid


# --- what a budget is by default


def test_defaults_depend_on_the_number_of_rows() -> None:
    few: Any = Privacy(epsilon=8.0).learner(plain(), Ledger(), 10)
    assert (few.delta, few.sampling) == (1 / ROWS**2, 0.5)
    many: Any = Privacy(epsilon=8.0).learner(plain(blobs(2560)), Ledger(), 10)
    assert (many.delta, many.sampling) == (1 / 2560**2, 0.1)
    said: Any = Privacy(epsilon=8.0, delta=1e-3, clip=2.0, sampling=0.3)
    said = said.learner(plain(), Ledger(), 10)
    assert (said.delta, said.clip, said.sampling) == (1e-3, 2.0, 0.3)


@pytest.mark.parametrize("setting", ["delta", "clip", "sampling"])
def test_a_setting_without_a_budget_is_refused(setting: str) -> None:
    with pytest.raises(FedH2LError, match=f"--{setting} means nothing without --epsilon"):
        Privacy(**{setting: 0.05})


def test_features_of_a_table_are_fitted_to_the_seed_rows_alone() -> None:
    table, seeds = clinic(60), seeds_of(clinic(20, seed=1))
    other = table.copy()
    other["age"] = 1000 - 3 * other["age"]
    settings = training(seed_set=seeds)
    of_one, of_other = (settings.features_of((x, np.arange(60) % 2)) for x in (table, other))
    assert of_one is not None and of_other is not None
    np.testing.assert_array_equal(of_one(seeds.x), of_other(seeds.x))
    # A control: without a budget they are fitted to both.
    open_ = training(seed_set=seeds, private=False)
    fitted, moved = (open_.features_of((x, np.arange(60) % 2)) for x in (table, other))
    assert fitted is not None and moved is not None
    assert (fitted(seeds.x) != moved(seeds.x)).any()
