"""The methods to compare with federate live, too, by their names: what a member reaches is what it
reaches in one process, to the last bit, whatever the message is about.
"""

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_limits

import live_member
from fedh2l import FD, FedCT, Peer, run
from fedh2l.data.seedset_file import load_seed_set
from fedh2l.loop import Algorithm
from local_federation import LocalFederation, convene

pytest.importorskip("zenoh", reason="needs the extra zenoh")
TWO, ROUNDS = ("kiev", "oslo"), 4


@pytest.mark.parametrize(
    ("name", "method", "codec", "shape"),
    [("fedct --warmup 0", FedCT(warmup=0), "hard", [12, 3]), ("fd", FD(), "lattice", [3, 3])],
)
def test_labels_and_tables_of_classes_federate_live(
    federation: LocalFederation, name: str, method: Algorithm, codec: str, shape: list[int]
) -> None:
    federation.separate = True
    convene(federation, TWO, rounds=ROUNDS, more=f"--algorithm {name}")
    assert f"codec: {codec}" in federation.command("invite", "show", "invite.json")
    for member in TWO:
        federation.join(member)
    federation.wait()

    seeds = load_seed_set(federation.folder / "seeds.safetensors")
    builders = {member: getattr(live_member, member) for member in TWO}
    peers = [Peer(member, build(seeds), seeds) for member, build in builders.items()]
    torch.set_num_threads(1)
    with threadpool_limits(1):
        rounds = list(run(method, peers, rounds=ROUNDS))
    assert list(rounds[-1].said["kiev"].shape) == shape
    for p in peers:
        expected = {k: np.array(v) for k, v in p.state_dict().items()}
        found = federation.state(p.name)
        assert found.keys() == expected.keys()
        assert all(np.array_equal(found[k], expected[k]) for k in found), p.name
