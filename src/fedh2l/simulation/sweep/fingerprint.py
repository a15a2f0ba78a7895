"""What names a cell: a hash of its configuration, its data, and the code that computes it."""

import json
from functools import lru_cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import fedh2l
from fedh2l.data.domains import DataSet
from fedh2l.own_code import is_own_code
from fedh2l.simulation.experiment import Experiment
from fedh2l.simulation.settings import digest_of, settings_of
from fedh2l.simulation.summary import versions

# Folders and files that no result of a cell depends on.
APART = (
    "commands",
    "live",
    "templates",
    "cli.py",
    "__main__.py",
    "simulation/leak",
    "simulation/sweep",
)
# Frameworks besides those that `versions` has: their sums, too, are in the results.
FRAMEWORKS = ("lightgbm", "xgboost-cpu", "xgboost", "jax", "flax", "optax", "keras", "scipy")


@lru_cache(maxsize=1)
def code_version() -> str:
    """A hash over the package's source, as far as it computes, and the versions below it."""
    package = Path(fedh2l.__file__).parent
    sha = sha256()
    for path in sorted(package.rglob("*.py")):
        place = path.relative_to(package)
        folders = {parent.as_posix() for parent in place.parents} | {place.as_posix()}
        if not folders & set(APART):
            sha.update(f"{place.as_posix()} {sha256(path.read_bytes()).hexdigest()}\n".encode())
    below = versions()
    for name in FRAMEWORKS:
        try:
            below[name] = version(name)
        except PackageNotFoundError:
            continue
    sha.update(json.dumps(below, sort_keys=True).encode())
    return sha.hexdigest()[:16]


def name_of_cell(experiment: Experiment) -> str:
    """The same for the same results, and another one once anything that decides them differs.

    Reads all of the data.
    """
    parts = {
        "configuration": digest_of(experiment),
        "data": _data(experiment.data, experiment.domains, experiment.seed),
        "code": code_version(),
        "files": _files(experiment),
    }
    return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


@lru_cache(maxsize=4096)
def _data(data: DataSet, domains: int, seed: int) -> str:
    return data.load(domains, seed).digest


def _files(experiment: Experiment) -> dict[str, str]:
    """Of each file of the user's that the configuration names: models, and a graph of edges."""
    names = [word.rpartition("=")[2] for word in experiment.peers or ()]
    files = [Path(n.rpartition(":")[0]) for n in names if is_own_code(n)]
    data = settings_of(experiment)["data"]
    if is_own_code(data):
        files.append(Path(data.rpartition(":")[0]))
    if Path(experiment.network.graph).is_file():
        files.append(Path(experiment.network.graph))
    return {str(file): sha256(file.read_bytes()).hexdigest() for file in files}
