"""ε of a ledger is that of Opacus' own accountant, and the noise makes a budget last."""

import warnings

import pytest
from opacus.accountants import RDPAccountant
from opacus.accountants.utils import get_noise_multiplier

from fedh2l.learners.accountant import TOLERANCE, epsilon_of, noise_for
from fedh2l.record.ledger import Spending

DELTA = 1e-5


def test_epsilon_is_that_of_opacus_accountant_taken_step_by_step() -> None:
    spendings = [Spending(1.2, 0.05, 30), Spending(2.0, 0.1, 7), Spending(1.2, 0.05, 4)]
    accountant = RDPAccountant()
    for s in (spendings[0], spendings[2], spendings[1]):
        for _ in range(s.steps):
            accountant.step(noise_multiplier=s.noise, sample_rate=s.sampling)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = accountant.get_epsilon(DELTA)
    assert epsilon_of(spendings, DELTA) == expected > 0
    assert epsilon_of(spendings[::-1], DELTA) == pytest.approx(expected, abs=1e-6)
    assert epsilon_of([], DELTA) == 0


def test_more_steps_and_less_noise_cost_more() -> None:
    few, many = Spending(1.5, 0.1, 20), Spending(1.5, 0.1, 40)
    assert 0 < epsilon_of([few], DELTA) < epsilon_of([many], DELTA)
    assert epsilon_of([few], DELTA) < epsilon_of([few._replace(noise=1.0)], DELTA)
    assert epsilon_of([few], DELTA) < epsilon_of([few], DELTA / 10)


@pytest.mark.parametrize("epsilon", [2.0, 8.0])
def test_with_nothing_spent_the_noise_is_opacus_own(epsilon: float) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = get_noise_multiplier(
            target_epsilon=epsilon,
            target_delta=DELTA,
            sample_rate=0.1,
            steps=10,
            accountant="rdp",
        )
    noise = noise_for([], 0.1, 10, epsilon, DELTA)
    assert noise == expected
    assert noise is not None
    spent = epsilon_of([Spending(noise, 0.1, 10)], DELTA)
    assert epsilon - TOLERANCE <= spent <= epsilon


def test_who_goes_on_as_planned_keeps_the_noise_and_who_paid_twice_gets_more() -> None:
    planned = noise_for([], 0.1, 10, 4.0, DELTA)
    assert planned is not None
    assert noise_for([Spending(planned, 0.1, 4)], 0.1, 6, 4.0, DELTA) == planned

    # A round of two steps was repeated after a kill.
    later = noise_for([Spending(planned, 0.1, 6)], 0.1, 6, 4.0, DELTA)
    assert later is not None and later > planned
    total = epsilon_of([Spending(planned, 0.1, 6), Spending(later, 0.1, 6)], DELTA)
    assert 4.0 - TOLERANCE <= total <= 4.0


def test_a_budget_that_is_used_up_allows_no_step() -> None:
    noise = noise_for([], 0.1, 10, 4.0, DELTA)
    assert noise is not None
    spent = [Spending(noise, 0.1, 10)]
    assert noise_for(spent, 0.1, 1, 3.9, DELTA) is None
    more = noise_for(spent, 0.1, 10, 8.0, DELTA)
    assert more is not None
    assert epsilon_of([*spent, Spending(more, 0.1, 10)], DELTA) <= 8.0
