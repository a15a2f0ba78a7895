"""No barrier: a method that learns from the newest word of each peer, the less the older it is."""

from dataclasses import dataclass

import numpy as np

from fedh2l.error import FedH2LError
from fedh2l.loop import Algorithm
from fedh2l.message import Inbox, Message, Posteriors
from fedh2l.peer import Peer

OLDEST = 32  # rounds after which a word is not learnt from any more


@dataclass(frozen=True)
class WithoutBarrier:
    """Peers count their rounds by themselves, so age is in the hearer's: how many it has finished
    since it heard something new.

    A voice of age a is what that peer said, mixed with the hearer's own: 2^(−a / half_life) of it.
    The questions must not change between rounds.
    """

    method: Algorithm
    half_life: float = 4.0  # rounds of the hearer after which half of a voice is left

    def speak(self, peer: Peer, t: int) -> Message | None:
        message = self.method.speak(peer, t)
        if isinstance(message, Posteriors) and (message.fresh or message.rounds_left is not None):
            raise FedH2LError(
                f"{peer.name}: without a barrier the questions must not change between rounds; "
                "ask about the whole seed set, without views and mixtures"
            )
        return message

    def listen(self, peer: Peer, t: int, inbox: Inbox) -> float | None:
        if not isinstance(peer.said, Posteriors):  # it said nothing, so it heard nothing
            return self.method.listen(peer, t, inbox)
        own = peer.said.probs
        for name, m in inbox.items():
            if isinstance(m, Posteriors):
                peer.memory |= {f"said.{name}": m.probs, f"heard.{name}": np.array(t)}
        voices: dict[str, Posteriors] = {}
        for name in sorted(k.removeprefix("said.") for k in peer.memory if k.startswith("said.")):
            age = t - int(peer.memory[f"heard.{name}"])
            if age > OLDEST:
                del peer.memory[f"said.{name}"], peer.memory[f"heard.{name}"]
                continue
            left = np.float32(2.0 ** (-age / self.half_life))
            voices[name] = Posteriors(t, left * peer.memory[f"said.{name}"] + (1 - left) * own)
        return self.method.listen(peer, t, voices)
