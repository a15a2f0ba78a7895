"""Flower's simulation on Ray at the same work: its FedAvg, and messages of one's own for a method
that exchanges posteriors.
"""

# pyright: reportMissingImports=false, reportUntypedFunctionDecorator=false
# pyright: reportUnknownParameterType=false, reportMissingParameterType=false
import sys
import time
from functools import cache

import torch
from flwr.app import ArrayRecord, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import ServerApp
from flwr.serverapp.strategy import FedAvg
from flwr.simulation import run_simulation

from steps import distil, fit, posteriors
from work import CLIENTS, RATE, ROUNDS, finished, network, tensors

client, server = ClientApp(), ServerApp()
averaging_client, averaging_server = ClientApp(), ServerApp()
rows_of = cache(tensors)  # else every round would read them anew
build = cache(network)


@client.train()
def train(message, context):
    torch.set_num_threads(1)
    i = int(context.node_config["partition-id"])
    model, seeds = build(i, alike=False), rows_of("seeds")
    # A client lives in whichever process takes it next: its model lies in its context.
    if "model" in context.state:
        model.load_state_dict(context.state["model"].to_torch_state_dict())
    answers = None
    if "answers" in message.content:
        answers = torch.from_numpy(message.content["answers"].to_numpy_ndarrays()[0])
    distil(model, torch.optim.SGD(model.parameters(), RATE), rows_of(str(i)), seeds, answers)
    context.state["model"] = ArrayRecord(model.state_dict())
    said = ArrayRecord([posteriors(model, seeds[0]).numpy()])
    return Message(RecordDict({"said": said}), reply_to=message)


@server.main()
def main(grid, context):
    while len(nodes := list(grid.get_node_ids())) < CLIENTS:
        time.sleep(0.1)
    content = RecordDict()
    for t in range(ROUNDS):
        asked = [Message(content, message_type="train", dst_node_id=node) for node in nodes]
        said = [
            reply.content["said"].to_numpy_ndarrays()[0] for reply in grid.send_and_receive(asked)
        ]
        content = RecordDict({"answers": ArrayRecord([sum(said) / CLIENTS])})
        finished(t + 1)


@averaging_client.train()
def train_alike(message, context):
    torch.set_num_threads(1)
    x, y = rows_of(str(context.node_config["partition-id"]))
    model = build(0, alike=True)
    model.load_state_dict(message.content["arrays"].to_torch_state_dict())
    fit(model, torch.optim.SGD(model.parameters(), RATE), x, y, None)
    weights, metrics = ArrayRecord(model.state_dict()), MetricRecord({"num-examples": len(x)})
    return Message(RecordDict({"arrays": weights, "metrics": metrics}), reply_to=message)


@averaging_server.main()
def average(grid, context):
    strategy = FedAvg(fraction_evaluate=0.0, min_train_nodes=CLIENTS, min_available_nodes=CLIENTS)
    result = strategy.start(
        grid,
        ArrayRecord(network(0, alike=True).state_dict()),
        num_rounds=ROUNDS,
        evaluate_fn=lambda t, arrays: finished(t) if t else None,
    )
    # Where every client fails, the simulation ends without an error.
    assert len(result.train_metrics_clientapp) == ROUNDS


if __name__ == "__main__":
    # By its name: what is defined in a script cannot be sent to an actor with its caches.
    import with_flower as here

    if sys.argv[1] == "averaging":
        run_simulation(here.averaging_server, here.averaging_client, num_supernodes=CLIENTS)
    else:
        run_simulation(here.server, here.client, num_supernodes=CLIENTS)
