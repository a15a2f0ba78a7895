"""FedProx (arXiv:1812.06127): FedAvg whose peers are pulled back to the last average."""

from dataclasses import dataclass
from typing import ClassVar

from fedh2l.algorithms.fedavg import FedAvg, weighted
from fedh2l.bounds import bounded, check_fields
from fedh2l.message import Inbox, Weights
from fedh2l.peer import Peer


@dataclass(frozen=True)
class FedProx:
    """Local learning with the proximal term μ/2·‖w − last average‖², then averaging.

    Parameters
    ----------
    steps
        Local steps per round.
    proximal
        μ: how strongly a peer is pulled towards the last average; 0 is FedAvg.
    seed_batch
        Labelled seed rows per step, given to this method as to the others; 0: private rows only.
    reuse
        How many of the last views are learnt from.
    """

    one_architecture: ClassVar[bool] = True  # for all peers, and one start
    steps: int = bounded(10, least=1)
    proximal: float = bounded(0.01, least=0)
    seed_batch: int = bounded(48, least=0)
    reuse: int = bounded(3, least=1)

    def __post_init__(self) -> None:
        check_fields(self)

    def speak(self, peer: Peer, t: int) -> Weights:
        learner = weighted(peer)
        learner.load_weights(learner.weights(), self.proximal)
        return self._averaging().speak(peer, t)

    def listen(self, peer: Peer, t: int, inbox: Inbox) -> None:
        self._averaging().listen(peer, t, inbox)

    def _averaging(self) -> FedAvg:
        return FedAvg(steps=self.steps, seed_batch=self.seed_batch, reuse=self.reuse)
