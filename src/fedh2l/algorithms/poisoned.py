"""Peers that lie: a method whose liars say something else than what their model believes."""

from dataclasses import dataclass, replace
from zlib import crc32

import numpy as np

from fedh2l.algorithms.attacks import ATTACKS, Probs, Situation
from fedh2l.error import FedH2LError
from fedh2l.learner import under
from fedh2l.loop import Algorithm
from fedh2l.message import Inbox, Message, Posteriors
from fedh2l.peer import Peer

# In the memory of a liar.
TRUTH, HEARD, KEPT = "poisoned.truth", "poisoned.heard", "poisoned.kept."


@dataclass(frozen=True)
class Poisoned:
    """The method, with some peers that lie: to see what their lies do to the honest.

    A liar learns as honestly as the others, so that its lies are well informed.

    Parameters
    ----------
    method
        What the honest do.
    liars
        The names of those who lie.
    attack
        How they lie, a name in `ATTACKS`.
    """

    method: Algorithm
    liars: tuple[str, ...]
    attack: str = "flipped"

    def speak(self, peer: Peer, t: int) -> Message | None:
        message = self.method.speak(peer, t)
        if peer.name not in self.liars or message is None:
            return message
        if not isinstance(message, Posteriors):
            raise FedH2LError(
                f"{peer.name}: lies are made of posteriors, and this method says {message.kind}; "
                "leave --liars out, or use --algorithm fedh2l"
            )
        peer.memory[TRUTH] = message.probs
        situation = self._situation(peer, t, message.probs)
        lie = ATTACKS[self.attack](situation)
        peer.memory |= {KEPT + name: array for name, array in situation.kept.items()}
        return replace(message, probs=lie)

    def listen(self, peer: Peer, t: int, inbox: Inbox) -> float | None:
        if peer.name in self.liars and isinstance(peer.said, Posteriors):
            # Its own model is not to learn from its own lies.
            peer.said = replace(peer.said, probs=peer.memory.pop(TRUTH))
            voices = [inbox[name] for name in sorted(inbox)]
            heard = [m.probs for m in voices if isinstance(m, Posteriors)]
            peer.memory[HEARD] = np.stack(heard) if heard else peer.said.probs[None][:0]
        return self.method.listen(peer, t, inbox)

    def _situation(self, peer: Peer, t: int, truth: Probs) -> Situation:
        heard = peer.memory.get(HEARD, truth[None][:0])
        if heard.shape[1:] != truth.shape:
            heard = truth[None][:0]
        labels = peer.seed_set.soft_labels(peer.seed_set.view_index(t))
        if labels is not None and (len(labels) != len(truth) or not labels.any(1).all()):
            labels = None
        who = [int(peer.seed_set.digest[:16], 16), t, crc32(peer.name.encode())]
        kept = under(peer.memory, KEPT)
        return Situation(t, truth, labels, heard, np.random.default_rng(who), kept)
