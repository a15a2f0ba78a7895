import numpy as np
import pytest
import quadprog
import torch
from hypothesis import given
from hypothesis import strategies as st

from fedh2l.distill import (
    divergence,
    likeliest,
    linear_pool,
    project,
    reconcile,
    temper,
)
from fedh2l.teachers import label_weights, owner_weights, uniform_weights


def test_projection_worked_out_by_hand() -> None:
    # g = (1, -1), h = (0, 2): ⟨g, h⟩ = -2, ‖h‖² = 4, so g̃ = g + h/2 = (1, 0)
    np.testing.assert_allclose(project(np.array([1.0, -1.0]), np.array([0.0, 2.0])), [1.0, 0.0])
    # No conflict: untouched.
    np.testing.assert_allclose(project(np.array([1.0, 1.0]), np.array([0.0, 2.0])), [1.0, 1.0])


def test_the_likeliest_classes_are_kept_and_ties_with_the_rest_are_not() -> None:
    rows = np.array([[0.4, 0.3, 0.2, 0.1], [0.7, 0.1, 0.1, 0.1], [0.25, 0.25, 0.25, 0.25]])
    np.testing.assert_allclose(likeliest(rows, 2), [[4 / 7, 3 / 7, 0, 0], [1, 0, 0, 0], [0.25] * 4])
    assert likeliest(rows, 4) is rows


def test_each_rule_worked_out_by_hand() -> None:
    private, seed = np.array([2.0, 0.0]), np.array([-1.0, 1.0])
    # ⟨p, s⟩ = -2, ‖p‖² = 4, ‖s‖² = 2: s̃ = s + p/2 = (0, 1), p̃ = p + s = (1, 1)
    expected = {"none": [1, 1], "private": [2, 1], "seed": [0, 2], "both": [1, 2]}
    for rule, vector in expected.items():
        np.testing.assert_allclose(reconcile(private, seed, rule), vector, err_msg=rule)  # type: ignore[arg-type]


@given(st.integers(0, 10_000), st.integers(1, 8))
def test_projection_is_the_closest_point_that_does_not_conflict(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    g, h = rng.normal(size=n), rng.normal(size=n)
    ours = project(g, h)
    assert ours @ h >= -1e-9
    # Min ½‖x − g‖² s.t. hᵀx ≥ 0.
    solved = quadprog.solve_qp(np.eye(n), g, h[:, None], np.zeros(1))[0]
    np.testing.assert_allclose(ours, solved, atol=1e-8)


@given(st.integers(0, 10_000))
def test_what_is_protected_does_not_get_worse(seed: int) -> None:
    rng = np.random.default_rng(seed)
    p, s = rng.normal(size=(2, 5))
    assert reconcile(p, s, "private") @ p >= -1e-9
    assert reconcile(p, s, "seed") @ s >= -1e-9
    both = reconcile(p, s, "both")
    assert both @ p >= -1e-9
    assert both @ s >= -1e-9


def test_projection_is_the_same_in_torch_and_beside_a_zero_gradient() -> None:
    g, h = torch.tensor([1.0, -1.0]), torch.tensor([0.0, 2.0])
    torch.testing.assert_close(project(g, h), torch.tensor([1.0, 0.0]))
    torch.testing.assert_close(project(g, torch.zeros(2)), g)


def test_pools_by_hand() -> None:
    probs = np.array([[[0.8, 0.2]], [[0.2, 0.8]]], np.float32)
    np.testing.assert_allclose(linear_pool(probs, uniform_weights(probs)), [[0.5, 0.5]])
    # weights p(label)² = 0.64 and 0.04
    np.testing.assert_allclose(
        linear_pool(probs, label_weights(probs, np.array([[1, 0]], np.float32))),
        [[0.52 / 0.68, 0.16 / 0.68]],
        rtol=1e-5,
    )
    np.testing.assert_allclose(
        linear_pool(probs, owner_weights(probs, None, np.array([[1.0], [0.0]]))),
        [[5 / 7, 2 / 7]],
        rtol=1e-5,
    )
    # p(label)² once more, and the second peer, who contributed the row, counts ten times.
    first = np.array([[0.0], [1.0]])
    np.testing.assert_allclose(
        label_weights(probs, np.array([[1, 0]], np.float32), first, 10.0),
        [[0.64], [0.4]],
        rtol=1e-5,
    )
    # Three quarters of a mixture are of the first: 1 + 0.75·(5 - 1) and 1 + 0.25·(5 - 1).
    shares = np.array([[0.75], [0.25]])
    np.testing.assert_allclose(owner_weights(probs, None, shares, 5.0), [[4.0], [2.0]])
    # Without a label the owners say (0.65, 0.35): the peers agree with 0.59 and 0.41 of it.
    np.testing.assert_allclose(
        label_weights(probs, None, shares, 5.0), [[4 * 0.59**2], [2 * 0.41**2]], rtol=1e-5
    )


def test_divergence_by_hand() -> None:
    p, q = np.array([[0.5, 0.5], [1.0, 0.0]]), np.array([[0.25, 0.75], [1.0, 0.0]])
    by_hand = [0.5 * np.log(2) + 0.5 * np.log(2 / 3), 0.0]
    np.testing.assert_allclose(divergence(p, q), by_hand, atol=1e-9)
    # What a peer rules out and others know is far from it, and not infinitely far.
    assert 10 < divergence(p[1:, ::-1], p[1:])[0] < 20


def test_where_nobody_knows_the_label_all_count_alike() -> None:
    probs = np.array([[[0.0, 1.0, 0.0]], [[0.0, 0.0, 1.0]]], np.float32)
    np.testing.assert_allclose(
        linear_pool(probs, label_weights(probs, np.array([[1, 0, 0]], np.float32))), [[0, 0.5, 0.5]]
    )


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_tempering_posteriors_is_tempering_logits(temperature: float) -> None:
    logits = torch.randn(5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    ours = temper(logits.softmax(1).numpy(), temperature)
    np.testing.assert_allclose(ours, (logits / temperature).softmax(1).numpy(), atol=1e-12)


def test_a_step_can_follow_one_gradient_held_against_the_other() -> None:
    private, seed = np.array([1.0, 0.0]), np.array([-1.0, 1.0])
    assert reconcile(private, seed, "none", "seed").tolist() == [-1.0, 1.0]
    assert reconcile(private, seed, "private", "seed").tolist() == [0.0, 1.0]
    assert reconcile(private, seed, "private", "private").tolist() == [1.0, 0.0]
    assert reconcile(private, seed, "seed", "private").tolist() == [0.5, 0.5]
