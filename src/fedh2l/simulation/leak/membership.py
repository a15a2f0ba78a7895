"""A membership-inference audit of a finished run: as many worlds as asked for, each a file, and
what they say together.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from fedh2l.error import FedH2LError, choose
from fedh2l.learners import model_of
from fedh2l.record import journal
from fedh2l.record.atomic import write_file
from fedh2l.record.audit import chain_of
from fedh2l.record.lock import lock_folder
from fedh2l.simulation import run_folder
from fedh2l.simulation.build import data_of
from fedh2l.simulation.experiment import Experiment
from fedh2l.simulation.leak.candidates import Candidates, canaries, halves
from fedh2l.simulation.leak.finds import finds
from fedh2l.simulation.leak.lira import FEWEST_WORLDS
from fedh2l.simulation.leak.replay import Recorded, frames_of_run
from fedh2l.simulation.leak.surrogate import kind_for
from fedh2l.simulation.leak.world import Evidence, Trial, read_world, write_world
from fedh2l.simulation.settings import digest_of
from fedh2l.simulation.sweep.fingerprint import code_version

FOLDER = "audit"  # below that of the run
WORLDS = 16
OF_WORLDS = ("candidates.py", "lira.py", "replay.py", "surrogate.py", "world.py")  # decide them
BUSY = "a fedh2l audit --privacy is computing these worlds; wait for it"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is asked of a run.

    peer: None: the first one. canaries: None: every row of the peer is a candidate. surrogate: the
    attacker's kind of model; None: the peer's own, or a network where that is fitted anew.
    """

    peer: str | None = None
    worlds: int = WORLDS
    canaries: int | None = None
    together: bool = False
    surrogate: str | None = None

    def __post_init__(self) -> None:
        if self.worlds < FEWEST_WORLDS or self.worlds % 2:
            raise FedH2LError(
                f"{self.worlds} worlds; use an even number from {FEWEST_WORLDS} on: what one of a "
                "pair learns, the other does not"
            )
        if self.canaries is not None and self.canaries < 1:
            raise FedH2LError(f"{self.canaries} canaries; use one at least")


@dataclass(frozen=True)
class Computed:
    """A world is done. seconds: that it took; None: it was there already."""

    world: int
    seconds: float | None


class Audit:
    """An audit of the run in a folder.

    Raises FedH2LError where the run is not finished, its data are not there any more, or nothing
    was said that this audit attacks.
    """

    def __init__(self, folder: Path, plan: Plan) -> None:
        _check_simulated(folder)
        experiment = run_folder.open_again(folder).experiment
        peer = experiment.names[0] if plan.peer is None else plan.peer
        choose("peer", peer, experiment.names)
        _check_finished(folder, experiment)
        frames = frames_of_run(folder, peer)
        data = data_of(experiment)
        saved = journal.latest(folder)
        if saved is None or saved.get("data") != data.digest:
            raise FedH2LError(
                f"{folder}: the data are not those of the run; restore them, its --data-dir too"
            )

        candidates = _candidates(experiment, peer, plan)
        exchange = experiment.exchange()
        carry = exchange if plan.together else Recorded(frames, exchange)
        self.plan, self.peer = plan, peer
        self.model = experiment.models[experiment.names.index(peer)]
        attacker = plan.surrogate or kind_for(self.model)
        model_of(attacker)  # refuses a name that is none
        self._trial = Trial(experiment, data, peer, candidates, carry, plan.together, attacker)
        kind = "rows" if plan.canaries is None else f"canaries-{plan.canaries}"
        self._place = folder / FOLDER / peer
        self._worlds = self._place / f"{kind}-{_digest(folder, experiment, plan, attacker)}"
        self.path = self._place / f"{kind}.json"

    def worlds(self) -> Iterator[Computed]:
        """Compute what is not there yet. One process at a time."""
        self._worlds.mkdir(parents=True, exist_ok=True)
        with lock_folder(self._worlds, BUSY):
            for world in range(self.plan.worlds):
                start = time.perf_counter()
                if self._read(world) is not None:
                    yield Computed(world, None)
                    continue
                write_world(self._path(world), self._trial.evidence(world))
                yield Computed(world, time.perf_counter() - start)

    def result(self) -> dict[str, Any]:
        """What all worlds say together; also written, as `path`."""
        known = self.evidence()
        candidates = self._trial.candidates
        members = np.stack([candidates.members(w) for w in range(len(known))])
        result = {
            "peer": self.peer,
            "model": self.model,
            "surrogate": self._trial.surrogate,
            "worlds": len(known),
            "candidates": members.shape[1],
            "canaries": self.plan.canaries,
            "learnt": int(members.sum()),
            "not_learnt": int((~members).sum()),
            "others": "learnt anew" if self.plan.together else "replayed",
            "seconds": float(sum(e.seconds for e in known)),
            **finds(known, members),
        }
        write_file(self.path, json.dumps(result, indent=1).encode())
        return result

    def evidence(self) -> list[Evidence]:
        """What was learnt in each world."""
        there = [self._read(world) for world in range(self.plan.worlds)]
        known = [e for e in there if e is not None]
        if len(known) < len(there):
            raise FedH2LError(f"{self._worlds}: {len(known)} of {len(there)} worlds are there")
        return known

    def _path(self, world: int) -> Path:
        return self._worlds / f"world-{world:04d}.safetensors"

    def _read(self, world: int) -> Evidence | None:
        return read_world(self._path(world), len(self._trial.candidates.rows[1]))


def _candidates(experiment: Experiment, peer: str, plan: Plan) -> Candidates:
    data = data_of(experiment)
    rows = data.domains[peer].train
    if plan.canaries is None:
        return halves(rows, experiment.seed)
    return canaries(rows, plan.canaries, data.classes, experiment.seed)


def _check_simulated(folder: Path) -> None:
    """A live member's part cannot be repeated: of what it heard only sizes are kept."""
    if (folder / "invite.json").exists():
        raise FedH2LError(
            f"{folder}: a live member's part, which keeps what it sent and not what it heard, so "
            "it cannot learn anew among the same others; simulate a federation of such rows and "
            "models by fedh2l run --data FILE --peers FILE.py:FUNCTION, and audit that"
        )


def _check_finished(folder: Path, experiment: Experiment) -> None:
    saved = journal.latest(folder)
    done = 0 if saved is None else saved["rounds"]
    if done != experiment.rounds:
        raise FedH2LError(
            f"{folder}: {done} of {experiment.rounds} rounds are done; finish the run by fedh2l "
            f"run --resume {folder}"
        )


def _digest(folder: Path, experiment: Experiment, plan: Plan, attacker: str) -> str:
    """Names the worlds: another one once anything that decides them differs."""
    sha = sha256(digest_of(experiment).encode())
    for name in OF_WORLDS:
        sha.update(Path(__file__).with_name(name).read_bytes())
    # What the others said counts where it is replayed.
    said = "" if plan.together else chain_of(folder)
    sha.update(f"{code_version()} {said} {plan.together} {attacker}".encode())
    return sha.hexdigest()[:12]
