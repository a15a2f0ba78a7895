"""Evaluation where domains are many."""

import numpy as np

from conftest import Says, blobs, seed_set
from fedh2l.data.domains import Domain, FederatedData
from fedh2l.peer import Peer
from fedh2l.simulation.progress import MOST_DOMAINS, Progress, evaluate, sample_of

NAMES = [f"p{i:02d}" for i in range(30)]


def test_of_many_domains_every_peer_is_evaluated_on_the_same_few_and_its_own() -> None:
    x, y = blobs(30)
    knows = np.eye(3, dtype=np.float32)[y]
    lies = np.roll(knows, 1, axis=1)
    data = FederatedData({n: Domain((x, y), (x, y), (x, y)) for n in NAMES}, seed_set())
    sample = sample_of(NAMES, data.digest)
    assert len(set(sample)) == MOST_DOMAINS and set(sample) < set(NAMES)
    assert sample_of(NAMES[:20], data.digest) == NAMES[:20]

    asked: list[int] = []

    class Counts(Says):
        def posteriors(self, x: np.ndarray) -> np.ndarray:
            asked.append(len(x))
            return self.probs

    outside = next(name for name in NAMES if name not in sample)
    peers = [
        Peer(sample[0], Counts(knows), data.seed_set),
        Peer(outside, Counts(lies), data.seed_set),
    ]
    progress = {p.name: Progress() for p in peers}
    evaluate(progress, peers, data, last=False)
    assert len(asked) == MOST_DOMAINS + MOST_DOMAINS + 1
    inside, other = progress[sample[0]].validation, progress[outside].validation
    assert inside is not None and other is not None
    assert (inside["own_accuracy"], inside["worst_domain_accuracy"]) == (1.0, 1.0)
    assert (other["own_accuracy"], other["all_domain_accuracy"]) == (0.0, 0.0)
    assert list(other.get("domain_accuracies", {})) == sample
