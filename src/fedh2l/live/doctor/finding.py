"""One thing that was looked at before joining."""

from typing import NamedTuple


class Finding(NamedTuple):
    """`what` was looked at, what was `found`, and how to `fix` it where it is not `ok`."""

    what: str
    ok: bool
    found: str
    fix: str = ""
