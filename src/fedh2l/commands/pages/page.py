"""A page from its template, as one file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader

from fedh2l.record.atomic import write_file
from fedh2l.record.units import percent, size

FILE = "report.html"
MOST = 16  # peers in a plot or a matrix; more could not be told apart
MOST_ROWS = 200  # peers in a table, so that the page can be sent by e-mail


def write_page(folder: Path, template: str, *, file: str = FILE, **values: Any) -> Path:
    """A file in the folder, written anew; all values are escaped but the figures."""
    pages = Environment(
        loader=PackageLoader("fedh2l.commands.pages"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = pages.get_template(template).render(percent=percent, size=size, **values)
    path = folder / file
    write_file(path, page.encode("utf-8", "replace"))
    return path


def with_content(headings: Mapping[str, str], values: Mapping[str, Any]) -> dict[str, str]:
    """The headings, by their ids, without those whose value is there and empty."""
    return {name: words for name, words in headings.items() if values.get(name, True)}
