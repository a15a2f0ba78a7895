"""Frames that several peers receive: each is decoded once, and all ends are as if each had read
them by itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from conftest import torch_peers
from fedh2l.algorithms.fedh2l import FedH2L
from fedh2l.exchange.in_process import InProcess
from fedh2l.loop import Round, run
from fedh2l.peer import Peer
from fedh2l.wire.codec import CodecState
from fedh2l.wire.lattice import LATTICE

NAMES = "abcdef"
Outbox = Mapping[str, bytes]


@dataclass(frozen=True)
class Counting:
    """The default codec, which counts what it decodes."""

    name: str = LATTICE.name
    kind: int = LATTICE.kind
    decoded: list[int] = field(default_factory=list[int])

    def encode(
        self, probs: np.ndarray, state: CodecState | None, rounds_left: int | None = None
    ) -> tuple[bytes, CodecState]:
        return LATTICE.encode(probs, state, rounds_left)

    def decode(
        self, body: bytes, shape: tuple[int, int], state: CodecState | None
    ) -> tuple[np.ndarray, CodecState]:
        self.decoded.append(len(body))
        return LATTICE.decode(body, shape, state)


def one_by_one(t: int, outbox: Outbox) -> dict[str, dict[str, tuple[bytes, ...]]]:
    """Copies of the frames, so that nothing tells that they are the same."""
    return {me: {s: (bytes(bytearray(m)),) for s, m in outbox.items() if s != me} for me in outbox}


def states(peers: list[Peer]) -> list[dict[str, bytes]]:
    return [{k: v.tobytes() for k, v in p.state_dict().items()} for p in peers]


def facts(rounds: list[Round]) -> list[Any]:
    def plain(told: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
        return {name: dict(of) for name, of in told.items()}

    return [
        (r.receivers, r.missing, plain(r.heard), plain(r.refused), plain(r.apart)) for r in rounds
    ]


def test_all_that_hear_all_decode_each_frame_once_with_equal_bits() -> None:
    once, each = Counting(), Counting()
    together, apart = torch_peers(NAMES), torch_peers(NAMES)
    first = list(run(FedH2L(steps=1), together, rounds=4, codec=once))
    second = list(run(FedH2L(steps=1), apart, one_by_one, rounds=4, codec=each))
    assert len(once.decoded) == 4 * len(NAMES)
    assert len(each.decoded) == len(once.decoded)  # equal frames are known by their bytes, too
    assert states(together) == states(apart)
    assert facts(first) == facts(second)


@pytest.mark.parametrize(
    "faulty", [InProcess(seed=3, loss=0.3), InProcess(seed=3, participation=0.5)]
)
def test_a_peer_that_missed_a_frame_goes_on_by_itself(faulty: InProcess) -> None:
    """The round after the faults: whoever is in step again reads with the others."""
    whole = InProcess()

    def at_first_faulty(t: int, outbox: Outbox) -> Any:
        return (faulty if t < 3 else whole)(t, outbox)

    def at_first_faulty_each(t: int, outbox: Outbox) -> Any:
        inboxes = at_first_faulty(t, outbox)
        return {me: {s: tuple(frames) for s, frames in of.items()} for me, of in inboxes.items()}

    codec = Counting()
    together, apart = torch_peers(NAMES), torch_peers(NAMES)
    first = list(run(FedH2L(steps=1), together, at_first_faulty, rounds=7, codec=codec))
    second = list(run(FedH2L(steps=1), apart, at_first_faulty_each, rounds=7))
    assert states(together) == states(apart)
    assert [f[1:] for f in facts(first)] == [f[1:] for f in facts(second)]
    assert any(any(r.missing.values()) for r in first[:3])
    assert len(codec.decoded) < 7 * len(NAMES) * 2


def test_a_forged_copy_concerns_its_receiver_alone() -> None:
    def forging(t: int, outbox: Outbox) -> Any:
        inboxes: dict[str, Any] = dict(InProcess()(t, outbox))
        if t == 1:
            inboxes["a"] = dict(inboxes["a"]) | {"b": (outbox["b"][:-1] + b"\0\0",)}
        return inboxes

    rounds = list(run(FedH2L(steps=1), torch_peers(NAMES), forging, rounds=4))
    assert [{n for n, of in r.refused.items() if of} for r in rounds[:2]] == [set(), {"a"}]
    assert set(rounds[1].refused["a"]) == {"b"}
    assert len(rounds[1].heard["c"]) == 5
    assert not any(any(r.refused[name] for name in "bcdef") for r in rounds)


def test_memory_of_a_full_graph_is_held_once() -> None:
    peers = torch_peers(NAMES)
    for _ in run(FedH2L(steps=1), peers, rounds=2):
        pass
    shared = {id(getattr(p.wire.last_read, "everyone", None)) for p in peers}
    assert len(shared) == 1
