"""Federated learning between unlike models on unlike data: peers exchange posteriors on a shared
seed set, and nothing else.

    for r in run(FedH2L(), [Peer("paris", learner, seed_set), Peer("rome", other, seed_set)],
    rounds=30):
        print(r.t, r.sent)

Learners are imported from their own files, so that nobody loads a framework that is not used:
`fedh2l.learners.torch.TorchLearner`, `fedh2l.learners.sklearn.SklearnLearner`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fedh2l.algorithms.baselines import Alone, Pooled, SeedOnly
    from fedh2l.algorithms.dml import DML
    from fedh2l.algorithms.ds_fl import DSFL
    from fedh2l.algorithms.fccl import FCCL
    from fedh2l.algorithms.fd import FD
    from fedh2l.algorithms.fedavg import FedAvg
    from fedh2l.algorithms.fedct import FedCT
    from fedh2l.algorithms.feddf import FedDF
    from fedh2l.algorithms.fedh2l import FedH2L
    from fedh2l.algorithms.fedmd import FedMD
    from fedh2l.algorithms.fedproto import FedProto
    from fedh2l.algorithms.fedprox import FedProx
    from fedh2l.algorithms.fml import FML
    from fedh2l.algorithms.kt_pfl import KTpFL
    from fedh2l.algorithms.one_shot import OneShot
    from fedh2l.algorithms.selective_fd import SelectiveFD
    from fedh2l.algorithms.trust import Trust
    from fedh2l.delivery import Delivery, Exchange
    from fedh2l.error import FedH2LError
    from fedh2l.exchange.in_process import InProcess
    from fedh2l.learner import Learner, Lesson, Weighted
    from fedh2l.loop import Algorithm, Round, run
    from fedh2l.message import Posteriors, Weights
    from fedh2l.metrics import accuracy
    from fedh2l.peer import Peer
    from fedh2l.seedset import SeedSet

__all__ = [
    "DML",
    "DSFL",
    "FCCL",
    "FD",
    "FML",
    "Algorithm",
    "Alone",
    "Delivery",
    "Exchange",
    "FedAvg",
    "FedCT",
    "FedDF",
    "FedH2L",
    "FedH2LError",
    "FedMD",
    "FedProto",
    "FedProx",
    "InProcess",
    "KTpFL",
    "Learner",
    "Lesson",
    "OneShot",
    "Peer",
    "Pooled",
    "Posteriors",
    "Round",
    "SeedOnly",
    "SeedSet",
    "SelectiveFD",
    "Trust",
    "Weighted",
    "Weights",
    "accuracy",
    "run",
]

_HOME = {
    "algorithms.fedavg": ["FedAvg"],
    "algorithms.fedh2l": ["FedH2L"],
    "algorithms.fedprox": ["FedProx"],
    "algorithms.fedmd": ["FedMD"],
    "algorithms.fedproto": ["FedProto"],
    "algorithms.trust": ["Trust"],
    "algorithms.one_shot": ["OneShot"],
    "algorithms.kt_pfl": ["KTpFL"],
    "algorithms.fml": ["FML"],
    "algorithms.feddf": ["FedDF"],
    "algorithms.fd": ["FD"],
    "algorithms.fccl": ["FCCL"],
    "algorithms.ds_fl": ["DSFL"],
    "algorithms.dml": ["DML"],
    "algorithms.fedct": ["FedCT"],
    "algorithms.selective_fd": ["SelectiveFD"],
    "algorithms.baselines": ["Alone", "Pooled", "SeedOnly"],
    "error": ["FedH2LError"],
    "exchange.in_process": ["InProcess"],
    "learner": ["Learner", "Lesson", "Weighted"],
    "delivery": ["Delivery", "Exchange"],
    "loop": ["Algorithm", "Round", "run"],
    "message": ["Posteriors", "Weights"],
    "metrics": ["accuracy"],
    "peer": ["Peer"],
    "seedset": ["SeedSet"],
}


def __getattr__(name: str) -> Any:
    """Imported when first asked for: the command line starts without numpy."""
    for module, names in _HOME.items():
        if name in names:
            return getattr(import_module(f"fedh2l.{module}"), name)
    raise AttributeError(f"module 'fedh2l' has no attribute {name!r}")
