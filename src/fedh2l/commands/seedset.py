"""`fedh2l seedset`: make the seed set, read out its fingerprint, check it against my own data,
compare two.
"""

import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from fedh2l.commands.answer import Json, tell
from fedh2l.data.own_files import read_rows
from fedh2l.data.seedset_file import (
    balance,
    differences,
    load_seed_set,
    near_duplicates,
    save_seed_set,
    seed_set_of,
)
from fedh2l.error import FedH2LError
from fedh2l.seedset import SeedSet


def build(
    sources: list[Path],
    *,
    out: Path = Path("seeds.safetensors"),
    classes: Annotated[list[str] | None, Parameter(consume_multiple=True)] = None,
    unlabelled: bool = False,
    per_class: int | None = None,
    view: str = "none",
    every: int = 1,
    mixtures: bool = False,
    label: str = "label",
    side: int = 32,
    colour: bool = False,
    as_json: Json = False,
) -> None:
    """Make the seed set that all members will hold. Put nothing private into it: every member sees
    every row.

    Parameters
    ----------
    sources
        .npz (arrays x and y), .parquet or a folder of images with a subfolder per class. Several:
        each row's owner is remembered.
    out
        The file to write.
    classes
        The classes in their order; by default what the labels say, sorted.
    unlabelled
        Leave the labels out: members agree on the examples only.
    per_class
        At most as many rows of each class.
    view
        For images: what changes each round (none, shift, geometry).
    every
        Rounds for which a view is kept.
    mixtures
        For images: ask about mixtures of two examples as well.
    label
        The label's column of a .parquet file.
    side
        Images are scaled to side × side.
    colour
        Three channels instead of grey.
    as_json
        Answer in JSON.
    """
    names = [s.stem for s in sources]
    if len(set(names)) < len(names):
        raise FedH2LError(
            f"two sources of one name among {', '.join(names)}; the name says who gave a row, so "
            "rename one"
        )
    parts = {s.stem: read_rows(s, label=label, side=side, colour=colour) for s in sources}
    views: dict[str, Any] = {"view": view, "every": every, "mixtures": mixtures}
    seeds = seed_set_of(parts, classes, labelled=not unlabelled, per_class=per_class, **views)
    save_seed_set(seeds, out)
    tell(_about(seeds) | {"file": str(out)}, as_json)


def hash_(file: Path, *, as_json: Json = False) -> None:
    """The digest of a seed set, and its fingerprint to read out over the telephone.

    Parameters
    ----------
    file
        A seed set.
    as_json
        Answer in JSON.
    """
    seeds = load_seed_set(file)
    tell({"fingerprint": seeds.fingerprint, "digest": seeds.digest}, as_json)


def check(
    file: Path,
    *,
    private: Path | None = None,
    label: str = "label",
    side: int = 32,
    colour: bool = False,
    as_json: Json = False,
) -> None:
    """Is this seed set whole and balanced, and are private rows of mine in it? Exits with 1 when
    some are.

    Parameters
    ----------
    file
        A seed set.
    private
        My own data, as for `build`. They stay here.
    label
        The label's column of a .parquet file.
    side
        Images are scaled to side × side.
    colour
        Three channels instead of grey.
    as_json
        Answer in JSON.
    """
    seeds = load_seed_set(file)
    found = _about(seeds)
    if private is not None:
        pairs = near_duplicates(seeds, read_rows(private, label=label, side=side, colour=colour).x)
        found |= {
            "near duplicates": len(pairs),
            "pairs": [{"seed row": a, "private row": b} for a, b in pairs[:20]],
        }
    tell(found, as_json)
    if found.get("near duplicates"):
        print(
            "fedh2l: rows of yours, or nearly, are in the seed set, where every member sees "
            "them; is that meant?",
            file=sys.stderr,
        )
        sys.exit(1)


def diff(first: Path, second: Path, *, as_json: Json = False) -> None:
    """In what two seed sets differ. Exits with 1 when they do.

    Parameters
    ----------
    first
        A seed set.
    second
        Another.
    as_json
        Answer in JSON.
    """
    told = differences(load_seed_set(first), load_seed_set(second))
    tell({"same": not told, "differences": told}, as_json)
    if told:
        sys.exit(1)


def _about(seeds: SeedSet) -> dict[str, Any]:
    counts = balance(seeds)
    uneven = bool(counts) and max(counts.values()) > 3 * min(counts.values())
    return {
        "rows": len(seeds),
        "row": str(seeds.x.shape[1:]),
        "classes": counts or ", ".join(seeds.classes),
        "labels": "no"
        if counts is None
        else "yes, balanced"
        if not uneven
        else "yes, uneven: look at the classes",
        "fingerprint": seeds.fingerprint,
        "digest": seeds.digest,
    }
