"""Seed set, labels, the learner contract, and one round with the member's own model, of which
nothing is sent.
"""

import time
import warnings
from collections.abc import Iterator

from fedh2l.algorithms.baselines import Alone
from fedh2l.error import FedH2LError
from fedh2l.finding import Finding, guarded
from fedh2l.learners.contract.examine import examine
from fedh2l.learners.own_file import own_learner
from fedh2l.live.trust.terms import Terms
from fedh2l.message import Message
from fedh2l.peer import Peer
from fedh2l.seedset import SeedSet
from fedh2l.wire import CODECS
from fedh2l.wire.frame import encode
from fedh2l.wire.header import Session


def look_at_seed_set(terms: Terms, seeds: SeedSet) -> Iterator[Finding]:
    """Whether rows and classes are those of the terms."""
    is_agreed = seeds.digest == terms.seed_set
    fix = "" if is_agreed else "not the file of the terms; ask the convener for it"
    yield Finding("seed set", is_agreed, seeds.fingerprint, fix)

    in_order = seeds.classes == terms.classes
    fix = "" if in_order else f"the terms say {', '.join(terms.classes[:12])}"
    yield Finding("classes", in_order, ", ".join(seeds.classes[:12]), fix)


def look_at_model(terms: Terms, name: str, seeds: SeedSet, model: str) -> Iterator[Finding]:
    """The member's own model: what every learner promises, and a round of this federation."""
    yield from examine(lambda: own_learner(model, seeds)[0], seeds)
    yield from guarded("dry round", _dry_round(terms, name, seeds, model))


def _dry_round(terms: Terms, name: str, seeds: SeedSet, model: str) -> Iterator[Finding]:
    clock = time.perf_counter()
    learner, _ = own_learner(model, seeds)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is doubtful was found already
        peer = Peer(name, learner, seeds)
    Alone().listen(peer, 0, {})
    message = _first_message(terms, peer)
    data = encode(message, Session(CODECS[terms.codec], seeds.digest), peer.wire)
    seconds = time.perf_counter() - clock
    yield Finding("dry round", True, f"{len(data)} bytes in {seconds:.1f} s; nothing was sent")


def _first_message(terms: Terms, peer: Peer) -> Message:
    """The peer's message of the first round in which its method says anything."""
    method = terms.method
    for t in range(terms.rounds):
        message = method.speak(peer, t)
        if message is not None:
            return message
    raise FedH2LError(
        f"{terms.algorithm} says nothing in all {terms.rounds} rounds; tell the convener"
    )
