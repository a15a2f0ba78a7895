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
        "fedmd": "fedh2l.algorithms.fedmd:FedMD",
        "ds-fl": "fedh2l.algorithms.ds_fl:DSFL",
        "dml": "fedh2l.algorithms.dml:DML",
        "fedct": "fedh2l.algorithms.fedct:FedCT",
        "selective-fd": "fedh2l.algorithms.selective_fd:SelectiveFD",
    },
)
