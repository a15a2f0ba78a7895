"""The guard believes who has earned it, with no label at all, and says whom it dropped and why."""

import numpy as np

from conftest import blobs, seed_set, torch_learner
from fedh2l import Peer, run
from fedh2l.algorithms.agreement import BLIND, BLURRED, COPY, REASONS, STRANGER, agreement, judge
from fedh2l.algorithms.baselines import Alone
from fedh2l.algorithms.fedct import FedCT
from fedh2l.algorithms.fedh2l import FedH2L
from fedh2l.algorithms.guarded import PATIENCE, Guarded, verdicts
from fedh2l.algorithms.poisoned import Poisoned
from fedh2l.message import Posteriors
from fedh2l.metrics import accuracy

ROWS, CLASSES = 200, 5
TRUE = np.arange(ROWS) % CLASSES


def voice(share: float, seed: int, labels: np.ndarray = TRUE) -> np.ndarray:
    """Posteriors that are right on this share of the rows, and anything on the others."""
    rng = np.random.default_rng(seed)
    said = np.where(rng.random(ROWS) < share, labels, rng.integers(CLASSES, size=ROWS))
    return (0.8 * np.eye(CLASSES)[said] + 0.2 / CLASSES).astype(np.float32)


def test_liars_that_agree_with_each_other_are_believed_by_nobody() -> None:
    own, honest = voice(0.5, 0), {"a": voice(0.4, 1), "b": voice(0.6, 2)}
    liars = {f"liar{i}": voice(0.95, 10 + i, (TRUE + 1) % CLASSES) for i in range(4)}
    reasons = judge(own, honest | liars)
    assert {name for name, reason in reasons.items() if reason == 0} == {"a", "b"}
    assert all(reasons[name] == STRANGER for name in liars)


def test_trust_spreads_to_who_agrees_only_with_those_that_are_believed() -> None:
    rows, rng = np.arange(ROWS), np.random.default_rng(0)

    def knows(known: np.ndarray, seed: int) -> np.ndarray:
        return np.where(known[:, None], voice(0.9, seed), voice(0.0, seed + 50))

    own, far = knows(rows < 90, 1), knows(rows >= 110, 2)
    between = knows(np.ones(ROWS, bool), 3)
    assert judge(own, {"far": far})["far"] == STRANGER
    assert judge(own, {"far": far, "between": between}) == {"far": 0, "between": 0}
    assert judge(own, {"far": far[rng.permutation(ROWS)], "between": between})["far"] == STRANGER


def test_agreement_by_chance_has_mean_0_and_deviation_1() -> None:
    rng = np.random.default_rng(3)
    a = voice(0.7, 1) - voice(0.7, 1).mean(0)
    b = voice(0.7, 2) - voice(0.7, 2).mean(0)
    scores = np.array([agreement(a, b[rng.permutation(ROWS)]) for _ in range(500)])
    assert abs(scores.mean()) < 0.15
    assert 0.85 < scores.std() < 1.15


def test_who_says_the_same_of_every_row_is_not_believed() -> None:
    same = np.tile(np.array([0.96, 0.01, 0.01, 0.01, 0.01], np.float32), (ROWS, 1))
    assert judge(voice(0.6, 0), {"same": same, "a": voice(0.6, 1)}) == {"same": STRANGER, "a": 0}


def test_who_hides_a_class_and_who_repeats_others_is_found_among_those_that_agree() -> None:
    own, voices = voice(0.8, 0), {name: voice(0.8, i) for i, name in enumerate("abc", 1)}
    hidden = voice(0.8, 5)
    hidden[:, 0] += hidden[:, -1] - 0.001
    hidden[:, -1] = 0.001
    assert judge(own, voices | {"hides": hidden})["hides"] == BLIND

    before = {name: voice(0.8, 20 + i) for i, name in enumerate("abc")} | {"copies": own}
    reasons = judge(own, voices | {"copies": before["b"]}, before)
    assert reasons == {"a": 0, "b": 0, "c": 0, "copies": COPY}


def test_who_knows_little_yet_is_not_taken_for_one_who_hides_a_class() -> None:
    own, voices = voice(0.8, 0), {name: voice(0.8, i) for i, name in enumerate("abc", 1)}
    slow = (0.97 / CLASSES + 0.03 * voice(0.8, 5)).astype(np.float32)
    assert judge(own, voices | {"slow": slow})["slow"] == 0


def of_three_classes(lie: float) -> np.ndarray:
    """Of 150 rows a third are of each class; this much on the second one where it is the first."""
    rows = [[0.9 - lie, 0.05 + lie, 0.05]] * 50 + [[0.05, 0.9, 0.05]] * 50
    return np.array(rows + [[0.05, 0.05, 0.9]] * 50, np.float32)


def test_what_a_liar_puts_on_a_wrong_class_is_remembered_for_some_rounds() -> None:
    own, a, b = (of_three_classes(0) for _ in range(3))
    excess: dict[str, np.ndarray] = {}
    # A third of all rows get 0.42 more than others say: 0.14 of all weight, less the mean of the
    # two wrong classes, 0.07.
    voices = {"a": a, "b": b, "liar": of_three_classes(0.42)}
    assert judge(own, voices, excess=excess) == {"a": 0, "b": 0, "liar": 0}
    np.testing.assert_allclose(excess["liar"][0, 1:], [0.07, -0.07], atol=1e-6)

    # 0.8 · 0.07 + 0.2 · 0.13 = 0.082, and so on: what is more than 0.1 is no longer believed.
    voices["liar"] = of_three_classes(0.78)
    for left, reason in ((0.082, 0), (0.0916, 0), (0.09928, 0), (0.105424, BLURRED)):
        assert judge(own, voices, excess=excess) == {"a": 0, "b": 0, "liar": reason}
        assert abs(excess["liar"][0, 1] - left) < 1e-6

    voices["liar"] = of_three_classes(0)
    assert judge(own, voices, excess=excess)["liar"] == 0
    assert abs(excess["liar"][0, 1] - 0.8 * 0.105424) < 1e-6


def test_two_that_lie_alike_do_not_speak_for_each_other() -> None:
    own, a, b = (of_three_classes(0) for _ in range(3))
    # Against the median of the others ½ · 0.66 / 3 = 0.11; against their mean it would be 0.0825.
    voices = {"a": a, "b": b, "liar": of_three_classes(0.66), "other": of_three_classes(0.66)}
    assert judge(own, voices) == {"a": 0, "b": 0, "liar": BLURRED, "other": BLURRED}


def test_who_is_as_unsure_of_each_wrong_class_is_believed() -> None:
    own, a, b = (of_three_classes(0) for _ in range(3))
    unsure = (0.4 * of_three_classes(0) + 0.2).astype(np.float32)
    assert judge(own, {"a": a, "b": b, "unsure": unsure}) == {"a": 0, "b": 0, "unsure": 0}


def test_who_has_seen_one_class_believes_more_than_half_that_agree_and_no_fewer() -> None:
    same = np.tile(np.array([0.96, 0.01, 0.01, 0.01, 0.01], np.float32), (ROWS, 1))
    honest = {name: voice(0.6, i) for i, name in enumerate("abc")}
    liars = {f"liar{i}": voice(0.9, 10 + i, (TRUE + 1) % CLASSES) for i in range(2)}
    assert judge(same, honest) == dict.fromkeys("abc", 0)
    believed = judge(same, honest | liars)
    assert {name for name, reason in believed.items() if reason == 0} == set("abc")

    del honest["c"]
    assert set(judge(same, honest | liars).values()) == {STRANGER}
    assert judge(same, {"a": honest["a"]}) == {"a": STRANGER}


def listening() -> Peer:
    return Peer("me", torch_learner(), seed_set(ROWS, 3, labelled=False))


def said_by(right: bool, seed: int) -> np.ndarray:
    _, labels = blobs(ROWS, 3, seed=99)
    rng = np.random.default_rng(seed)
    noisy = np.where(rng.random(ROWS) < 0.8, labels, rng.integers(3, size=ROWS))
    return (np.eye(3)[noisy if right else (noisy + 1) % 3] * 0.9 + 0.1 / 3).astype(np.float32)


def hear(peer: Peer, t: int, liar_is_right: bool) -> None:
    peer.said = Posteriors(t, said_by(True, t))
    inbox = {
        "liar": Posteriors(t, said_by(liar_is_right, 100 + t)),
        "true": Posteriors(t, said_by(True, 200 + t)),
    }
    Guarded(FedH2L(steps=1)).listen(peer, t, inbox)


def test_a_liar_is_dropped_after_a_while_with_a_reason_and_heard_again_once_it_agrees() -> None:
    peer = listening()
    for t in range(PATIENCE + 1):
        assert verdicts(peer) == []
        hear(peer, t, liar_is_right=False)
    assert verdicts(peer) == [("liar", PATIENCE, True, REASONS[STRANGER])]

    again = listening()
    again.load_state_dict(peer.state_dict())
    assert verdicts(again) == verdicts(peer)
    hear(again, PATIENCE + 1, liar_is_right=True)
    assert verdicts(again)[1:] == [("liar", PATIENCE + 1, False, "agrees again")]
    assert verdicts(again, since=PATIENCE + 1) == verdicts(again)[1:]


def test_with_nobody_to_believe_a_peer_learns_alone() -> None:
    guarded, alone = listening(), listening()
    guarded.said = Posteriors(0, said_by(True, 0))
    lie = {"liar": Posteriors(0, said_by(False, 1))}
    Guarded(FedH2L(steps=3)).listen(guarded, 0, lie)
    Alone(steps=3).listen(alone, 0, {})
    first, second = guarded.learner.state_dict(), alone.learner.state_dict()
    assert all(np.array_equal(first[key], second[key]) for key in first)


def test_two_liars_of_five_do_less_harm_to_the_guarded() -> None:
    x, y = blobs(300, 3, seed=7)

    def reached(guard: bool) -> float:
        seeds = seed_set(90, 3, labelled=False)
        peers = [Peer(name, torch_learner(i, rows=24), seeds) for i, name in enumerate("abcde")]
        method = Guarded(FedH2L(steps=5)) if guard else FedH2L(steps=5)
        for _ in run(Poisoned(method, ("b", "d"), "colluding"), peers, rounds=8):
            pass
        if guard:
            assert {v.sender for v in verdicts(peers[0]) if v.dropped} == {"b", "d"}
        return float(np.mean([accuracy(p.learner.posteriors(x), y) for p in peers[::2]]))

    assert reached(guard=True) > reached(guard=False) + 0.05


def test_a_method_with_a_codec_of_its_own_keeps_it_under_guard() -> None:
    sent: list[dict[str, bytes]] = []
    for method in (FedCT(warmup=0), Guarded(FedCT(warmup=0))):
        peers = [
            Peer(name, torch_learner(seed=i), seed_set(labelled=False))
            for i, name in enumerate("ab")
        ]
        sent.append(dict(next(run(method, peers, rounds=1)).frames))
    assert sent[0] == sent[1]
