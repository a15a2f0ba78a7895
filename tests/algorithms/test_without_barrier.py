"""Without a barrier: nobody waits, the newest of each is heard, and the old fades."""

from collections.abc import Mapping

import numpy as np
import pytest

from conftest import seed_set, torch_learner
from fedh2l import Peer, run
from fedh2l.algorithms.fedh2l import FedH2L
from fedh2l.algorithms.without_barrier import OLDEST, WithoutBarrier
from fedh2l.message import Posteriors


def of(label: int) -> np.ndarray:
    return np.eye(3, dtype=np.float32)[np.full(12, label)]


def pooled(peer: Peer, t: int, inbox: dict[str, Posteriors]) -> np.ndarray:
    """What the peer is taught in round t, unlabelled and without its own voice."""
    WithoutBarrier(FedH2L(steps=1, own=False, reuse=1), half_life=4.0).listen(peer, t, inbox)
    return peer.memory["answers"][0]


def test_a_voice_fades_towards_ones_own_and_a_new_one_counts_in_full() -> None:
    peer = Peer("a", torch_learner(), seed_set(labelled=False))
    for t, inbox, left in (
        (0, {"b": Posteriors(7, of(1))}, 1.0),
        (4, {}, 0.5),
        (8, {}, 0.25),
        (9, {"b": Posteriors(8, of(1))}, 1.0),
    ):
        peer.said = Posteriors(t, of(0))
        np.testing.assert_allclose(
            pooled(peer, t, inbox), left * of(1) + (1 - left) * of(0), atol=1e-6
        )


def test_who_is_silent_for_long_is_forgotten_and_a_saved_peer_remembers_the_others() -> None:
    peer = Peer("a", torch_learner(), seed_set(labelled=False))
    peer.said = Posteriors(0, of(0))
    pooled(peer, 0, {"b": Posteriors(0, of(1))})
    again = Peer("a", torch_learner(), seed_set(labelled=False))
    again.load_state_dict(peer.state_dict())
    assert np.array_equal(again.memory["said.b"], of(1))
    again.said = Posteriors(OLDEST + 1, of(0))
    pooled(again, OLDEST + 1, {})
    assert "said.b" not in again.memory


class Slow:
    """Every third round of the fast peer, the slow one's frame of a much later or earlier round
    comes.
    """

    def __init__(self, frames: list[bytes]) -> None:
        self.frames = frames

    def __call__(
        self, t: int, outbox: Mapping[str, bytes]
    ) -> dict[str, dict[str, tuple[bytes, ...]]]:
        return {"a": {"b": tuple(self.frames[t // 3 * 2 : t // 3 * 2 + 2]) if t % 3 == 0 else ()}}


@pytest.mark.parametrize("barrier", [True, False])
def test_the_newest_of_any_round_is_heard_only_without_a_barrier(barrier: bool) -> None:
    seeds = seed_set()
    frames = [
        r.frames["b"] for r in run(FedH2L(steps=1), [Peer("b", torch_learner(1), seeds)], rounds=6)
    ]
    peer = Peer("a", torch_learner(), seeds)
    told = list(
        run(WithoutBarrier(FedH2L(steps=1)), [peer], Slow(frames), rounds=7, barrier=barrier)
    )
    assert any(r.refused["a"] for r in told) == barrier  # round 1 came in round 0
    assert int(peer.memory.get("heard.b", np.array(-1))) == (6 if not barrier else -1)
