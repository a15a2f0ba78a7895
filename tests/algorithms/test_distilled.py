"""The methods that send posteriors about the seed rows, each against a round worked out by hand."""

import numpy as np
import pytest

from by_hand import CLASSES, Federation, softmax
from conftest import Says, blobs, torch_learner
from fedh2l.algorithms.distillation import spoken
from fedh2l.algorithms.dml import DML
from fedh2l.algorithms.ds_fl import DSFL
from fedh2l.algorithms.fedct import FedCT
from fedh2l.algorithms.fedmd import FedMD
from fedh2l.algorithms.selective_fd import SelectiveFD, density_ratio, selected
from fedh2l.error import FedH2LError
from fedh2l.learner import Lesson
from fedh2l.loop import run
from fedh2l.message import Inbox, Posteriors
from fedh2l.peer import Peer
from fedh2l.seedset import SeedSet
from fedh2l.wire import CODECS


def seeds_at(f: Federation, name: str) -> np.ndarray:
    return softmax(f.x @ f.w[name])


def test_fedmd_digests_the_mean_and_then_revisits_its_rows() -> None:
    f = Federation()
    mean = np.mean(list(f.believed().values()), 0)
    for _ in f.run(FedMD(steps=2, warmup=0)):
        pass
    for name in "abc":
        f.step(name, (f.x, mean, 1.0))
        f.step(name, f.private(name))
    f.check()


def test_fedmd_learns_seed_labels_before_it_speaks_and_when_it_digests() -> None:
    f = Federation(labelled=True)
    rounds = list(f.run(FedMD(steps=2, warmup=1), rounds=2))
    for name in "abc":
        for _ in range(2):
            f.step(name, f.private(name), (f.x, f.labels, 1.0))
    mean = np.mean([seeds_at(f, n) for n in "abc"], 0)
    for name in "abc":
        f.step(name, (f.x, f.labels, 1.0), (f.x, mean, 1.0))
        f.step(name, f.private(name))
    f.check()
    assert [len(r.sent) for r in rounds] == [0, 3]


@pytest.mark.parametrize("aggregation", ["era", "simple"])
def test_ds_fl_learns_privately_speaks_and_distils_with_and_without_entropy_reduction(
    aggregation: str,
) -> None:
    f = Federation()
    for _ in f.run(DSFL(steps=2, aggregation=aggregation)):  # type: ignore[arg-type]
        pass
    for name in "abc":
        f.step(name, f.private(name))
    mean = np.mean([seeds_at(f, n) for n in "abc"], 0)
    target = np.exp(mean / 0.1) / np.exp(mean / 0.1).sum(1, keepdims=True)
    for name in "abc":
        f.step(name, (f.x, target if aggregation == "era" else mean, 1.0))
    f.check()


def test_dml_is_the_mean_divergence_from_each_of_the_others_and_the_labels() -> None:
    f = Federation(labelled=True)
    said = f.believed()
    for _ in f.run(DML(steps=1, weight=2.0)):
        pass
    for name in "abc":
        others = [p for n, p in said.items() if n != name]
        divergences = [(f.x, p, 2.0 / len(others)) for p in others]
        f.step(name, f.private(name), (f.x, f.labels, 1.0), *divergences)
    f.check()


def test_fedct_learns_the_label_of_most_peers_as_if_it_were_private() -> None:
    f = Federation()
    votes = np.stack([p.argmax(1) for p in f.believed().values()])
    counts = np.stack([(votes == c).sum(0) for c in range(CLASSES)], 1)
    for _ in f.run(FedCT(steps=1, warmup=0)):
        pass
    for name in "abc":
        f.step(name, f.private(name), (f.x, np.eye(CLASSES)[counts.argmax(1)], 1.0))
    f.check()


def test_fedct_learns_the_own_label_of_a_seed_row_that_has_one() -> None:
    f = Federation(labelled=True)
    for _ in f.run(FedCT(steps=1, weight=0.0, warmup=0)):
        pass
    for name in "abc":
        f.step(name, f.private(name), (f.x, f.labels, 1.0))
    f.check()


def test_selective_fd_learns_the_mean_of_those_who_know_a_row_where_it_is_sure() -> None:
    f = Federation()
    for _ in f.run(SelectiveFD(steps=2, quantile=0.5, most_entropy=0.8)):
        pass
    for name in "abc":
        f.step(name, f.private(name))
    scale = f.x.std(0)
    knows, said = [], []
    for name in "abc":
        own, seeds = ((x - f.x.mean(0)) / scale for x in (f.learners[name].x, f.x))
        known = np.zeros(6, bool)
        for half in (0, 1):
            other = seeds[1 - half :: 2]
            usual = np.median(density_ratio(own[::2], other, own[1::2]))
            known[half::2] = density_ratio(own[::2], other, seeds[half::2]) > usual
        knows.append(known)
        said.append(seeds_at(f, name))
    assert 0 < np.sum(knows) < 18
    for name in "abc":
        rows, targets = [], []
        for r in range(6):
            heard = [said[i][r] for i in range(3) if knows[i][r]]
            if heard:
                mean = np.mean(heard, 0)
                if -(mean * np.log(mean)).sum() <= 0.8 * np.log(CLASSES):
                    rows.append(f.x[r])
                    targets.append(mean)
        assert len(rows) > 0
        f.step(name, (np.array(rows), np.array(targets), 1.0))
    f.check()


def test_an_abstention_is_left_out_of_the_mean() -> None:
    knows, abstains = np.array([[0.8, 0.1, 0.1]]), np.full((1, 3), 1 / 3)
    mean, sure = selected(np.stack([knows, abstains]).astype(np.float32), 1.0)
    np.testing.assert_allclose(mean, knows, atol=1e-6)
    assert sure.all()
    assert not selected(np.stack([abstains] * 2).astype(np.float32), 1.0)[1].any()


class Listening:
    """Selective-FD, and the rows about which peer a heard anything, of each sender, by round."""

    def __init__(self) -> None:
        self.heard: list[np.ndarray] = []
        self.method = SelectiveFD(steps=2, quantile=0.5)

    def speak(self, peer: Peer, t: int) -> Posteriors:
        return self.method.speak(peer, t)

    def listen(self, peer: Peer, t: int, inbox: Inbox) -> float | None:
        if peer.name == "a":
            self.heard += [spoken(m.probs) for m in inbox.values() if isinstance(m, Posteriors)]
        return self.method.listen(peer, t, inbox)


@pytest.mark.parametrize("codec", sorted(set(CODECS) - {"hard"}))
def test_an_abstention_arrives_as_one_whatever_the_codec_round_after_round(codec: str) -> None:
    seeds = SeedSet(*blobs(40, seed=99)[:1], ("u", "v", "w"), view="none")
    rows = {n: blobs(60, seed=i) for i, n in enumerate("abc")}
    peers = [
        Peer(n, torch_learner(i, data=(x + 4 * i, y)), seeds)
        for i, (n, (x, y)) in enumerate(rows.items())
    ]
    listening = Listening()
    for _ in run(listening, peers, rounds=4, codec=codec):
        pass
    knows = [p.memory["knows"] for p in peers[1:]] * 4
    assert not all(expected.all() for expected in knows)
    for found, expected in zip(listening.heard, knows, strict=True):
        assert not found[~expected].any()


def test_the_density_ratio_is_large_where_the_private_rows_are() -> None:
    """KuLSIF on two clouds: near the known one above 1, near the other below."""
    rng = np.random.default_rng(0)
    here, there = rng.normal(size=(80, 2)), rng.normal(size=(80, 2)) + 6
    ratio = density_ratio(
        here[:40], np.concatenate([here[40:], there]), np.array([[0.0, 0.0], [6.0, 6.0]])
    )
    assert ratio[0] > 1.3 and ratio[1] < 0.3


class Noting(Says):
    """It keeps the lessons that it had."""

    def __init__(self, probs: np.ndarray) -> None:
        super().__init__(probs)
        self.lessons: list[Lesson] = []

    def learn(self, lesson: Lesson | None, steps: int) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        assert lesson is not None
        self.lessons.append(lesson)


def test_the_answers_about_the_last_views_are_learnt_from_as_fedh2l_does() -> None:
    images = np.random.default_rng(0).random((5, 1, 8, 8), np.float32)
    seeds = SeedSet(images, ("u", "v", "w"), np.arange(5) % 3, view="geometry")
    said = [softmax(np.random.default_rng(i).normal(size=(5, 3))).astype("f") for i in range(2)]
    learners = [Noting(probs) for probs in said]
    peers = [Peer(f"p{i}", learner, seeds) for i, learner in enumerate(learners)]
    for _ in run(DML(reuse=2), peers, rounds=3, codec="float32"):
        pass
    assert [len(lesson.x) for lesson in learners[0].lessons] == [5, 10, 10]
    last = learners[0].lessons[-1]
    assert last.numbers is not None and last.targets is not None
    np.testing.assert_array_equal(last.numbers, np.repeat([1, 2], 5))
    np.testing.assert_allclose(last.targets, np.tile(said[1], (2, 1)), atol=1e-6)
    np.testing.assert_array_equal(last.x[5:], seeds.question(2).x)


@pytest.mark.parametrize("kind", [FedMD, DSFL, SelectiveFD])
def test_alternating_phases_need_a_step_each(kind: type) -> None:
    with pytest.raises(FedH2LError, match="alternating phases need 2"):
        kind(steps=1)
    assert kind(steps=1, phases="joint").steps == 1
