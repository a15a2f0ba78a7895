"""BlazeFL at the same work: its thread pool with one thread, its FedAvg, and its interfaces for a
method that exchanges posteriors.
"""

# pyright: reportMissingImports=false, reportUntypedBaseClass=false
# pyright: reportUnknownParameterType=false, reportMissingParameterType=false
import sys
import threading
from enum import StrEnum

import torch
from blazefl.contrib import FedAvgBaseServerHandler, FedAvgThreadPoolClientTrainer
from blazefl.core import BaseServerHandler, ThreadPoolClientTrainer
from torch.utils.data import DataLoader, TensorDataset

from steps import distil, posteriors
from work import BATCH, CLIENTS, RATE, ROUNDS, finished, network, tensors


class Server(BaseServerHandler):
    def __init__(self):
        self.said, self.answers, self.round = [], None, 0

    def downlink_package(self):
        return self.answers

    def sample_clients(self):
        return list(range(CLIENTS))

    def if_stop(self):
        return self.round >= ROUNDS

    def load(self, payload):
        self.said.append(payload)
        if len(self.said) < CLIENTS:
            return False
        self.global_update(self.said)
        self.said, self.round = [], self.round + 1
        return True

    def global_update(self, buffer):
        self.answers = torch.stack(buffer).mean(0)


class Clients(ThreadPoolClientTrainer):
    def __init__(self):
        self.num_parallels, self.device, self.device_count, self.cache = 1, "cpu", 0, []
        self.stop_event = threading.Event()
        self.models = [network(i, alike=False) for i in range(CLIENTS)]
        self.optimizers = [torch.optim.SGD(model.parameters(), RATE) for model in self.models]
        self.private = [tensors(str(i)) for i in range(CLIENTS)]
        self.seeds = tensors("seeds")

    def worker(self, cid, device, payload, stop_event):
        model = self.models[cid]
        distil(model, self.optimizers[cid], self.private[cid], self.seeds, payload)
        return posteriors(model, self.seeds[0])

    def uplink_package(self):
        package, self.cache = self.cache, []
        return package


class Part(StrEnum):
    TRAIN = "train"


class LeNet:
    def select_model(self, model_name):
        return network(0, alike=True)


class Private:
    def __init__(self):
        self.private = [TensorDataset(*tensors(str(i))) for i in range(CLIENTS)]

    def get_dataset(self, type_, cid):
        return self.private[cid]

    def get_dataloader(self, type_, cid, batch_size, generator):
        return DataLoader(self.private[cid], batch_size, shuffle=True, generator=generator)


def averaging():
    model, data = LeNet(), Private()
    server = FedAvgBaseServerHandler(model, "lenet", data, ROUNDS, CLIENTS, 1.0, "cpu", BATCH, 0)
    clients = FedAvgThreadPoolClientTrainer(
        model, "lenet", data, "cpu", CLIENTS, 1, BATCH, RATE, seed=0, num_parallels=1
    )
    return server, clients


def main(kind):
    server, clients = averaging() if kind == "averaging" else (Server(), Clients())
    while not server.if_stop():
        clients.local_process(server.downlink_package(), server.sample_clients())
        for package in clients.uplink_package():
            server.load(package)
        finished(server.round)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(sys.argv[1])
