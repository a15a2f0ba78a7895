"""Who may be a peer, and which peers are one federation."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from conftest import Says, blobs, seed_set, torch_learner, torch_peers
from fedh2l.algorithms.fedh2l import FedH2L
from fedh2l.error import FedH2LError
from fedh2l.exchange.in_process import InProcess
from fedh2l.learners.torch import TorchLearner
from fedh2l.loop import run
from fedh2l.peer import Peer
from fedh2l.seedset import SeedSet


def test_peers_must_agree() -> None:
    a, b = torch_peers("ab")
    x = b.seed_set.x.copy()
    x[0, 0] += 1e-6
    with pytest.raises(FedH2LError, match="is not the one of a"):
        list(
            run(
                FedH2L(),
                [a, Peer("b", b.learner, SeedSet(x, b.seed_set.classes, b.seed_set.labels))],
                rounds=1,
            )
        )
    renamed = SeedSet(b.seed_set.x, ("x", "y", "z"), b.seed_set.labels)
    with pytest.raises(FedH2LError, match=r"classes \['x', 'y', 'z'\], but a has"):
        list(run(FedH2L(), [a, Peer("b", b.learner, renamed)], rounds=1))
    with pytest.raises(FedH2LError, match="two peers of one name"):
        list(run(FedH2L(), [a, a], rounds=1))
    with pytest.raises(FedH2LError, match="no peers"):
        list(run(FedH2L(), [], rounds=1))


@pytest.mark.parametrize(
    ("probs", "complaint"),
    [
        (np.full((12, 3), np.nan, np.float32), "diverged"),
        (np.random.default_rng(0).normal(size=(12, 3)), "apply softmax"),
        (np.full((12, 3), 0.5, np.float32), "row sums 1.5"),
        (np.full((12, 4), 0.25, np.float32), r"shape \(12, 4\), expected \(12, 3\)"),
    ],
)
def test_what_is_not_a_distribution_never_leaves(probs: np.ndarray, complaint: str) -> None:
    peer = Peer("paris", Says(probs), seed_set())
    with pytest.raises(FedH2LError, match=f"paris.*{complaint}"):
        list(run(FedH2L(), [peer, *torch_peers("a")], rounds=1))


@pytest.mark.parametrize("name", ["", "a b", "../x", "x" * 65, "\x1b[2J"])
def test_names_are_safe_in_a_path_and_a_terminal(name: str) -> None:
    with pytest.raises(FedH2LError, match="peer name"):
        Peer(name, torch_learner(), seed_set())


def test_two_peers_do_not_share_what_learning_changes() -> None:
    learner, other, seeds = torch_learner(), torch_learner(1), seed_set()
    with pytest.raises(FedH2LError, match="a and b share one learner; every peer needs its own"):
        run(FedH2L(), [Peer("a", learner, seeds), Peer("b", learner, seeds)], rounds=1)

    same = TorchLearner(learner.model, torch.optim.SGD(learner.model.parameters()), blobs(60))
    three = [Peer("a", learner, seeds), Peer("b", other, seeds), Peer("c", same, seeds)]
    with pytest.raises(FedH2LError, match="a and c share one model"):
        run(FedH2L(), three, rounds=1)

    model = nn.Sequential(*learner.model.children())
    partly = TorchLearner(model, torch.optim.SGD(model.parameters()), blobs(60))
    with pytest.raises(FedH2LError, match="a and b share one part of a model"):
        run(FedH2L(), [Peer("a", learner, seeds), Peer("b", partly, seeds)], rounds=1)


def test_what_cannot_learn_is_no_peer() -> None:
    unwrapped: Any = nn.Linear(6, 3)
    peer: Any = Peer.__new__(Peer)
    peer.name, peer.learner = "paris", unwrapped
    with pytest.raises(FedH2LError, match="paris: a Linear is no learner, it lacks posteriors, le"):
        peer.__post_init__()


@pytest.mark.parametrize("exchange", [None, InProcess()])
def test_owners_are_peers_where_all_peers_are_at_hand(exchange: InProcess | None) -> None:
    owned = replace(seed_set(), owners=np.array(["a", "b", "zoe"] * 4))
    peers = [Peer("a", torch_learner(), owned), Peer("b", torch_learner(1), owned)]
    with pytest.raises(FedH2LError, match="rows of 'zoe', who is no peer; the peers are a, b"):
        run(FedH2L(), peers, exchange, rounds=1)
