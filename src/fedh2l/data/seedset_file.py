"""The seed set as a file that members hand to one another: safetensors, with its digest checked
whenever it is read.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from fedh2l.data.own_files import Rows
from fedh2l.error import FedH2LError
from fedh2l.record.atomic import write_file
from fedh2l.seedset import SeedSet

# Of the typical distance of two seed examples: nearer than that, two rows are thought to be one.
NEAR = 0.05


def save_seed_set(seeds: SeedSet, path: Path) -> None:
    arrays = {"x": np.ascontiguousarray(seeds.x)}
    if seeds.labels is not None:
        arrays["labels"] = np.ascontiguousarray(seeds.labels)
    about = {
        "classes": seeds.classes,
        "view": seeds.view,
        "every": seeds.every,
        "mixtures": seeds.mixtures,
        "owners": None if seeds.owners is None else [str(o) for o in seeds.owners],
        "digest": seeds.digest,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, save(arrays, metadata={"fedh2l": json.dumps(about)}))


def load_seed_set(path: Path) -> SeedSet:
    """The seed set in a file.

    Raises FedH2LError when the file is not one, or is not what it was when it was written.
    """
    try:
        with safe_open(path, "numpy") as file:
            about: dict[str, Any] = json.loads((file.metadata() or {}).get("fedh2l", "null"))
            arrays = {k: file.get_tensor(k) for k in file.keys() if k in ("x", "labels")}  # noqa: SIM118  (no mapping)
        owners = None if about["owners"] is None else np.array([str(o) for o in about["owners"]])
        classes = tuple(str(c) for c in about["classes"])
        view, every, mixtures = about["view"], int(about["every"]), bool(about["mixtures"])
        if (
            view not in ("none", "shift", "geometry")
            or every < 1
            or (owners is not None and len(owners) != len(arrays["x"]))
        ):
            raise FedH2LError(
                f"{path}: no seed set: view {str(view)[:20]!r}, every {every}, or a wrong number "
                "of owners"
            )
        seeds = SeedSet(arrays["x"], classes, arrays.get("labels"), owners, view, every, mixtures)
    except FileNotFoundError as error:
        raise FedH2LError(f"{path}: no such file; ask the convener for the seed set") from error
    except (SafetensorError, OSError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise FedH2LError(
            f"{path}: not a seed set of fedh2l ({error}); make one with fedh2l seedset build"
        ) from error
    if seeds.digest != about["digest"]:
        raise FedH2LError(
            f"{path}: its content is not what its digest says; it was changed or damaged: ask "
            "for it again"
        )
    return seeds


def seed_set_of(
    parts: Mapping[str, Rows],
    classes: Sequence[str] | None,
    *,
    labelled: bool,
    per_class: int | None,
    **views: Any,
) -> SeedSet:
    """One seed set of what each contributor gives.

    Without `classes` they are what the labels say, in sorted order.
    """
    shapes = {name: rows.x.shape[1:] for name, rows in parts.items()}
    if len(set(shapes.values())) > 1:
        raise FedH2LError(
            f"rows of unlike shapes: {', '.join(f'{n} {s}' for n, s in shapes.items())}; every "
            "contributor needs the same"
        )
    x = np.concatenate([r.x for r in parts.values()])
    owners = np.concatenate([np.full(len(r.x), n) for n, r in parts.items()])
    silent = [n for n, r in parts.items() if r.y is None or len(r.y) != len(r.x)]
    if silent and (labelled or classes is None):
        raise FedH2LError(
            f"{silent[0]}: no labels (y), or not one per row; give labels, or --unlabelled and "
            "--classes"
        )
    labels = None
    if not silent:
        names = np.concatenate(
            [np.array([_name(v) for v in r.y]) for r in parts.values() if r.y is not None]
        )
        known = (
            list(classes)
            if classes
            else sorted(
                set(names), key=lambda n: (not n.isdigit(), int(n) if n.isdigit() else 0, n)
            )
        )
        if unknown := sorted(set(names) - set(known)):
            raise FedH2LError(
                f"label {unknown[0]!r} is not among the classes {', '.join(known)}; correct "
                "--classes or the file"
            )
        labels = np.array([known.index(n) for n in names])
        if per_class is not None:
            pick = np.sort(
                np.concatenate([np.flatnonzero(labels == c)[:per_class] for c in range(len(known))])
            )
            x, labels, owners = x[pick], labels[pick], owners[pick]
        classes = known
    return SeedSet(
        x,
        tuple(classes or ()),
        labels if labelled else None,
        owners if len(parts) > 1 else None,
        **views,
    )


def _name(label: Any) -> str:
    return str(int(label)) if isinstance(label, int | float | np.number) else str(label)


def balance(seeds: SeedSet) -> dict[str, int] | None:
    """Rows of each class, or None where there are no labels."""
    if seeds.labels is None:
        return None
    return {
        c: int(n)
        for c, n in zip(
            seeds.classes, np.bincount(seeds.labels, minlength=len(seeds.classes)), strict=True
        )
    }


def near_duplicates(seeds: SeedSet, private: np.ndarray) -> list[tuple[int, int]]:
    """(seed row, private row) that are the same, or nearly: a private row that all members would
    hold.
    """
    if private.shape[1:] != seeds.x.shape[1:]:
        raise FedH2LError(
            f"private rows of {private.shape[1:]}, seed rows of {seeds.x.shape[1:]}; the model "
            "must take both"
        )
    a, b = (v.reshape(len(v), -1).astype(np.float64) for v in (seeds.x, private))
    centre, scale = a.mean(0), a.std(0) + 1e-9
    a, b = (a - centre) / scale, (b - centre) / scale
    limit = (NEAR**2) * 2 * a.shape[1]  # two independent rows are √(2·features) apart
    found: list[tuple[int, int]] = []
    for start in range(0, len(b), 2000):
        block = b[start : start + 2000]
        apart = (a**2).sum(1)[:, None] + (block**2).sum(1)[None] - 2 * a @ block.T
        found += [(int(i), int(j) + start) for i, j in np.argwhere(apart <= limit)]
    return found


def differences(a: SeedSet, b: SeedSet) -> list[str]:
    """In what two seed sets differ, in plain sentences; nothing where they are one."""
    told = [
        f"{what}: {x} against {y}"
        for what, x, y in (
            ("rows", len(a), len(b)),
            ("shape of a row", a.x.shape[1:], b.x.shape[1:]),
            ("dtype", a.x.dtype, b.x.dtype),
            ("classes", list(a.classes), list(b.classes)),
            ("view", a.view, b.view),
            ("every", a.every, b.every),
            ("mixtures", a.mixtures, b.mixtures),
        )
        if x != y
    ]
    for what, x, y in (
        ("examples", a.x, b.x),
        ("labels", a.labels, b.labels),
        ("owners", a.owners, b.owners),
    ):
        if (x is None) != (y is None):
            told.append(f"{what}: only in the {'second' if x is None else 'first'}")
        elif (
            x is not None
            and y is not None
            and x.shape == y.shape
            and (rows := np.flatnonzero((x != y).reshape(len(x), -1).any(1))).size
        ):
            told.append(f"{what}: {rows.size} rows differ, the first is row {rows[0]}")
    return told or ([] if a.digest == b.digest else ["the digests differ"])
