"""Run by test_cluster.py, in a process of its own: a run on workers, of which one is killed if
asked; prints the hash of all arrays of all peers in the end.

`python on_workers.py FOLDER WORKERS ADDRESS|- no|between|within [MODEL…]`
"""

import hashlib
import multiprocessing
import sys
import threading
from pathlib import Path
from typing import Any

from safetensors import safe_open

from fedh2l.learner import under
from fedh2l.simulation import cluster, run_folder
from fedh2l.simulation.settings import compose
from fedh2l.simulation.simulate import Evaluation, simulate
from fedh2l.wire.state import Shelf, WireState

SMALL: dict[str, Any] = {"rounds": 4, "steps": 2, "evaluate": 2, "codec": "lattice"}
actors: list[Any] = []
killed: list[str] = []


class Noted(cluster.ActorWorker):
    """An actor that can be found and killed."""

    def __init__(self, ray: Any, actor: Any) -> None:
        super().__init__(ray, actor)
        actors.append(actor)


def kill_one() -> None:
    if actors:
        import ray

        ray.kill(actors[0], no_restart=True)
        killed.append("an actor")
    else:
        multiprocessing.active_children()[0].kill()
        killed.append("a process")


def hash_of(folder: Path) -> str:
    """Of all arrays in the last checkpoint, whichever worker saved them."""
    (place,) = (p for p in (folder / "checkpoints").iterdir() if p.is_dir())
    sha = hashlib.sha256()
    for path in sorted(place.glob("*.safetensors")):
        if path.name.endswith(".read.safetensors"):
            continue
        state, about = read(path)
        shelf = Shelf()
        if about.get("read"):
            shelf.load_state_dict(read(place / f"{about['read']}.safetensors")[0])
        wire = WireState(path.stem)
        wire.load_state_dict(under(state, "wire."), shelf)
        arrays = {k: v for k, v in state.items() if not k.startswith("wire.")} | wire.state_dict()
        for key in sorted(arrays):
            sha.update(f"{path.stem} {key}".encode() + arrays[key].tobytes())
    return sha.hexdigest()


def read(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    with safe_open(path, "numpy") as file:
        return {n: file.get_tensor(n) for n in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118


def main(folder: str, workers: str, address: str, kill: str, *models: str) -> None:
    cluster.ActorWorker = Noted
    experiment = compose(SMALL | {"peers": list(models)}).resolved()
    on = None if address == "-" else address
    with run_folder.open_new(Path(folder), experiment) as run:
        for event in simulate(list(run.cells.values()), workers=int(workers), ray=on):
            run.take(event)
            if isinstance(event, Evaluation) and not event.last and kill == "between":
                kill_one()
            if isinstance(event, Evaluation) and not event.last and kill == "within":
                threading.Timer(0.1, kill_one).start()
        run.finish()
    assert bool(killed) == (kill != "no")
    print(hash_of(Path(folder)))


if __name__ == "__main__":
    main(*sys.argv[1:])
