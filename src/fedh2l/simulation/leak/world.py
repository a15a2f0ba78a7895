"""One world of an audit: the peer learns some of its rows anew, and an eavesdropper, who has heard
all that it said, says how much each row looks like one of them.
"""

import time
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.numpy import load, save
from threadpoolctl import threadpool_limits

from fedh2l.data.domains import FederatedData
from fedh2l.delivery import Exchange
from fedh2l.error import FedH2LError
from fedh2l.learner import Accounted, Learner
from fedh2l.loop import run
from fedh2l.message import Posteriors
from fedh2l.record.atomic import write_file
from fedh2l.seedset import SeedSet
from fedh2l.simulation.build import peers_of
from fedh2l.simulation.experiment import Experiment
from fedh2l.simulation.leak.candidates import Candidates
from fedh2l.simulation.leak.lira import confidences
from fedh2l.simulation.leak.surrogate import Said, surrogate
from fedh2l.wire import CODECS
from fedh2l.wire.frame import decode
from fedh2l.wire.header import Session
from fedh2l.wire.state import WireState


class Evidence(NamedTuple):
    """Confidences in each candidate's label."""

    surrogate: Float[np.ndarray, " rows"]  # of the model made of what was said
    own: Float[np.ndarray, " rows"]  # of the peer's final model, which nobody but it has
    seconds: Float[np.ndarray, ""]  # that the world took
    stated: Float[np.ndarray, " numbers"]  # ε and δ of the peer's ledger; empty: it has none


class Trial(NamedTuple):
    """All that the worlds of an audit have in common."""

    experiment: Experiment
    data: FederatedData
    peer: str
    candidates: Candidates
    exchange: Exchange
    together: bool  # every peer learns anew, and not the audited one alone
    surrogate: str  # the kind of model that the attacker makes of what was said

    def evidence(self, world: int) -> Evidence:
        """What is learnt of the candidates in a world."""
        start = time.perf_counter()
        with threadpool_limits(1):
            own, said = self._lived(world)
            outside = surrogate(self.surrogate, said, self.data.seed_set.unlabelled())
            x, y = self.candidates.rows
            told = confidences(outside.posteriors(np.asarray(x)), y)
            known = confidences(own.posteriors(np.asarray(x)), y)
            stated = _stated(own)
        return Evidence(told, known, np.array(time.perf_counter() - start), stated)

    def _lived(self, world: int) -> tuple[Learner, list[Said]]:
        """The peer's model after all rounds of a world, and what it said in each."""
        experiment, name = self.experiment, self.peer
        domain = self.data.domains[name]._replace(train=self.candidates.learnt(world))
        data = replace(self.data, domains={**self.data.domains, name: domain})
        # Another start, order and augmentation in each world: an attacker does not know them.
        other = replace(experiment, seed=(experiment.seed + 1 + world) % 2**32)
        peers = peers_of(other, data, experiment.names if self.together else [name])
        peer = next(p for p in peers if p.name == name)

        assert experiment.rounds is not None
        reader = _Reader(experiment, peer.seed_set, name)
        said: list[Said] = []
        rounds = run(
            experiment.played,
            peers,
            self.exchange,
            rounds=experiment.rounds,
            codec=experiment.codec,
        )
        for r in rounds:
            message = r.said.get(name)
            if isinstance(message, Posteriors):
                said.append(reader.read(message, r.frames[name]))
        return peer.learner, said


class _Reader:
    """An eavesdropper's end of the wire: what was asked is known to all members."""

    def __init__(self, experiment: Experiment, seed_set: SeedSet, author: str) -> None:
        self._session = Session(CODECS[experiment.codec], seed_set.digest)
        self._state, self._author, self._seed_set = WireState("audit"), author, seed_set
        method = experiment.algorithm
        in_batches = getattr(method, "exchange", "set") == "batch"
        self._batch: int | None = getattr(method, "seed_batch") if in_batches else None  # noqa: B009

    def read(self, message: Posteriors, frame: bytes) -> Said:
        """The rows that were asked about, and what was said of them."""
        heard = decode(frame, message, self._session, self._author, self._state)
        assert isinstance(heard, Posteriors)
        asked = self._seed_set.question(heard.round, self._batch)
        if len(asked.x) != len(heard.probs):
            raise FedH2LError(
                f"{self._author} said {len(heard.probs)} distributions where {len(asked.x)} seed "
                "rows were asked about: this method says something of classes, and not of rows, "
                "which the audit does not attack"
            )
        return Said(asked.x, heard.probs)


def _stated(learner: Learner) -> Float[np.ndarray, " numbers"]:
    """The ε and δ that the ledger of a learner with differential privacy states."""
    if not isinstance(learner, Accounted):
        return np.zeros(0)
    spent = learner.spent()
    return np.array([spent.epsilon, spent.delta])


def write_world(path: Path, evidence: Evidence) -> None:
    write_file(path, save(evidence._asdict()))


def read_world(path: Path, candidates: int) -> Evidence | None:
    """What is there of a world; None where it is still to be computed."""
    if not path.exists():
        return None
    try:
        arrays = load(path.read_bytes())
        evidence = Evidence(**arrays)
    except (SafetensorError, TypeError) as error:
        raise FedH2LError(f"{path}: damaged ({error}); delete it: it is computed anew") from error
    if not evidence.surrogate.shape == evidence.own.shape == (candidates,):
        raise FedH2LError(f"{path}: of other rows; delete it: it is computed anew")
    return evidence
