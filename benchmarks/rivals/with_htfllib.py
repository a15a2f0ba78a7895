"""HtFLlib's federated distillation (FD), from a checkout in HTFLLIB, at the same work."""

# pyright: reportMissingImports=false, reportUntypedBaseClass=false
# pyright: reportUnknownParameterType=false, reportMissingParameterType=false
import os
import sys
import types
from argparse import Namespace
from pathlib import Path

import numpy as np
import torch

from work import BATCH, CLASSES, CLIENTS, RATE, ROUNDS, finished, network, rows

# torchvision is imported for models that are not used here, and has no wheel for torch without
# CUDA in the registry; torch.load refuses the whole models that HtFLlib saves, unless told.
sys.modules["torchvision"] = types.ModuleType("torchvision")
os.environ["TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"] = "1"
system = Path(os.environ["HTFLLIB"]) / "system"
sys.path.insert(0, str(system))
from flcore.servers.serverfd import FD  # noqa: E402

settings = {"dataset": "rows", "algorithm": "FD", "device": "cpu", "num_classes": CLASSES}
settings |= {"num_clients": CLIENTS, "global_rounds": ROUNDS - 1, "local_epochs": 1}
settings |= {"batch_size": BATCH, "local_learning_rate": RATE, "eval_gap": 10**6, "lamda": 1.0}
settings |= {"join_ratio": 1.0, "random_join_ratio": False, "few_shot": 0, "time_select": False}
settings |= {"goal": "bench", "time_threthold": 1e4, "top_cnt": 100, "auto_break": False}
settings |= {"client_drop_rate": 0.0, "train_slow_rate": 0.0, "send_slow_rate": 0.0}
settings |= {"save_folder_name": "temp", "models_folder_name": "models"}


class Counted(FD):
    def receive_logits(self):
        super().receive_logits()
        self.count = getattr(self, "count", 0) + 1
        finished(self.count)


def prepare() -> None:
    """Rows and networks as HtFLlib reads them, below the working folder; not timed."""
    Path("models").mkdir(exist_ok=True)
    for part in ("train", "test"):
        folder = Path("../dataset/rows") / part
        folder.mkdir(parents=True, exist_ok=True)
        for i in range(CLIENTS):
            x, y = rows(str(i) if part == "train" else "test")
            np.savez(folder / f"{i}.npz", data=np.array({"x": x, "y": y}, dtype=object))
    for i in range(CLIENTS):
        torch.save(network(i, alike=False), f"models/Client_{i}_model.pt")


if __name__ == "__main__":
    torch.set_num_threads(1)
    if sys.argv[1] == "prepare":
        prepare()
    else:
        Counted(Namespace(**settings), 0).train()
