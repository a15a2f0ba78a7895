"""`fedh2l seedset`: make the seed set, read out its fingerprint, check it against my own data,
compare two.
"""

import sys
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from cyclopts import Parameter

from fedh2l.commands.answer import Json, tell
from fedh2l.data.near_duplicates import near_duplicates
from fedh2l.data.own_files import read_rows
from fedh2l.data.own_rows import OwnRows
from fedh2l.data.seedset_about import about, differences
from fedh2l.data.seedset_build import in_order, seed_set_of
from fedh2l.data.seedset_file import check_out, load_columns, load_seed_set, save_seed_set
from fedh2l.error import FedH2LError
from fedh2l.rows import kind_of
from fedh2l.seedset import SeedSet


def build(
    sources: list[Path],
    *,
    out: Path = Path("seeds.safetensors"),
    classes: Annotated[list[str] | None, Parameter(consume_multiple=True)] = None,
    unlabelled: bool = False,
    partly_labelled: bool = False,
    per_class: int | None = None,
    view: str = "none",
    every: int = 1,
    mixtures: bool = False,
    turned: bool = False,
    label: str | None = None,
    side: int = 32,
    colour: bool = False,
    strict: bool = False,
    overwrite: bool = False,
    as_json: Json = False,
) -> None:
    """Make the seed set that all members will hold. Put nothing private into it: every member sees
    every row.

    Parameters
    ----------
    sources
        .npz (arrays x and y), .csv, .parquet or a folder of images with a subfolder per class.
        Several: each row's owner is remembered.
    out
        The file to write.
    classes
        The classes in their order; by default what the labels say, sorted.
    unlabelled
        Leave the labels out: members agree on the examples only.
    partly_labelled
        Some rows have no label, and that is meant: members agree on them, too, and what all believe
        of them does the work of labels. A source without any labels beside one with labels needs no
        such word.
    per_class
        At most as many rows of each class, taken from the sources in turn.
    view
        What changes each round. Images: geometry, shift. Tables: swap. Texts: words. Or none.
    every
        Rounds for which a view is kept.
    mixtures
        Ask about mixtures of two examples as well.
    turned
        Ask about images also as turned as those of another source, where the rows show that.
    label
        The column of labels, by default "label", or the array, by default "y".
    side
        Images are scaled to side × side.
    colour
        Three channels instead of grey.
    strict
        Refuse an image that cannot be read, instead of leaving it out.
    overwrite
        Replace the file `out` where there is one.
    as_json
        Answer in JSON.
    """
    check_out(out, sources, overwrite)
    names = [s.stem for s in sources]
    if len(set(names)) < len(names):
        raise FedH2LError(
            f"two sources of one name among {', '.join(names)}; the name says who gave a row, so "
            "rename one"
        )
    parts = {
        s.stem: read_rows(s, label=label, side=side, colour=colour, strict=strict) for s in sources
    }
    notes = [note for rows in parts.values() for note in rows.notes]
    columns = next((rows.columns for rows in parts.values() if rows.columns), None)

    views: dict[str, Any] = {"view": view, "every": every, "mixtures": mixtures, "turned": turned}
    seeds = seed_set_of(
        parts,
        classes,
        labelled=not unlabelled,
        gaps=partly_labelled,
        per_class=per_class,
        **views,
    )
    save_seed_set(seeds, out, columns)
    about_rows = {"notes": notes} if notes else {}
    tell(about(seeds) | {"file": str(out)} | about_rows, as_json)


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
    label: str | None = None,
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
        The column of labels, by default "label", or the array, by default "y".
    side
        Images are scaled to side × side.
    colour
        Three channels instead of grey.
    as_json
        Answer in JSON.
    """
    seeds = load_seed_set(file)
    found = about(seeds)
    if private is not None:
        rows = read_rows(private, label=label, side=side, colour=colour)
        found |= _compared(seeds, load_columns(file), rows, private)
    tell(found, as_json)

    # What was not compared is no all-clear.
    if found.get("near duplicates"):
        print(
            "fedh2l: rows of yours, or nearly, are in the seed set, where every member sees "
            "them; is that meant?",
            file=sys.stderr,
        )
        sys.exit(1)
    if found.get("rows not compared"):
        print(
            "fedh2l: rows of yours could not be compared, because less than half of their values "
            "are finite; fill them in, and check again",
            file=sys.stderr,
        )
        sys.exit(1)


def _compared(
    seeds: SeedSet, columns: list[str] | None, rows: OwnRows, private: Path
) -> dict[str, Any]:
    """What a member is told of its own rows beside the seed set."""
    source = str(private)
    x = rows.array(source) if columns is None else in_order(rows, columns, source, "the seed set")
    found = near_duplicates(seeds.x, x)
    answer: dict[str, Any] = {
        "private rows": len(rows),
        "near duplicates": len(found.pairs),
        "pairs": [{"seed row": a, "private row": b} for a, b in found.pairs[:20]],
    }
    if kind_of(x) not in ("table", "text"):
        answer["values"] = f"seed rows {_range(seeds.x)}, private rows {_range(x)}"
    if found.not_compared:
        answer["rows not compared"] = len(found.not_compared)
    if rows.notes:
        answer["notes"] = list(rows.notes)
    return answer


def _range(x: np.ndarray) -> str:
    finite = x[np.isfinite(x)]
    return f"{finite.min():g} to {finite.max():g}" if finite.size else "none"


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
