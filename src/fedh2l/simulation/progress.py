"""What has become of every peer: bytes, faults and accuracies, counted as rounds go by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fedh2l.algorithms.guarded import verdicts
from fedh2l.data.domains import FederatedData
from fedh2l.learner import Accounted, Weighted
from fedh2l.loop import Round
from fedh2l.metrics import Scores, scores
from fedh2l.others import Others
from fedh2l.peer import Peer
from fedh2l.record.sent import on_wire
from fedh2l.wire.header import HEADER

MOST_DOMAINS = 20  # on which each peer is evaluated besides its own


@dataclass
class Progress:
    """What has become of one peer so far.

    Counts are of the whole run; accuracies of its last evaluation.
    """

    payload_bytes_sent: int = 0
    payload_bytes_received: int = 0
    wire_bytes_sent: int = 0  # with TLS, TCP and IP, estimated (sent.on_wire)
    wire_bytes_received: int = 0
    # What as many messages with this model's weights would have been; None: it has no weights.
    weights_bytes: int | None = None
    # Payload bytes in each round since the evaluation before.
    sent: list[int] = field(default_factory=list[int])
    received: list[int] = field(default_factory=list[int])
    # By sender: messages expected that did not arrive.
    missing: dict[str, int] = field(default_factory=dict[str, int])
    # By sender: messages that arrived and were not believed.
    refused: dict[str, int] = field(default_factory=dict[str, int])
    # Whom its guard dropped, or heard again, when and why; so far.
    verdicts: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    # What it has spent of its privacy budget (`Spent`); None: it has none.
    privacy: dict[str, Any] | None = None
    conflict_rate: float | None = None  # mean over the rounds in which it was measured
    conflict_rounds: int = 0
    validation: Scores | None = None
    test: Scores | None = None  # after the last round only: nothing is ever chosen on it
    # Of the round that it keeps (--keep), and its scores on the test rows; known at the end.
    kept_round: int | None = None
    kept: Scores | None = None

    def count(self, r: Round, name: str, one_of_weights: int | None) -> None:
        """Add round r of the peer of this name; one message of its weights would be so long."""
        copies, length = len(r.receivers[name]), len(r.frames.get(name, b""))
        received, received_on_wire = _received(r.heard[name])
        self.sent.append(length * copies)
        self.received.append(received)
        self.payload_bytes_sent += self.sent[-1]
        self.payload_bytes_received += received
        self.wire_bytes_sent += on_wire(length) * copies
        self.wire_bytes_received += received_on_wire
        if one_of_weights is not None:
            self.weights_bytes = (self.weights_bytes or 0) + one_of_weights * copies

        for tally, senders in ((self.missing, r.missing[name]), (self.refused, r.refused[name])):
            for sender in senders:
                tally[sender] = tally.get(sender, 0) + 1

        rate = r.conflict_rate.get(name)
        if rate is not None:
            total = (self.conflict_rate or 0.0) * self.conflict_rounds + rate
            self.conflict_rounds += 1
            self.conflict_rate = total / self.conflict_rounds


def _received(heard: Mapping[str, int]) -> tuple[int, int]:
    """Bytes of all frames that a peer heard, and on the wire."""
    if not isinstance(heard, Others):
        return sum(heard.values()), sum(map(on_wire, heard.values()))
    # Where all hear all others, the sum over all is the same for each of them.
    payload, on_the_wire = heard.everyone.once("bytes", lambda: _received(dict(heard.everyone)))
    own = heard.everyone.get(heard.me, 0)
    return payload - own, on_the_wire - on_wire(own)


def evaluate(
    progress: Mapping[str, Progress], peers: Sequence[Peer], data: FederatedData, *, last: bool
) -> None:
    """Every peer on the rows of every domain, or of its own and of `sample_of` the domains where
    they are many: on the validation rows and, at the very end, on the test rows.

    Raises FedH2LError where a peer's posteriors are no distributions: its training has diverged.
    """
    sample = sample_of(list(data.domains), data.digest)
    for p in peers:
        names = dict.fromkeys([*sample, p.name])
        validation = {name: data.domains[name].validation for name in names}
        progress[p.name].validation = scores(p.learner, p.name, validation, sample)
        if isinstance(p.learner, Accounted):
            progress[p.name].privacy = p.learner.spent()._asdict()
        progress[p.name].verdicts = [v._asdict() for v in verdicts(p)]
        if last:
            progress[p.name].test = test_scores(p, data)


def test_scores(peer: Peer, data: FederatedData) -> Scores:
    """A peer on the test rows of every domain, or of its own and of `sample_of` them."""
    sample = sample_of(list(data.domains), data.digest)
    names = dict.fromkeys([*sample, peer.name])
    return scores(peer.learner, peer.name, {n: data.domains[n].test for n in names}, sample)


def sample_of(domains: Sequence[str], digest: str) -> list[str]:
    """Of many domains the ones on which all peers are evaluated: the same in all rounds, drawn by
    the digest of the data. N peers on N domains would take more time than their training.
    """
    if len(domains) <= MOST_DOMAINS:
        return list(domains)
    rng = np.random.default_rng(int(digest[:16], 16))
    places = sorted(int(i) for i in rng.permutation(len(domains))[:MOST_DOMAINS])
    return [domains[i] for i in places]


def weights_bytes(peer: Peer) -> int | None:
    """Bytes of one message with the model's parameters as float32, as FedAvg would send it."""
    if not isinstance(peer.learner, Weighted):
        return None
    arrays = peer.learner.weights().values()
    return HEADER.size + 4 + 4 * sum(a.size for a in arrays if a.dtype.kind == "f")
