"""FedProto (Tan et al., arXiv:2105.00243, AAAI 2022): the mean embedding of each class travels, and
embeddings are pulled to the mean of all peers'.

C_k,c = mean of e_k(x) over the peer's rows of class c; C̄_c = Σ_k (n_kc/n_c) C_k,c; loss CE(y, f) +
λ‖e(x) − C̄_y‖², λ = 1.

Departures: the embedding is the input of the last linear layer, averaged over neighbours to `width`
numbers, so that unlike networks agree on the size; the square is averaged over these; prototypes
are those of the model as it speaks; the mean includes one's own; and labelled seed rows are learnt,
too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float

from fedh2l.algorithms.baselines import labelled_lesson
from fedh2l.bounds import bounded, check_fields
from fedh2l.error import FedH2LError
from fedh2l.learner import Embedded
from fedh2l.message import Inbox, Prototypes
from fedh2l.peer import Peer

Means = Float[np.ndarray, "classes width"]


@dataclass(frozen=True)
class FedProto:
    """Pull embeddings to the mean embedding that all peers have of their class.

    Parameters
    ----------
    steps
        Local steps per round.
    seed_batch
        Labelled seed rows per step, given to this method as to the others; 0: private rows only.
    reuse
        How many of the last views are learnt from.
    weight
        λ: weight of the distance to the prototypes, against 1 for the labels.
    width
        Numbers in a prototype.
    """

    reads_rows: ClassVar[bool] = True  # the private ones, themselves
    steps: int = bounded(10, least=1)
    seed_batch: int = bounded(48, least=0)
    reuse: int = bounded(3, least=1)
    weight: float = bounded(1.0, least=0)
    width: int = bounded(64, least=1)

    def __post_init__(self) -> None:
        check_fields(self)

    def speak(self, peer: Peer, t: int) -> Prototypes:
        x, y = peer.private_rows()
        embedded = embedding_of(peer).embedding.of(x, self.width)
        if not np.isfinite(embedded).all():
            raise FedH2LError(
                f"{peer.name}: NaN or infinity in its embeddings; its training has diverged: lower "
                "the learning rate or check its data"
            )
        return prototypes_of(t, embedded, y, len(peer.seed_set.classes))

    def listen(self, peer: Peer, t: int, inbox: Inbox) -> float | None:
        said = {name: m for name, m in inbox.items() if isinstance(m, Prototypes)}
        if isinstance(peer.said, Prototypes):
            said[peer.name] = peer.said
        # Sorted: float sums must be the same on every peer.
        means, known = mean_prototypes([said[name] for name in sorted(said)])
        embedding_of(peer).embedding.pull(means, known, self.weight)
        lesson = labelled_lesson(peer.seed_set, t, self.reuse, self.seed_batch)
        return peer.learn(lesson, self.steps)


def embedding_of(peer: Peer) -> Embedded:
    """The peer's learner, refused where its model has no embedding."""
    if not isinstance(peer.learner, Embedded):
        raise FedH2LError(
            f"{peer.name}: a {type(peer.learner).__name__} has no embedding to make prototypes of; "
            "fedproto needs networks of PyTorch, fedh2l takes any model"
        )
    return peer.learner


def prototypes_of(
    t: int, embedded: Float[np.ndarray, "rows width"], y: np.ndarray, classes: int
) -> Prototypes:
    """The mean embedding of each class, zeros where there is no row, and how many rows it has."""
    counts = np.bincount(y, minlength=classes)
    means = np.zeros((classes, embedded.shape[1]), np.float32)
    for c in np.flatnonzero(counts):
        means[c] = embedded[y == c].mean(0)
    return Prototypes(t, len(y), {"counts": counts.astype(np.float32), "means": means})


def mean_prototypes(said: Sequence[Prototypes]) -> tuple[Means, Bool[np.ndarray, " classes"]]:
    """The mean of each class over the peers, by their rows of it, and whether any peer has rows."""
    counts = np.stack([np.maximum(m.arrays["counts"], 0) for m in said])
    means = np.stack([m.arrays["means"] for m in said])
    share = counts / np.maximum(counts.sum(0), 1)
    return np.einsum("pc,pcw->cw", share, means).astype(np.float32), np.asarray(counts.any(0))
