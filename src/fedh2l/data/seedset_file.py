"""The seed set as a file that members hand to one another: safetensors, with its digest checked
whenever it is read.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from fedh2l.error import FedH2LError
from fedh2l.record.atomic import write_file
from fedh2l.record.raw_types import packed, unpacked
from fedh2l.seedset import SeedSet
from fedh2l.tables import names_of
from fedh2l.views import VIEWS


def check_out(out: Path, sources: Sequence[Path], overwrite: bool) -> None:
    """Refuse to write where somebody's data are, before anything is read."""
    for source in sources:
        place = source.resolve()
        if out.resolve() == place or place in out.resolve().parents:
            raise FedH2LError(
                f"--out {out} is, or lies in, the source {source}, which would be lost; name "
                "another file"
            )
        if out.exists() and source.exists() and out.samefile(source):
            raise FedH2LError(f"--out {out} is the source {source}; name another file")
    if out.is_dir():
        raise FedH2LError(f"--out {out} is a folder; name a file in it")
    if out.exists() and not overwrite:
        raise FedH2LError(f"--out {out} exists; name another file, or give --overwrite")


def save_seed_set(seed_set: SeedSet, path: Path, columns: Sequence[str] | None = None) -> None:
    """Write the seed set; `columns`: the names of a table's features, for `check --private`."""
    arrays = {"x": seed_set.x}
    if seed_set.labels is not None:
        arrays["labels"] = seed_set.labels
    tensors, types = packed(arrays)
    about = {
        "classes": seed_set.classes,
        "view": seed_set.view,
        "every": seed_set.every,
        "mixtures": seed_set.mixtures,
        "turned": seed_set.turned,
        "owners": None if seed_set.owners is None else [str(o) for o in seed_set.owners],
        "digest": seed_set.digest,
    }
    # What a file does not need is not in it, so that its bytes depend on nothing else.
    about |= {"types": types} if types else {}
    about |= {} if columns is None else {"columns": list(columns)}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, save(tensors, metadata={"fedh2l": json.dumps(about)}))


def load_seed_set(path: Path) -> SeedSet:
    """The seed set in a file.

    Raises FedH2LError when the file is not one, or is not what it was when it was written.
    """
    try:
        about, arrays = _read(path)
        seed_set = _made(about, arrays)
        digest = about["digest"]
    except FileNotFoundError as error:
        raise FedH2LError(f"{path}: no such file; ask the convener for the seed set") from error
    except FedH2LError as error:
        raise FedH2LError(f"{path}: {error}") from error
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise FedH2LError(
            f"{path}: not a seed set of fedh2l ({error}); make one with fedh2l seedset build"
        ) from error
    if seed_set.digest != digest:
        raise FedH2LError(
            f"{path}: its content is not what its digest says; it was changed or damaged: ask "
            "for it again"
        )
    return seed_set


def load_columns(path: Path) -> list[str] | None:
    """The names of the features of a table, in their order, where the seed set was made of one."""
    about, arrays = _read(path)
    columns = names_of(arrays["x"]) or about.get("columns")
    return None if columns is None else list(columns)


def _read(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    with safe_open(path, "numpy") as file:
        about: dict[str, Any] = json.loads((file.metadata() or {}).get("fedh2l", "null"))
        names = [name for name in ("x", "labels") if name in file.keys()]  # noqa: SIM118  (no mapping)
        tensors = {name: file.get_tensor(name) for name in names}
    return about, unpacked(tensors, about.get("types", {}))


def _made(about: dict[str, Any], arrays: dict[str, np.ndarray]) -> SeedSet:
    """The seed set that the file describes, once its settings are known to be some."""
    view, every = about["view"], int(about["every"])
    mixtures, turned = bool(about["mixtures"]), bool(about.get("turned"))
    if view not in VIEWS or every < 1:
        raise FedH2LError(f"no seed set: view {str(view)[:20]!r}, every {every}")
    owners = None if about["owners"] is None else np.array([str(o) for o in about["owners"]])
    if owners is not None and len(owners) != len(arrays["x"]):
        raise FedH2LError(f"no seed set: {len(owners)} owners of {len(arrays['x'])} rows")
    classes = tuple(str(c) for c in about["classes"])
    return SeedSet(
        arrays["x"], classes, arrays.get("labels"), owners, view, every, mixtures, turned
    )
