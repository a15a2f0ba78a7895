"""Methods: a file each, two verbs, no state."""

from typing import TYPE_CHECKING

from fedh2l.choices import Choices

if TYPE_CHECKING:
    from fedh2l.loop import Algorithm

ALGORITHMS: "Choices[type[Algorithm]]" = Choices(
    "algorithm",
    {
        "fedh2l": "fedh2l.algorithms.fedh2l:FedH2L",
        "alone": "fedh2l.algorithms.baselines:Alone",
        "seed-only": "fedh2l.algorithms.baselines:SeedOnly",
        "pooled": "fedh2l.algorithms.baselines:Pooled",
        "fedavg": "fedh2l.algorithms.fedavg:FedAvg",
        "fedprox": "fedh2l.algorithms.fedprox:FedProx",
        "fd": "fedh2l.algorithms.fd:FD",
        "fedmd": "fedh2l.algorithms.fedmd:FedMD",
        "ds-fl": "fedh2l.algorithms.ds_fl:DSFL",
        "feddf": "fedh2l.algorithms.feddf:FedDF",
        "dml": "fedh2l.algorithms.dml:DML",
        "fml": "fedh2l.algorithms.fml:FML",
        "kt-pfl": "fedh2l.algorithms.kt_pfl:KTpFL",
        "fccl": "fedh2l.algorithms.fccl:FCCL",
        "fedproto": "fedh2l.algorithms.fedproto:FedProto",
        "one-shot": "fedh2l.algorithms.one_shot:OneShot",
        "fedct": "fedh2l.algorithms.fedct:FedCT",
        "selective-fd": "fedh2l.algorithms.selective_fd:SelectiveFD",
        "trust": "fedh2l.algorithms.trust:Trust",
    },
)
