"""The mathematics of the audit: on planted values it finds what is there, and where nothing is
there it says so.
"""

import numpy as np
import pytest
from scipy import stats

from fedh2l.error import FedH2LError
from fedh2l.simulation.leak.candidates import Candidates, canaries, halves
from fedh2l.simulation.leak.lira import confidences, scores
from fedh2l.simulation.leak.rates import area, clopper_pearson, epsilon_at_least, hits_at

ROWS = (np.arange(400.0, dtype=np.float32)[:, None], np.arange(400) % 4)


def members_of(candidates: Candidates, worlds: int) -> np.ndarray:
    return np.stack([candidates.members(world) for world in range(worlds)])


def planted(worlds: int, lift: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Confidences in rows as easy or hard as they like, raised where a row was learnt."""
    rng = np.random.default_rng(seed)
    members = members_of(halves(ROWS, seed), worlds)
    easy = rng.normal(0, 5, members.shape[1])
    return easy + rng.normal(size=members.shape) + lift * members, members


def test_a_confidence_is_the_logit_of_the_label() -> None:
    probs = np.array([[0.5, 0.25, 0.25], [1.0, 0.0, 0.0]], np.float32)
    sure, wrong = confidences(probs, np.array([0, 0]))[1], confidences(probs, np.array([0, 1]))[1]
    assert confidences(probs, np.array([0, 0]))[0] == pytest.approx(0)
    assert np.isfinite([sure, wrong]).all() and sure > 20 and wrong < -20


def test_a_planted_lift_is_found_as_well_as_it_can_be() -> None:
    values, members = planted(32, 1.0)
    # With the true means a row is told by one normal value: the best that anybody can do.
    best = stats.norm.cdf(1 / np.sqrt(2))
    found = area(scores(values, members), members)
    assert found.low <= found.value <= found.high
    assert best - 0.02 < found.value < best + 0.005
    hits = hits_at(scores(values, members), members, 0.01)
    assert hits is not None and 0.05 < hits.low < hits.value < hits.high < 0.12
    # One threshold for all rows sees which are easy, and little else.
    assert area(values, members).value < 0.6


def test_nothing_is_found_where_nothing_is() -> None:
    areas = [area(scores(*planted(8, 0.0, seed)), planted(8, 0.0, seed)[1]) for seed in range(12)]
    mean = np.mean([a.value for a in areas])
    # Twelve times 3200 guesses: a bias of the left-out world would be several of these.
    assert abs(mean - 0.5) < 3 * np.sqrt(1 / 12 / (12 * 800))
    assert sum(a.low <= 0.5 <= a.high for a in areas) >= 8
    assert epsilon_at_least(scores(*planted(8, 0.0)), planted(8, 0.0)[1]) < 0.3


def test_the_bound_on_epsilon_is_below_the_truth_and_near_it() -> None:
    rng = np.random.default_rng(0)
    epsilon, members = 2.0, rng.random((40, 1000)) < 0.5
    # Randomised response: the truth with e^ε/(1 + e^ε), which is ε exactly.
    honest = rng.random(members.shape) < np.exp(epsilon) / (1 + np.exp(epsilon))
    said = np.where(honest, members, ~members) + rng.normal(0, 1e-3, members.shape)
    assert 1.85 < epsilon_at_least(said, members) <= epsilon
    assert epsilon_at_least(said, members, delta=0.5) < np.log((0.88 - 0.5) / 0.12)


def test_the_interval_is_the_exact_one_and_rare_rates_are_not_made_up() -> None:
    assert clopper_pearson(0, 10)[1] == pytest.approx(1 - 0.025 ** (1 / 10))
    values, members = planted(6, 1.0)
    assert hits_at(values[:2, :90], members[:2, :90], 0.001) is None


def test_the_worlds_of_a_pair_share_no_row_and_a_world_is_the_same_whenever_it_is_asked() -> None:
    candidates = halves(ROWS, seed=3)
    inside = members_of(candidates, 8)
    assert (inside[0::2] ^ inside[1::2]).all() and (inside.sum(1) == 200).all()
    assert not (inside[0] == inside[2]).all()
    assert (halves(ROWS, seed=3).members(5) == inside[5]).all()
    x, y = candidates.learnt(4)
    assert (np.asarray(x)[:, 0] == np.flatnonzero(inside[4])).all() and len(y) == 200


def test_a_canary_has_a_wrong_label_and_the_other_rows_are_always_learnt() -> None:
    candidates = canaries(ROWS, 30, 4, seed=0)
    places = np.asarray(candidates.rows[0])[:, 0].astype(int)
    assert (candidates.rows[1] != ROWS[1][places]).all()
    for world in range(4):
        x, y = candidates.learnt(world)
        inside = candidates.members(world)
        assert len(y) == 370 + inside.sum()
        assert set(range(400)) - set(places) <= set(np.asarray(x)[:, 0].astype(int))
    with pytest.raises(FedH2LError, match="fewer --canaries"):
        canaries(ROWS, 400, 4, seed=0)
