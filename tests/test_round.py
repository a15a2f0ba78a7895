"""The facts that the loop tells of a round."""

from collections.abc import Mapping

import numpy as np

from conftest import Says, seed_set, torch_peers
from fedh2l.algorithms.fedavg import FedAvg
from fedh2l.algorithms.fedh2l import FedH2L
from fedh2l.delivery import Delivery
from fedh2l.loop import run
from fedh2l.peer import Peer

Outbox = Mapping[str, bytes]
Inboxes = dict[str, dict[str, tuple[bytes, ...]]]


def everyone(outbox: Outbox) -> Inboxes:
    return {me: {s: (m,) for s, m in outbox.items() if s != me} for me in outbox}


def test_a_round_tells_how_far_apart_peers_are() -> None:
    seeds = seed_set()
    sure = np.eye(3, dtype=np.float32)[np.zeros(12, np.int64)]
    spread = np.array([0.5, 0.5, 0.0], np.float32) + np.zeros((12, 1), np.float32)
    peers = [Peer("a", Says(sure), seeds), Peer("b", Says(spread), seeds)]
    (r,) = run(FedH2L(), peers, rounds=1, codec="float32")
    assert r.apart == {"a": {"b": 0.5}, "b": {"a": 0.5}}
    assert (r.said["a"].kind, r.said["a"].shape) == ("posteriors", (12, 3))
    assert all(p.said is None for p in peers)


def test_weights_say_their_kind_and_how_many_they_are_and_are_not_compared() -> None:
    (r,) = run(FedAvg(steps=1), torch_peers("ab"), rounds=1)
    assert (r.said["a"].kind, r.said["a"].shape) == ("weights", (6 * 16 + 16 + 16 * 3 + 3,))
    assert r.apart == {"a": {}, "b": {}}


def test_the_receivers_are_told_by_the_exchange_or_are_those_that_expected_the_frame() -> None:
    def losing(t: int, outbox: Outbox) -> Inboxes:
        return everyone(outbox) | {"a": {"b": (), "c": (outbox["c"],)}}

    (r,) = run(FedH2L(steps=1), torch_peers("abc"), losing, rounds=1)
    assert r.receivers == {"a": ("b", "c"), "b": ("a", "c"), "c": ("a", "b")}

    def telling(t: int, outbox: Outbox) -> Delivery:
        return Delivery(losing(t, outbox), {"a": ["rome"]})

    (r,) = run(FedH2L(steps=1), torch_peers("abc"), telling, rounds=1)
    assert r.receivers == {"a": ("rome",), "b": (), "c": ()}
