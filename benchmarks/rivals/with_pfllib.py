"""PFLlib's FedAvg, from a checkout in PFLLIB, at the same work."""

# pyright: reportMissingImports=false, reportUntypedBaseClass=false
# pyright: reportUnknownParameterType=false, reportMissingParameterType=false
import os
import sys
from argparse import Namespace
from pathlib import Path

import numpy as np
import torch

from work import BATCH, CLASSES, CLIENTS, RATE, ROUNDS, finished, network, rows

sys.path.insert(0, str(Path(os.environ["PFLLIB"]) / "system"))
from flcore.servers.serveravg import FedAvg

settings = {"dataset": "rows", "algorithm": "FedAvg", "device": "cpu", "num_classes": CLASSES}
settings |= {"num_clients": CLIENTS, "global_rounds": ROUNDS - 1, "local_epochs": 1}
settings |= {"batch_size": BATCH, "local_learning_rate": RATE, "eval_gap": 10**6}
settings |= {"join_ratio": 1.0, "random_join_ratio": False, "few_shot": 0, "time_select": False}
settings |= {"goal": "bench", "time_threthold": 1e4, "top_cnt": 100, "auto_break": False}
settings |= {"client_drop_rate": 0.0, "train_slow_rate": 0.0, "send_slow_rate": 0.0}
settings |= {"save_folder_name": "items", "learning_rate_decay": False, "dlg_eval": False}
settings |= {"learning_rate_decay_gamma": 0.99, "dlg_gap": 100, "batch_num_per_client": 2}
settings |= {"num_new_clients": 0, "fine_tuning_epoch_new": 0}


class Counted(FedAvg):
    def aggregate_parameters(self):
        super().aggregate_parameters()
        self.count = getattr(self, "count", 0) + 1
        finished(self.count)


def prepare() -> None:
    """Rows as PFLlib reads them, below the working folder; not timed."""
    for part in ("train", "test"):
        folder = Path("../dataset/rows") / part
        folder.mkdir(parents=True, exist_ok=True)
        for i in range(CLIENTS):
            x, y = rows(str(i) if part == "train" else "test")
            np.savez(folder / f"{i}.npz", data=np.array({"x": x, "y": y}, dtype=object))


if __name__ == "__main__":
    torch.set_num_threads(1)
    if sys.argv[1] == "prepare":
        prepare()
    else:
        Counted(Namespace(**settings, model=network(0, alike=True)), 0).train()
