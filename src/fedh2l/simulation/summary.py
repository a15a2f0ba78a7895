"""What a run reached, in the words of summary.json and rounds.jsonl (docs/runs.md)."""

import sys
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from fedh2l.metrics import mean_scores
from fedh2l.simulation.experiment import Experiment
from fedh2l.simulation.progress import Progress
from fedh2l.simulation.settings import settings_of
from fedh2l.simulation.simulate import Evaluation

TIMINGS = "seconds"  # the one key of a line that differs between equal runs
BYTES = (
    "payload_bytes_sent",
    "payload_bytes_received",
    "wire_bytes_sent",
    "wire_bytes_received",
    "weights_bytes",
)


def summary_of(
    experiment: Experiment,
    main: str,
    finals: Mapping[str, Evaluation],
    seed_set: Mapping[str, Any],
    notes: Sequence[str],
    seconds: float,
) -> dict[str, Any]:
    """The content of summary.json; `finals`: the last evaluation of each cell by its name."""
    final = finals[main]
    # A rate is measured only where the learner can compare two gradients.
    rates = [p.conflict_rate for p in final.peers.values() if p.conflict_rate is not None]
    models = dict(zip(experiment.names, experiment.models, strict=True))
    peers = {
        name: {
            "model": model,
            **(final.peers[name].test or {}),
            **_bytes(final.peers[name]),
            **_privacy(final.peers[name]),
            **_kept(final.peers[name]),
        }
        for name, model in models.items()
    }
    # A liar's own figures would make an attack look milder than it was for the honest.
    liars = experiment.honesty.liars
    baselines = {name: _baseline(e, liars) for name, e in finals.items() if name != main}
    return {
        "algorithm": main,
        "data": settings_of(experiment)["data"],
        "data_notes": list(notes),
        "seed": experiment.seed,
        "rounds": experiment.rounds,
        "steps": experiment.algorithm.steps,
        "seed_set": dict(seed_set),
        "peers": peers,
        **_honesty(experiment, final),
        "mean": _means(final, liars),
        **_kept_means(final, liars),
        "baselines": baselines,
        "conflict_rate": sum(rates) / len(rates) if rates else None,
        "missing": sum(sum(p.missing.values()) for p in final.peers.values()),
        "refused": sum(sum(p.refused.values()) for p in final.peers.values()),
        "seconds": {
            "total": seconds,
            "train": final.train_seconds,
            "cpu": final.cpu_seconds,
        },
        "versions": versions(),
    }


def _honesty(experiment: Experiment, final: Evaluation) -> dict[str, Any]:
    """Who lied and how, and whom the guards of the others dropped."""
    honesty = experiment.honesty
    return {
        "liars": list(honesty.liars),
        "attack": (honesty.attack or "flipped") if honesty.liars else None,
        "guard": honesty.guard,
        "verdicts": {name: p.verdicts for name, p in final.peers.items() if p.verdicts},
    }


def line_of(event: Evaluation, liars: Collection[str] = ()) -> dict[str, Any]:
    """A line of rounds.jsonl; its means are over those who do not lie."""
    peers: dict[str, Any] = {}
    for name, p in event.peers.items():
        validation = dict(p.validation or {})
        validation.pop("domain_accuracies", None)  # of every peer and round they would fill a file
        peers[name] = {
            **validation,
            **_bytes(p),
            "sent": p.sent,
            "received": p.received,
            "conflict_rate": p.conflict_rate,
            **_privacy(p),
            "missing": p.missing,
            "refused": p.refused,
            "verdicts": p.verdicts,
        }
    scored = {
        name: p.validation
        for name, p in event.peers.items()
        if p.validation is not None and name not in liars
    }
    return {
        "round": event.done,
        "peers": peers,
        "mean": dict(mean_scores(scored)),
        TIMINGS: {"train": event.train_seconds},
    }


def versions() -> dict[str, str]:
    """Of what computes: they decide the last bits of a result."""
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": sys.version.split()[0]}
    for name in ("fedh2l", "numpy", "torch", "scikit-learn"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _baseline(event: Evaluation, liars: Collection[str]) -> dict[str, Any]:
    """The means over the honest peers, and the scores of each."""
    peers = {name: {**(p.test or {}), **_kept(p)} for name, p in event.peers.items()}
    return {**_means(event, liars), **_kept_means(event, liars), "peers": peers}


def _means(event: Evaluation, liars: Collection[str]) -> dict[str, Any]:
    """The scores on the test sets, as means over the peers that do not lie."""
    honest = {name: p for name, p in event.peers.items() if name not in liars}
    return dict(mean_scores({n: p.test for n, p in honest.items() if p.test is not None}))


def _kept(p: Progress) -> dict[str, Any]:
    """The round whose model is kept, and its scores; nothing of a run that keeps the last."""
    return {} if p.kept is None else {"kept": {"round": p.kept_round, **p.kept}}


def _kept_means(event: Evaluation, liars: Collection[str]) -> dict[str, Any]:
    """The means of the kept models' scores on the test sets, over those who do not lie."""
    kept = {n: p.kept for n, p in event.peers.items() if p.kept is not None and n not in liars}
    return {"kept": dict(mean_scores(kept))} if kept else {}


def _privacy(p: Progress) -> dict[str, Any]:
    """What was spent of the privacy budget; nothing of a peer that has none."""
    return {} if p.privacy is None else {"privacy": p.privacy}


def _bytes(p: Progress) -> dict[str, int | None]:
    return {name: getattr(p, name) for name in BYTES}
