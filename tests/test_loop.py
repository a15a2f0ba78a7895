import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from conftest import Says, blobs, seed_set, torch_learner, torch_peers
from fedh2l.algorithms.baselines import Alone, Pooled, SeedOnly
from fedh2l.algorithms.fedh2l import FedH2L
from fedh2l.error import FedH2LError
from fedh2l.exchange.in_process import InProcess
from fedh2l.loop import Algorithm, run
from fedh2l.peer import Peer

Outbox = Mapping[str, bytes]
Inboxes = dict[str, dict[str, tuple[bytes, ...]]]


def everyone(outbox: Outbox) -> Inboxes:
    return {me: {s: (m,) for s, m in outbox.items() if s != me} for me in outbox}


def beliefs(peers: list[Peer]) -> np.ndarray:
    return np.stack([p.learner.posteriors(blobs(20, seed=50)[0]) for p in peers])


def test_peers_teach_each_other() -> None:
    """A peer that never saw class 2 learns it from the posteriors of one that did: the seeds have
    no labels.
    """
    peers = torch_peers("ab", labelled=False)
    x, y = blobs(120, seed=4)
    peers[0].learner = torch_learner(7)
    blind = torch_learner(8, data=(x[y != 2], y[y != 2]))
    peers[1].learner = blind
    for _ in run(FedH2L(steps=10), peers, rounds=30):
        pass
    test_x, test_y = blobs(90, seed=5)
    assert (blind.posteriors(test_x[test_y == 2]).argmax(1) == 2).mean() > 0.6


def test_the_order_of_arrival_does_not_matter() -> None:
    shuffle = random.Random(0)

    def reordering(t: int, outbox: Outbox) -> Inboxes:
        return {
            me: dict(shuffle.sample(sorted(posts.items()), len(posts)))
            for me, posts in everyone(outbox).items()
        }

    straight, shuffled = torch_peers("abcd"), torch_peers("abcd")
    for _ in run(FedH2L(steps=2), straight, rounds=3):
        pass
    for _ in run(FedH2L(steps=2), shuffled, reordering, rounds=3):
        pass
    np.testing.assert_array_equal(beliefs(straight), beliefs(shuffled))


def test_lost_messages_are_named_and_the_run_goes_on() -> None:
    rounds = list(run(FedH2L(steps=1), torch_peers("abcd"), InProcess(loss=0.4, seed=1), rounds=6))
    assert len(rounds) == 6
    lost = [(r.t, me, s) for r in rounds for me, senders in r.missing.items() for s in senders]
    heard = sum(len(h) for r in rounds for h in r.heard.values())
    assert lost
    assert len(lost) + heard == 6 * 4 * 3


def test_an_absent_peer_hears_and_says_nothing_but_keeps_learning() -> None:
    exchange = InProcess(participation=0.5, seed=2)
    peers = torch_peers("abcd")
    before = beliefs(peers)
    for r in run(FedH2L(steps=1), peers, exchange, rounds=1):
        away = {n for n in "abcd" if not r.receivers[n]}
        assert len(away) == 2
        for name in "abcd":
            assert set(r.missing[name]) == (set("abcd") - {name} if name in away else away)
    assert (beliefs(peers) != before).any((1, 2)).all()


def test_a_stranger_is_not_believed() -> None:
    def forging(t: int, outbox: Outbox) -> Inboxes:
        inboxes = everyone(outbox)
        inboxes["a"]["b"] = (outbox["b"][:-3],)
        inboxes["a"]["mallory"] = (b"H2" + bytes(10),)
        return inboxes

    (r,) = run(FedH2L(steps=1), torch_peers("abc"), forging, rounds=1)
    assert set(r.refused["a"]) == {"b", "mallory"}
    assert "damaged" in r.refused["a"]["b"]
    assert not r.refused["b"]


def test_a_network_that_is_silent_leaves_everybody_learning_alone() -> None:
    peers = torch_peers(labelled=False)
    before = beliefs(peers)
    for r in run(
        FedH2L(steps=2),
        peers,
        lambda t, outbox: {n: dict.fromkeys(set(outbox) - {n}, ()) for n in outbox},
        rounds=2,
    ):
        assert all(len(m) == 2 for m in r.missing.values())
    assert (beliefs(peers) != before).any()


def test_a_warm_up_is_local_learning_without_a_word() -> None:
    peers, alone = torch_peers(labelled=False), torch_peers(labelled=False)
    rounds = run(FedH2L(steps=2, warmup=2), peers, rounds=3)
    assert not next(rounds).said and not next(rounds).said
    for _ in run(Alone(steps=2), alone, rounds=2):
        pass
    np.testing.assert_array_equal(beliefs(peers), beliefs(alone))
    last = next(rounds)
    assert set(last.said) == {p.name for p in peers} and all(
        len(h) == len(peers) - 1 for h in last.heard.values()
    )


def test_who_says_nothing_hears_nothing_and_the_others_go_on() -> None:
    class Mute(FedH2L):
        def speak(self, peer: Peer, t: int):  # type: ignore[no-untyped-def]
            return None if peer.name == "a" else super().speak(peer, t)

        def listen(self, peer: Peer, t: int, inbox):  # type: ignore[no-untyped-def]
            return None if peer.name == "a" else super().listen(peer, t, inbox)

    def also_to_a(t: int, outbox: Outbox) -> Inboxes:
        return everyone(outbox) | {"a": {n: (m,) for n, m in outbox.items()}}

    (r,) = run(Mute(steps=1), torch_peers("abc"), also_to_a, rounds=1)
    assert r.heard["a"] == {}
    assert set(r.heard["b"]) == {"c"}


def test_a_peer_can_be_rebuilt_between_speaking_and_listening() -> None:
    whole, parted = torch_peers("ab"), torch_peers("ab")
    method = FedH2L(steps=2)
    for peers, rebuild in ((whole, False), (parted, True)):
        for p in peers:
            p.said = method.speak(p, 0)
        said = {p.name: p.said for p in peers if p.said is not None}
        if rebuild:
            saved = [{k: v.copy() for k, v in p.state_dict().items()} for p in peers]
            peers[:] = torch_peers("ab")
            for p, state in zip(peers, saved, strict=True):
                p.load_state_dict(state)
        for p in peers:
            method.listen(p, 0, {n: m for n, m in said.items() if n != p.name})
    np.testing.assert_array_equal(beliefs(whole), beliefs(parted))


def test_a_run_whose_rounds_nobody_asks_for_says_that_it_did_nothing() -> None:
    with pytest.warns(RuntimeWarning, match="for r in run"):
        run(FedH2L(), torch_peers("ab"), rounds=5)
    rounds = run(FedH2L(steps=1), torch_peers("ab"), rounds=5)
    assert next(rounds).t == 0  # one is enough: the caller may stop


def test_what_cannot_run_is_refused_before_the_first_round_is_asked_for() -> None:
    with pytest.raises(FedH2LError, match="no peers"):
        run(FedH2L(), [], rounds=1)
    with pytest.raises(FedH2LError, match="unknown codec 'lattise': did you mean 'lattice'"):
        run(FedH2L(), torch_peers("ab"), rounds=1, codec="lattise")
    method: Any = FedH2L
    with pytest.raises(FedH2LError, match=r"FedH2L is a class.*FedH2L\(\)"):
        run(method, torch_peers("ab"), rounds=1)


@pytest.mark.parametrize(
    ("graph", "complaint"),
    [
        ({"a": ["bb"], "b": ["a"]}, "'a' hears .'bb'., and 'bb' is no peer; the peers are a, b"),
        ({"a": ["b"], "b": ["a"], "c": ["a"]}, "'c' is no peer"),
        ({"a": ["b"]}, "the graph has no peer 'b'"),
    ],
)
def test_a_graph_is_over_the_peers(graph: dict[str, list[str]], complaint: str) -> None:
    with pytest.raises(FedH2LError, match=complaint):
        run(FedH2L(), torch_peers("ab"), InProcess(graph), rounds=1)


class Diverges(Says):
    """A learner whose second lesson is one too many."""

    lessons = 0

    def learn(self, lesson: object, steps: int) -> None:
        self.lessons += 1
        if self.lessons == 2:
            self.probs = self.probs * np.nan


@pytest.mark.parametrize("method", [Alone(), SeedOnly(), Pooled(), FedH2L()])
def test_a_model_that_diverges_in_the_last_round_ends_the_run(method: Algorithm) -> None:
    sure = np.full((12, 3), 1 / 3, np.float32)
    peers = [Peer("a", Diverges(sure), seed_set()), Peer("b", Says(sure), seed_set())]
    rounds = run(method, peers, rounds=2)
    next(rounds)
    with pytest.raises(FedH2LError, match=r"a: NaN or infinity in the posteriors; .*diverged"):
        next(rounds)
