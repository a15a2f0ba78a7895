"""The facts of a data-protection officer's sheet: what left, to whom, how much, when and under
which agreement, read from the folder of a run or of a live member.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, is_dataclass
from datetime import datetime
from hashlib import file_digest
from pathlib import Path
from typing import Any

from fedh2l.algorithms import ALGORITHMS
from fedh2l.error import FedH2LError, choose
from fedh2l.live.member_folder import is_running, read_journal
from fedh2l.live.trust.summary import key_print
from fedh2l.live.trust.terms import open_invite
from fedh2l.record import journal
from fedh2l.record.audit import audit, chain_of
from fedh2l.record.sent import on_wire
from fedh2l.simulation import run_folder
from fedh2l.simulation.build import data_of
from fedh2l.simulation.experiment import Experiment
from fedh2l.simulation.leak.membership import FOLDER as AUDITS

HASHED = ("config.toml", "invite.json", "rounds.jsonl", "sent.jsonl", "sent.bin")


def facts_of(folder: Path, peer: str | None = None) -> dict[str, Any]:
    """All that the sheet says, in numbers and names; of one peer of a run, if one is named.

    Raises FedH2LError where a message is not what its SHA-256 says, or nothing was written there.
    """
    entries = _entries(folder)
    of_place = _of_member(folder) if (folder / "invite.json").is_file() else _of_run(folder)
    if peer is not None:
        choose("peer", peer, of_place["peers"])
        entries = [entry for entry in entries if entry["author"] == peer]
        of_place["peers"] = [peer]
        of_place["privacy"] = {peer: of_place["privacy"][peer]}
    return {
        "folder": str(folder),
        **of_place,
        "when": _when(folder),
        "sent": _sent(entries),
        "audits": _audits(folder, of_place["peers"]),
        "hashes": {name: _hash(folder / name) for name in HASHED if (folder / name).is_file()},
        "chain": chain_of(folder),
    }


def _entries(folder: Path) -> list[dict[str, Any]]:
    """The index; of a folder in which nothing was ever sent no line."""
    commit = journal.latest(folder)
    if commit is not None and not commit["sizes"]["sent.jsonl"]:
        return []
    return audit(folder)


def _of_run(folder: Path) -> dict[str, Any]:
    experiment = run_folder.open_again(folder).experiment
    commit = journal.latest(folder)
    return {
        "kind": "simulated run",
        "peers": experiment.names,
        "method": ALGORITHMS.name_of(type(experiment.algorithm)),
        "parameters": _parameters(experiment.algorithm),
        "codec": experiment.codec,
        "rounds": {"planned": experiment.rounds, "done": commit["rounds"] if commit else 0},
        "models": dict(zip(experiment.names, experiment.models, strict=True)),
        "seed_set": _seed_set_of(experiment, commit["seed_set"] if commit else ""),
        "privacy": {
            name: commit["peers"][name].get("privacy") if commit else None
            for name in experiment.names
        },
    }


def _seed_set_of(experiment: Experiment, digest: str) -> dict[str, Any]:
    """The seed set and whose rows are in it, as far as the data are here to be read again."""
    told: dict[str, Any] = {"digest": digest, "rows": None, "labelled": None, "owners": None}
    try:
        seeds = data_of(experiment).seed_set
    except (FedH2LError, OSError):
        return told
    if experiment.unlabelled:
        seeds = seeds.unlabelled()
    # Other data than those of the run say nothing about it.
    if seeds.digest != digest:
        return told
    owners = None if seeds.owners is None else Counter(seeds.owners.astype(str).tolist())
    return told | {
        "rows": len(seeds),
        "labelled": int(seeds.labelled.sum()),
        "classes": list(seeds.classes),
        "owners": owners and dict(sorted(owners.items())),
    }


def _of_member(folder: Path) -> dict[str, Any]:
    terms, commit = open_invite(folder / "invite.json"), journal.latest(folder)
    if commit is None:
        raise FedH2LError(f"{folder}: no round was ever begun there, so there is nothing to tell")
    members = [
        {"name": m.name, "address": m.address or "behind NAT", "key": key_print(m.key)}
        for m in terms.members
    ]
    lines = read_journal(folder)
    return {
        "kind": "live member",
        "peers": [str(commit["peer"])],
        "federation": terms.federation,
        "version": terms.version,
        "fingerprint": terms.fingerprint,
        "members": members,
        "relays": [{"name": r.name, "address": r.address} for r in terms.relays],
        "is_running": is_running(folder),
        "method": terms.algorithm,
        "parameters": _parameters(terms.method),
        "codec": terms.codec,
        "rounds": {"planned": terms.rounds, "done": commit["rounds"]},
        "seed_set": {
            "digest": terms.seed_set,
            "rows": None,
            "labelled": None,
            "classes": list(terms.classes),
            "owners": None,
        },
        "privacy": {str(commit["peer"]): lines[-1].get("privacy") if lines else None},
    }


def _parameters(method: object) -> dict[str, Any]:
    assert is_dataclass(method) and not isinstance(method, type)
    return asdict(method)


def _sent(entries: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The messages of each author, those of one kind and shape together.

    bytes: of one copy of each; in_copies: of all copies; on_wire: with TLS and TCP, an estimate.
    """
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for entry in entries:
        kind = (entry["author"], entry["kind"], tuple(entry["shape"]), entry.get("codec"))
        groups.setdefault(kind, []).append(entry)
    return [
        {
            "author": author,
            "kind": kind,
            "shape": list(shape),
            "codec": codec,
            "messages": len(group),
            "rounds": [group[0]["round"], group[-1]["round"]],
            "bytes": sum(entry["bytes"] for entry in group),
            "in_copies": sum(entry["bytes"] * len(entry["receivers"]) for entry in group),
            "on_wire": sum(on_wire(entry["bytes"]) * len(entry["receivers"]) for entry in group),
            "receivers": _receivers(group),
        }
        for (author, kind, shape, codec), group in sorted(groups.items(), key=str)
    ]


def _receivers(group: Sequence[dict[str, Any]]) -> dict[str, int]:
    """How many of these messages went to each receiver."""
    counts = Counter(name for entry in group for name in entry["receivers"])
    return dict(sorted(counts.items()))


def _when(folder: Path) -> dict[str, str]:
    """When the folder was begun, and when the last round was written: the times of its files."""
    first = next(f for n in ("config.toml", "lock") if (f := folder / n).exists())
    last = folder / "checkpoints" / "latest.json"
    times = {"begun": first, "last_round": last if last.exists() else first}
    return {
        name: datetime.fromtimestamp(file.stat().st_mtime).astimezone().isoformat(" ", "minutes")
        for name, file in times.items()
    }


def _audits(folder: Path, peers: Collection[str]) -> list[dict[str, Any]]:
    """The results of membership-inference audits of these peers that were made here."""
    files = sorted((folder / AUDITS).glob("*/*.json"))
    return [json.loads(path.read_bytes()) for path in files if path.parent.name in peers]


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
