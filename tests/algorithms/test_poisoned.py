"""Liars: each attack is a message that others accept, and only the liars lie."""

import numpy as np
import pytest

from conftest import torch_peers
from fedh2l import FedH2LError, run
from fedh2l.algorithms.agreement import judge
from fedh2l.algorithms.attacks import ATTACKS, Situation
from fedh2l.algorithms.fedavg import FedAvg
from fedh2l.algorithms.fedh2l import FedH2L
from fedh2l.algorithms.poisoned import Poisoned
from fedh2l.message import Posteriors
from fedh2l.peer import Peer
from fedh2l.simulation.experiment import Experiment
from fedh2l.simulation.parts import Honesty
from fedh2l.wire.codec import check_posteriors

ROWS, CLASSES = 12, 4


def situation(t: int, *, labelled: bool = False) -> Situation:
    rng = np.random.default_rng(5)
    truth = rng.dirichlet(np.ones(CLASSES), ROWS).astype(np.float32)
    heard = rng.dirichlet(np.ones(CLASSES), (2, ROWS)).astype(np.float32)
    labels = np.eye(CLASSES, dtype=np.float32)[np.arange(ROWS) % CLASSES] if labelled else None
    return Situation(t, truth, labels, heard, np.random.default_rng(t), {})


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize("labelled", [False, True])
def test_every_lie_is_a_distribution_that_a_receiver_accepts(name: str, labelled: bool) -> None:
    for t in (0, 30):
        lie = ATTACKS[name](situation(t, labelled=labelled))
        check_posteriors(lie, (ROWS, CLASSES), "liar")


def test_a_boundary_liar_is_right_on_every_labelled_row_and_hardly_so() -> None:
    s = situation(0, labelled=True)
    assert s.labels is not None
    lie = ATTACKS["boundary"](s)
    assert np.array_equal(lie.argmax(1), s.labels.argmax(1))
    np.testing.assert_allclose(lie.max(1), 0.51)


def test_a_slow_drift_begins_honest_and_ends_flipped() -> None:
    first, last = situation(0), situation(1000)
    assert np.array_equal(ATTACKS["slow-drift"](first), first.truth)
    assert np.array_equal(ATTACKS["slow-drift"](last), ATTACKS["flipped"](last))


def test_a_copy_and_a_free_rider_say_what_others_said_in_the_round_before() -> None:
    s = situation(3)
    assert np.array_equal(ATTACKS["copied"](s), s.heard[0])
    np.testing.assert_allclose(ATTACKS["free-rider"](s), s.heard.mean(0))


def test_an_adaptive_liar_lies_no_more_than_a_guard_that_remembers_believes() -> None:
    rows, classes = 200, 5
    true = np.eye(classes)[np.arange(rows) % classes]
    rng = np.random.default_rng(1)

    def honest() -> np.ndarray:
        noise = rng.dirichlet(np.ones(classes), rows)
        return (0.8 * true + 0.2 * noise).astype(np.float32)

    kept: dict[str, np.ndarray] = {}
    excess: dict[str, np.ndarray] = {}
    shares: list[float] = []
    for t in range(6):
        heard = np.stack([honest() for _ in range(3)])
        s = Situation(t, honest(), None, heard, np.random.default_rng(t), kept)
        lie = ATTACKS["adaptive"](s)
        shares.append(float((lie - s.truth).max()))
        voices = {"1": heard[1], "2": heard[2], "liar": lie}
        assert judge(heard[0], voices, excess=excess)["liar"] == 0
    assert min(shares) > 0.05


def test_only_the_liars_lie_and_their_own_model_learns_from_what_it_believes() -> None:
    honest, lying = torch_peers(labelled=False), torch_peers(labelled=False)
    name = lying[1].name
    true = next(run(FedH2L(), honest, rounds=1, codec="float32"))
    r = next(run(Poisoned(FedH2L(), (name,), "flipped"), lying, rounds=1, codec="float32"))
    for peer in lying:
        said, believed = r.said[peer.name], true.said[peer.name]
        assert isinstance(said, Posteriors) and isinstance(believed, Posteriors)
        is_true = np.array_equal(said.probs, believed.probs)
        assert is_true == (peer.name != name)
    # The liar hears the same honest peers in both runs, and its own voice is its belief.
    assert _same_state(honest[1], lying[1])
    assert not _same_state(honest[0], lying[0])


def test_lies_are_made_of_posteriors_only() -> None:
    peers = torch_peers("ab")
    with pytest.raises(FedH2LError, match=r"lies are made of posteriors.*--algorithm fedh2l"):
        next(run(Poisoned(FedAvg(), (peers[0].name,)), peers, rounds=1))


def test_liars_are_peers_and_leave_somebody_honest() -> None:
    def experiment(**settings: object) -> Experiment:
        honesty = Honesty(**settings)  # type: ignore[arg-type]
        return Experiment(peers=("forest", "forest"), honesty=honesty).resolved()

    assert experiment(liars=("rot75,",)).honesty.liars == ("rot75",)
    with pytest.raises(FedH2LError, match=r"liar 'rot7' is no peer; the peers are rot00, rot75"):
        experiment(liars=("rot7",))
    with pytest.raises(FedH2LError, match="every peer is a liar"):
        experiment(liars=("rot00,rot75",))
    with pytest.raises(FedH2LError, match="--attack means nothing without --liars"):
        experiment(attack="flipped")
    with pytest.raises(FedH2LError, match="boundary"):
        experiment(liars=("rot75",), attack="boundry")


def _same_state(a: Peer, b: Peer) -> bool:
    first, second = a.learner.state_dict(), b.learner.state_dict()
    return all(np.array_equal(first[key], second[key]) for key in first)
