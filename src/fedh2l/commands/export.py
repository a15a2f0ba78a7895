"""`fedh2l export`: the trained model of a peer as a file that says the same without fedh2l."""

from pathlib import Path
from typing import Literal

from fedh2l.commands.answer import Json, SeedSetFile, hint, tell
from fedh2l.error import FedH2LError
from fedh2l.peer import Peer
from fedh2l.record.atomic import write_file
from fedh2l.record.checkpoint import load_peers
from fedh2l.record.journal import latest
from fedh2l.record.kept import KEPT, load_kept

FORMATS = Literal["safetensors", "skops", "onnx", "native"]


def export(
    folder: Path,
    *,
    to: FORMATS,
    peer: str | None = None,
    model: str | None = None,
    seed_set: SeedSetFile = Path("seeds.safetensors"),
    out: Path | None = None,
    overwrite: bool = False,
    as_json: Json = False,
) -> None:
    """The trained model of a peer, as it was at the last checkpoint (of a member with validation
    rows, and of a run with --keep best: in the round that it keeps), in a format that other
    software reads.

    It is read again and compared with the original on the seed rows: where a posterior differs by
    more than 0.00001 it is refused.

    Parameters
    ----------
    folder
        The folder of a run, or of a member.
    to
        onnx: for onnxruntime; safetensors: the weights of a network; skops: a scikit-learn
        estimator; native: the framework's own file.
    peer
        Which peer of a run.
    model
        Of a member: FILE.py:FUNCTION, as for join.
    seed_set
        Of a member: the seed set.
    out
        The file; by default PEER.SUFFIX here.
    overwrite
        Replace the file where it is there already.
    as_json
        Answer in JSON.
    """
    from fedh2l.learners.export.formats import export as exported_of

    if (folder / "invite.json").is_file():
        exporting, rounds = _of_member(folder, model, seed_set)
    else:
        exporting, rounds = _of_run(folder, peer)
    seeds = exporting.seed_set
    exported = exported_of(exporting.learner, seeds, to)

    path = out or Path(f"{exporting.name}{exported.suffix}")
    if path.exists() and not overwrite:
        raise FedH2LError(f"{path} exists; name another --out, or give --overwrite")
    write_file(path, exported.data)
    columns = [seeds.classes[column] for column in exported.columns]
    answer = {
        "file": str(path),
        "rounds": rounds,
        "bytes": len(exported.data),
        "row": list(exported.shape) if as_json else exported.shape,
        "columns": columns if as_json else ", ".join(columns),
        "compared_rows": len(seeds),
        "largest_difference": exported.apart,
    }
    tell(answer, as_json)
    hint("docs/own-model.md shows how to predict with it in a fresh process", as_json)


def _of_run(folder: Path, name: str | None) -> tuple[Peer, int]:
    """A peer of a run, built anew and put where it was at the last checkpoint, or in the round
    that it keeps; and after how many rounds that was.
    """
    from fedh2l.simulation.build import data_of, peers_of
    from fedh2l.simulation.run_folder import open_again

    experiment = open_again(folder).experiment
    names = experiment.names
    if name is None or name not in names:
        raise FedH2LError(f"--peer {name or 'is missing'}: the run's peers are {', '.join(names)}")
    saved = latest(folder)
    if saved is None:
        raise FedH2LError(f"{folder}: no checkpoint in it; let the run come to its first one")
    [peer] = peers_of(experiment, data_of(experiment), [name])
    return peer, _put_back(folder, folder / KEPT / name, peer, saved["rounds"])


def _put_back(folder: Path, kept: Path, peer: Peer, rounds: int) -> int:
    """Give the peer the state that it keeps, or else that of the last checkpoint; which round."""
    kept_round = load_kept(kept, peer)
    if kept_round is not None:
        return kept_round
    load_peers(folder / "checkpoints", rounds, [peer])
    return rounds


def _of_member(folder: Path, model: str | None, seed_set: Path) -> tuple[Peer, int]:
    from fedh2l.data.seedset_file import load_seed_set
    from fedh2l.learners.own_file import own_learner

    if model is None:
        raise FedH2LError("this is a member's folder; give --model FILE.py:FUNCTION, as for join")
    saved = latest(folder)
    if saved is None:
        raise FedH2LError(f"{folder}: no checkpoint in it; let fedh2l join finish a round")
    seeds = load_seed_set(seed_set)
    peer = Peer(str(saved["peer"]), own_learner(model, seeds)[0], seeds)
    return peer, _put_back(folder, folder / KEPT, peer, saved["rounds"])
