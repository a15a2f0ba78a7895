"""This package at the same work."""

import sys

from torch.optim import SGD

from fedh2l.algorithms.fd import FD
from fedh2l.algorithms.fedavg import FedAvg
from fedh2l.algorithms.fedh2l import FedH2L
from fedh2l.learners.torch import TorchLearner
from fedh2l.loop import run
from fedh2l.peer import Peer
from fedh2l.seedset import SeedSet
from work import BATCH, CLIENTS, PRIVATE, RATE, ROUNDS, SEEDED, STEPS, finished, network, rows

METHODS = {
    "distillation": (FedH2L(steps=STEPS, seed_batch=SEEDED, reuse=1), PRIVATE),
    "tables": (FD(steps=STEPS, seed_batch=BATCH - PRIVATE, labels=False), PRIVATE),
    "averaging": (FedAvg(steps=STEPS, seed_batch=0), BATCH),
}


def main(kind: str) -> None:
    method, batch = METHODS[kind]
    alike = kind == "averaging"
    x, y = rows("seeds")
    seeds = SeedSet(x, tuple("0123456789"), y)
    peers: list[Peer] = []
    for i in range(CLIENTS):
        model = network(i, alike=alike)
        optimizer = SGD(model.parameters(), RATE)
        learner = TorchLearner(model, optimizer, rows(str(i)), batch=batch, channels_last=not alike)
        peers.append(Peer(f"peer{i}", learner, seeds))
    for r in run(method, peers, rounds=ROUNDS):
        finished(r.t + 1)


if __name__ == "__main__":
    main(sys.argv[1])
