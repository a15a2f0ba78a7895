"""Rows from a user's own files: arrays (.npz), a table (.csv, .parquet) or a folder of images with
a subfolder per class. There is one way to read them, whatever they are read for.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from fedh2l.data.image_files import holds_images
from fedh2l.data.own_rows import OwnRows
from fedh2l.data.site_files import site_files
from fedh2l.data.table_file import TABLES
from fedh2l.error import FedH2LError

LABEL, LABELS = "label", "y"  # what a column, and an array, of labels is usually called
Form = Literal["table", "arrays", "images"]


def form_of(path: Path) -> Form:
    """What lies there, by its name; FedH2LError where it is nothing that can be read."""
    if path.is_dir():
        return "images" if holds_images(path) or not site_files(path, TABLES) else "table"
    if not path.exists():
        raise FedH2LError(f"{path}: no such file or folder")
    if path.suffix.lower() == ".npz":
        return "arrays"
    if path.suffix.lower() in TABLES:
        return "table"
    raise FedH2LError(
        f"{path}: neither .npz, .csv, .parquet nor a folder of images with a subfolder per class; "
        "write arrays with numpy.savez(x=..., y=...)"
    )


def names_in(path: Path) -> list[str]:
    """The columns of a table, or the arrays of an archive, without their content."""
    form = form_of(path)
    if form == "table":
        from fedh2l.data.table_file import read_names

        return read_names(path)
    if form == "arrays":
        from fedh2l.data.arrays_file import read_names

        return read_names(path)
    return []


def read_rows(
    path: Path,
    *,
    label: str | None = None,
    side: int = 32,
    colour: bool = False,
    strict: bool = False,
    beside: Sequence[str] = (),
    leave_out: Sequence[str] = (),
    categories: Sequence[str] = (),
    text: str | None = None,
) -> OwnRows:
    """x and, where there are any, the labels as the file says them.

    label
        The column of labels (by default "label"), or the array ("y").
    side, colour
        Of images: they are scaled to side × side, of one channel or three, with values in [0, 1].
    strict
        Whether an image that cannot be read is refused, and not left out and named.
    beside, leave_out, categories
        Columns or arrays that are wanted as text beside the features, columns that are not wanted,
        and those whose numbers are names.
    text
        The column of texts, if rows are texts and no table.

    Raises FedH2LError, which names the file, where it cannot be read or would not fit.
    """
    form = form_of(path)
    if form == "images":
        from fedh2l.data.image_folder import read_images

        return read_images(path, side, colour, strict=strict)
    if form == "arrays":
        from fedh2l.data.arrays_file import read_arrays

        return read_arrays(path, label or LABELS, beside)

    from fedh2l.data.table_columns import table_rows, text_rows
    from fedh2l.data.table_file import read_table

    label = label or LABEL
    table, notes = read_table(path, keep=(label, *beside))
    named: dict[str, Any] = {"label": label, "beside": beside}
    if text is not None:
        rows = text_rows(table, str(path), text=text, **named)
    else:
        named |= {"leave_out": leave_out, "categories": categories}
        rows = table_rows(table, str(path), **named)
    return replace(rows, notes=notes + rows.notes)
