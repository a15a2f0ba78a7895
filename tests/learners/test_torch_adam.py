import subprocess
import sys

import numpy as np
import torch

from fedh2l.learners.torch_adam import Adam

ROUND = """
import sys
from fedh2l import FedH2L, Peer, run
from fedh2l.data.digits import digits
from fedh2l.learners import model_of
from fedh2l.learners.model import Training

data = digits(domains=2, seed=0)
training = Training(steps=2, batch=8, rate=3e-3, augment=None, seed=0, start=0)
peers = [
    Peer(name, model_of("mlp").build(domain.train, 10, training), data.seed_set)
    for name, domain in data.domains.items()
]
for _ in run(FedH2L(steps=1), peers, rounds=2):
    pass
peers[0].load_state_dict(peers[0].state_dict())
assert "torch.optim" in sys.modules
print("torch._dynamo" in sys.modules)
"""


def trained(kind: type[torch.optim.Adam]) -> tuple[torch.nn.Module, torch.optim.Adam]:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.ReLU(), torch.nn.Linear(4, 3))
    adam = kind(model.parameters(), 3e-3, foreach=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, 20)
    for step in range(20):
        loss = torch.nn.functional.cross_entropy(model(torch.randn(8, 5)), torch.arange(8) % 3)
        adam.zero_grad()
        loss.backward()
        adam.step()
        schedule.step()
        if step == 10:
            adam.load_state_dict(adam.state_dict())
    return model, adam


def test_it_takes_the_steps_of_torch_s_own_to_the_last_bit() -> None:
    ours, ours_adam = trained(Adam)
    theirs, theirs_adam = trained(torch.optim.Adam)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_array_equal(p.detach().numpy(), q.detach().numpy())
        for name, moment in theirs_adam.state[q].items():
            np.testing.assert_array_equal(ours_adam.state[p][name].numpy(), moment.numpy())


def test_a_run_with_our_networks_never_imports_the_compiler() -> None:
    done = subprocess.run([sys.executable, "-c", ROUND], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("False\n", "")
