"""Seed set, labels, and one round with the member's own model, of which nothing is sent."""

import time
import warnings
from collections.abc import Iterator

import numpy as np
from scipy.optimize import linear_sum_assignment

from fedh2l.algorithms.baselines import Alone
from fedh2l.error import FedH2LError
from fedh2l.learners.own_file import own_learner
from fedh2l.live.doctor.finding import Finding
from fedh2l.live.trust.terms import Terms
from fedh2l.message import Message
from fedh2l.peer import Peer
from fedh2l.seedset import SeedSet
from fedh2l.wire import CODECS
from fedh2l.wire.frame import Session, encode

LOCAL_ROUNDS = 5  # of local learning, before the model is asked


def look_at_seed_set(terms: Terms, seeds: SeedSet) -> Iterator[Finding]:
    same = seeds.digest == terms.seed_set
    yield Finding(
        "seed set",
        same,
        seeds.fingerprint,
        "" if same else "not the file of the terms; ask the convener for it",
    )
    order = seeds.classes == terms.classes
    yield Finding(
        "classes",
        order,
        ", ".join(seeds.classes[:12]),
        "" if order else f"the terms say {', '.join(terms.classes[:12])}",
    )


def dry_round(terms: Terms, name: str, seeds: SeedSet, model: str) -> Iterator[Finding]:
    clock = time.perf_counter()
    try:
        learner, _ = own_learner(model, seeds)
        with warnings.catch_warnings(record=True) as doubts:
            warnings.simplefilter("always")
            peer = Peer(name, learner, seeds)
        for _ in range(LOCAL_ROUNDS):
            Alone().listen(peer, 0, {})
        message = _first_message(terms, peer)
        data = encode(message, Session(CODECS[terms.codec], seeds.digest), peer.wire)
    except Exception as error:
        yield Finding(
            "dry round",
            False,
            f"{type(error).__name__}: {error}",
            f"mend {model}; nothing was sent",
        )
        return
    yield Finding(
        "dry round",
        True,
        f"{len(data)} bytes in {time.perf_counter() - clock:.1f} s; nothing was sent",
    )
    for doubt in doubts:
        yield Finding("private rows", False, str(doubt.message), f"mend the data in {model}")
    if seeds.labels is not None:
        yield _order(peer.posteriors(seeds.x), seeds)


def _first_message(terms: Terms, peer: Peer) -> Message:
    """What the peer says in the first round in which its method says anything."""
    method = terms.method
    for t in range(terms.rounds):
        message = method.speak(peer, t)
        if message is not None:
            return message
    raise FedH2LError(
        f"{terms.algorithm} says nothing in all {terms.rounds} rounds; tell the convener"
    )


def _order(probs: np.ndarray, seeds: SeedSet) -> Finding:
    """Whether some other order of the columns would fit the seed labels far better than the agreed
    one.
    """
    assert seeds.labels is not None
    table = np.zeros((len(seeds.classes), len(seeds.classes)))
    np.add.at(table, (probs.argmax(1), seeds.labels), 1)
    columns, classes = linear_sum_assignment(-table)
    now, best = np.trace(table) / len(seeds), table[columns, classes].sum() / len(seeds)
    if best < now + 0.2:
        return Finding(
            "label order",
            True,
            f"{100 * now:.0f} % of the seed labels after a little local learning",
        )
    moved = [
        f"column {c} looks like {seeds.classes[k]!r}"
        for c, k in zip(columns, classes, strict=True)
        if c != k
    ]
    return Finding(
        "label order",
        False,
        f"{100 * now:.0f} % of the seed labels, reordered {100 * best:.0f} %: "
        f"{', '.join(moved[:3])}",
        f"number your labels in this order: {', '.join(seeds.classes[:12])}",
    )
