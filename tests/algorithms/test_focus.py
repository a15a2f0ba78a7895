"""Which rows of a lesson are drawn oftener, and how much the private rows count."""

import numpy as np

from conftest import seed_set, torch_peers
from fedh2l.algorithms.fedh2l import FedH2L
from fedh2l.distill import divergence
from fedh2l.learner import Lesson
from fedh2l.learners.batches import seed_picks
from fedh2l.loop import run
from fedh2l.message import Posteriors
from fedh2l.peer import Peer


class Pupil:
    """Says that it knows nothing, and keeps what it is taught."""

    def __init__(self) -> None:
        self.lesson: Lesson | None = None

    def posteriors(self, x: np.ndarray) -> np.ndarray:
        return np.full((len(x), 3), 1 / 3, np.float32)

    def learn(self, lesson: Lesson | None, steps: int) -> None:
        self.lesson = lesson

    def state_dict(self) -> dict[str, np.ndarray]:
        return {}

    def load_state_dict(self, state: object) -> None: ...


def test_rows_are_drawn_in_proportion_and_never_twice_in_a_batch() -> None:
    draw = np.array([1, 1, 1, 1, 4, 4, 0.1, 0.1], np.float32)
    lesson = Lesson(np.zeros((8, 1)), np.full((8, 3), 1 / 3, np.float32), batch=1, draw=draw)
    picks = seed_picks(lesson, np.random.default_rng(0))
    counts = np.bincount([int(next(picks)[0]) for _ in range(6000)], minlength=8)
    np.testing.assert_allclose(counts / 6000, draw / draw.sum(), atol=0.02)
    pairs = seed_picks(lesson._replace(batch=5), np.random.default_rng(0))
    assert {len(np.unique(next(pairs))) for _ in range(50)} == {5}


def test_a_focus_is_the_divergence_of_the_answer_from_what_the_peer_said() -> None:
    pupil, seeds = Pupil(), seed_set()
    peer = Peer("p", pupil, seeds)
    probs = np.tile(np.array([[0.8, 0.1, 0.1], [0.4, 0.3, 0.3]], np.float32), (6, 1))
    method = FedH2L(focus=0.5, private=2.0, own=False)
    for t in range(2):
        peer.said = method.speak(peer, t)
        method.listen(peer, t, {"q": Posteriors(t, probs)})
    assert pupil.lesson is not None and pupil.lesson.draw is not None
    assert pupil.lesson.private == 2
    expected = np.sqrt(np.maximum(divergence(probs, pupil.posteriors(probs)), 1e-3))
    np.testing.assert_allclose(pupil.lesson.draw, expected, rtol=1e-6)

    FedH2L(focus=0.0, own=False).listen(peer, 2, {})
    assert pupil.lesson.draw is None


def test_a_focused_run_that_was_saved_goes_on_to_the_same_bits() -> None:
    method = FedH2L(focus=0.5, reuse=2)
    straight, before = torch_peers(), torch_peers()
    list(run(method, straight, rounds=4))
    list(run(method, before, rounds=2))
    after = torch_peers()
    for old, new in zip(before, after, strict=True):
        new.load_state_dict(old.state_dict())
    list(run(method, after, rounds=4, start=2))
    for one, other in zip(straight, after, strict=True):
        x = one.seed_set.x
        np.testing.assert_array_equal(one.posteriors(x), other.posteriors(x))


def test_a_factor_on_the_private_loss_is_one_over_it_on_a_row_of_the_lesson() -> None:
    labels = np.eye(3, dtype=np.float32)[[0, 1]]
    lesson = Lesson(np.zeros((2, 6)), labels, labels, weight=3.0, private=2.0)
    assert lesson.merged()[1].tolist() == [2.0, 2.0]
    assert lesson._replace(labels=None).merged()[1].tolist() == [1.5, 1.5]
    assert lesson._replace(targets=None).merged()[1].tolist() == [0.5, 0.5]
