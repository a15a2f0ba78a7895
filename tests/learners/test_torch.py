import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, kl_div, log_softmax

from conftest import blobs, mlp, torch_learner
from fedh2l.learner import Conflict, Lesson, Weighted
from fedh2l.learners.torch import TorchLearner
from fedh2l.learners.torch_step import SeedBatch, seed_loss

T = torch.Generator().manual_seed(0)


def distributions(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=T).softmax(-1)


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_a_lesson_has_the_gradient_of_ce_plus_mean_kl(temperature: float) -> None:
    logits = torch.randn(7, 4, dtype=torch.float64, generator=T, requires_grad=True)
    teachers, hot = distributions(3, 7, 4), distributions(7, 4)
    weight = 2.5
    softened = teachers ** (1 / temperature) / (teachers ** (1 / temperature)).sum(-1, keepdim=True)
    (ours,) = torch.autograd.grad(
        seed_loss(logits, SeedBatch(hot, softened.mean(0), hot, 7), weight, temperature), logits
    )
    q = log_softmax(logits / temperature, 1)
    kl = torch.stack([kl_div(q, p, reduction="none").sum(1).mean() for p in softened]).mean()
    (theirs,) = torch.autograd.grad(
        cross_entropy(logits, hot) + weight * temperature**2 * kl, logits
    )
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-10)


def test_labels_and_targets_merge_into_one_distribution_with_the_same_gradient() -> None:
    logits = torch.randn(7, 4, dtype=torch.float64, generator=T, requires_grad=True)
    targets, hot = distributions(7, 4), distributions(7, 4)
    lesson = Lesson(np.zeros((7, 1)), targets.numpy(), hot.numpy(), weight=3.0)
    merged, weights = lesson.merged()
    assert weights.tolist() == [4.0] * 7
    (apart,) = torch.autograd.grad(
        seed_loss(logits, SeedBatch(hot, targets, hot, 7), 3.0, 1.0), logits, retain_graph=True
    )
    (together,) = torch.autograd.grad(4.0 * cross_entropy(logits, torch.from_numpy(merged)), logits)
    torch.testing.assert_close(apart, together, rtol=0, atol=1e-10)


def sgd_learner(seed: int = 3) -> TorchLearner:
    """Plain SGD at rate 1 in float64, private rows and lesson each taken whole: a step is the
    gradient.
    """
    model = mlp(seed=seed).double()
    x, y = blobs(10, seed=5)
    return TorchLearner(
        model, torch.optim.SGD(model.parameters(), 1.0), (x.astype(np.float64), y), batch=10, seed=1
    )


def gradients(model: nn.Module, lesson: Lesson) -> tuple[list[Tensor], list[Tensor]]:
    """Of the private and of the seed loss, written out with autograd and nothing else."""
    x, y = blobs(10, seed=5)
    assert lesson.targets is not None
    assert lesson.labels is not None
    private = cross_entropy(model(torch.from_numpy(x).double()), torch.from_numpy(y))
    q = log_softmax(model(torch.from_numpy(lesson.x)), 1)
    seed = -(torch.from_numpy(lesson.labels) * q).sum(1).mean() + lesson.weight * kl_div(
        q, torch.from_numpy(lesson.targets), reduction="batchmean"
    )
    return tuple(
        list(torch.autograd.grad(loss, list(model.parameters()))) for loss in (private, seed)
    )  # type: ignore[return-value]


def a_lesson(conflict: Conflict = "none") -> Lesson:
    x, _ = blobs(6, seed=8)
    return Lesson(
        x.astype(np.float64),
        distributions(6, 3).numpy(),
        distributions(6, 3).numpy(),
        2.0,
        conflict=conflict,
    )


@pytest.mark.parametrize("conflict", ["none", "private", "seed", "both"])
def test_one_step_moves_the_model_by_the_reconciled_gradient(conflict: Conflict) -> None:
    learner, lesson = sgd_learner(), a_lesson(conflict)
    before = [p.detach().clone() for p in learner.model.parameters()]
    private, seed = gradients(learner.model, lesson)
    rate = learner.learn(lesson, 1)
    step = torch.cat(
        [
            (b - p.detach()).flatten()
            for b, p in zip(before, learner.model.parameters(), strict=True)
        ]
    )
    p, s = (torch.cat([g.flatten() for g in gs]) for gs in (private, seed))
    dot = p @ s
    p_kept = p - dot / (s @ s) * s if dot < 0 and conflict in ("seed", "both") else p
    s_kept = s - dot / (p @ p) * p if dot < 0 and conflict in ("private", "both") else s
    torch.testing.assert_close(step, p_kept + s_kept, rtol=0, atol=1e-10)
    assert rate == (None if conflict == "none" else float(dot < 0))


def test_watching_measures_the_conflict_and_changes_nothing() -> None:
    seen, unseen = sgd_learner(), sgd_learner()
    lesson = a_lesson()
    assert unseen.learn(lesson, 2) is None
    assert seen.learn(lesson._replace(watch=True), 2) in (0.0, 1.0)
    for a, b in zip(seen.model.parameters(), unseen.model.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


def test_it_learns_from_posteriors_alone() -> None:
    learner = torch_learner()
    x, y = blobs(90, seed=7)
    flipped = np.eye(3, dtype=np.float32)[(y + 1) % 3]  # what no private row says
    learner.learn(Lesson(x, flipped, weight=100.0), 150)
    assert (learner.posteriors(x).argmax(1) == (y + 1) % 3).mean() > 0.9


@pytest.mark.parametrize("batchnorm", [False, True])
def test_a_restored_learner_goes_on_bit_for_bit(batchnorm: bool) -> None:
    x, _ = blobs(20, seed=2)
    lesson = Lesson(x, distributions(20, 3).float().numpy())
    straight, restored = torch_learner(batchnorm=batchnorm), torch_learner(batchnorm=batchnorm)
    straight.learn(lesson, 7)
    state = {k: v.copy() for k, v in straight.state_dict().items()}
    straight.learn(lesson, 7)
    restored.load_state_dict(state)
    restored.learn(lesson, 7)
    np.testing.assert_array_equal(straight.posteriors(x), restored.posteriors(x))


def test_dropout_depends_on_the_learner_and_not_on_its_neighbours() -> None:
    def learner() -> TorchLearner:
        model = nn.Sequential(nn.Linear(6, 16), nn.Dropout(0.5), nn.Linear(16, 3))
        with torch.no_grad():
            for p in model.parameters():
                p.fill_(0.1)
        return TorchLearner(
            model, torch.optim.SGD(model.parameters(), 0.1), blobs(60), batch=8, seed=4
        )

    one, other = learner(), learner()
    one.learn(None, 5)
    torch.rand(100)  # somebody else draws in between
    other.learn(None, 5)
    x, _ = blobs(10)
    np.testing.assert_array_equal(one.posteriors(x), other.posteriors(x))


def test_saying_what_it_believes_leaves_batchnorm_alone() -> None:
    learner = torch_learner(batchnorm=True)
    learner.learn(None, 3)
    before = {k: v.copy() for k, v in learner.state_dict().items() if "running" in k}
    learner.posteriors(blobs(50, seed=1)[0])
    after = learner.state_dict()
    assert before
    for k, v in before.items():
        np.testing.assert_array_equal(after[k], v)


def test_weights_and_the_proximal_pull() -> None:
    free, held = torch_learner(), torch_learner()
    assert isinstance(free, Weighted)
    start = free.weights()
    held.load_weights(start, proximal=100.0)
    for learner in (free, held):
        learner.learn(None, 20)

    def moved(learner: TorchLearner) -> float:
        return float(sum(np.abs(learner.weights()[k] - v).sum() for k, v in start.items()))

    assert moved(held) < moved(free) / 2


def test_a_schedule_is_stepped_and_restored() -> None:
    model = mlp()
    adam = torch.optim.Adam(model.parameters(), 1e-2)
    learner = TorchLearner(
        model,
        adam,
        blobs(60),
        batch=8,
        schedule=torch.optim.lr_scheduler.CosineAnnealingLR(adam, 10),
    )
    learner.learn(None, 5)
    state = learner.state_dict()
    assert adam.param_groups[0]["lr"] == pytest.approx(5e-3)
    learner.learn(None, 5)
    assert adam.param_groups[0]["lr"] == pytest.approx(0)
    learner.load_state_dict(state)
    assert adam.param_groups[0]["lr"] == pytest.approx(5e-3)
